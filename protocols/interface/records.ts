/** What a member may do: admin ⊃ curator ⊃ member (DESIGN: identity, roles, admission). */
export type MemberRole = 'admin' | 'curator' | 'member';

/** The roles, from the least to the most. */
export const MEMBER_ROLES = ['member', 'curator', 'admin'] as const satisfies readonly MemberRole[];

/** Facts about the mesh itself; table `mesh`, key `mesh`. */
export interface MeshRecord {
  /** The CID of the genesis: the mesh's id. */
  readonly id: string;
  readonly name: string;
  /** Public half of the operator recovery key: 32 bytes. */
  readonly recovery: Uint8Array;
  /** The version of entries and messages that all members support. */
  readonly level: number;
  /** Peers with a vote. */
  readonly voters: readonly string[];
  /** Peers that receive the log as voters do, without a vote: on their way to a seat. */
  readonly learners: readonly string[];
  readonly votersTarget: 'auto' | 1 | 3 | 5;
  readonly createdMs: number;
}

/** Who voted from an index on; table `voterset`, key = 8-digit number from 1. */
export interface VoterSetRecord {
  /** Index of the entry that brought it. */
  readonly index: number;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

/** Key of the table `voterset`: sorts in the order in which the configurations came. */
export function voterSetKey(n: number): string {
  return String(n).padStart(8, '0');
}

/** The leader as the log announces it; table `mesh`, key `leader`. */
export interface LeaderRecord {
  readonly peer: string;
  readonly term: number;
  /** Age recipient that enrolments of this term are sealed to. */
  readonly recipient: string;
  readonly index: number;
}

/** A member, also after its removal; table `member`, key = peer id. */
export interface MemberRecord {
  readonly peer: string;
  readonly name: string;
  readonly role: MemberRole;
  /** Last addresses the member registered. */
  readonly addresses: readonly string[];
  /** Log index of the admission. */
  readonly addedIndex: number;
  /** Public key (hex) of the invite that admitted it; null for the first member. */
  readonly invite: string | null;
  /** Log index of the removal; null while it is a member. */
  readonly removedIndex: number | null;
  /** The start that the member registered last. */
  readonly boot: number;
  /**
   * What tells two live starts with the same number apart: hex. Empty before the first
   * registration.
   */
  readonly bootNonce: string;
  /** Set when two starts claimed one boot number: both stop; a later start clears it. */
  readonly isCloned: boolean;
  /** Mesh levels that the member's program supports, from and to. */
  readonly levels: readonly [number, number];
}

/** An invite; table `invite`, key = public key in hex. The seed is with whoever was invited. */
export interface InviteRecord {
  readonly role: MemberRole;
  readonly usesLeft: number;
  readonly expiresMs: number;
  /** The member that issued it: when that one is removed, its invites are revoked. */
  readonly issuer: string;
  readonly isRevoked: boolean;
}

/** The last command batch that was applied of one origin; table `origin`, key = peer id. */
export interface OriginRecord {
  readonly boot: number;
  readonly seq: number;
}

/** The canonical tuple of an agent (DESIGN: agent ids and enrolment). */
export interface AgentTuple {
  readonly model: string;
  readonly hostname: string;
  /** 12 lower-case hex digits. */
  readonly mac: string;
  /** GPU index in decimal, 0 on a CPU-only host. */
  readonly gpuId: string;
}

/**
 * A granted agent; table `agent`, key = token. Stays after retirement: the token is never given to
 * another.
 */
export interface AgentRecord extends AgentTuple {
  readonly token: string;
  readonly number: number;
  readonly gpuSlot: number;
  /** SHA-256 of the canonical tuple: hex. */
  readonly hash: string;
  readonly tinyHash: string;
  /** The node that the agent lives on. */
  readonly peer: string;
  readonly grantedIndex: number;
  /** Log index of the retirement; null while it is granted. */
  readonly retiredIndex: number | null;
}

/** A number: one model on one host; table `number`, key = decimal number. */
export interface NumberRecord {
  readonly model: string;
  readonly hostname: string;
  readonly mac: string;
  /** GPU slot (decimal) -> token. */
  readonly slots: Readonly<Record<string, string>>;
}

/** Who handed something in: the node, and the agent on it when it was one. */
export interface AuthorRecord {
  readonly peer: string;
  /** Token. */
  readonly agent?: string;
}

/** A submission, without its content; table `submission`, key = content id. */
export interface SubmissionRecord {
  readonly kind: 'dr';
  readonly address: string;
  readonly title: string;
  readonly author: AuthorRecord;
  /** Index of the entry that brought it. */
  readonly index: number;
  /** Agreed time of that entry. */
  readonly timeMs: number;
  /** When its node accepted it, by that node's clock. */
  readonly acceptedMs: number;
  /** Which one it is at its address, from 1, in log order. */
  readonly version: number;
}

/** What stands at an address; table `addressed`, key = address. */
export interface AddressRecord {
  /** How many versions there are. */
  readonly versions: number;
  /** Content id of the last one. */
  readonly id: string;
}

/** Every table of the replicated state, with the type of its values. */
export interface StateTables {
  /** Keys `mesh` and `leader`. */
  readonly mesh: MeshRecord | LeaderRecord;
  /** Every configuration of voters there ever was: the links of the trust chain. */
  readonly voterset: VoterSetRecord;
  readonly member: MemberRecord;
  readonly invite: InviteRecord;
  readonly origin: OriginRecord;
  readonly agent: AgentRecord;
  readonly number: NumberRecord;
  /** Tuple hash (hex) -> token. */
  readonly hash: string;
  /** Tiny hash -> tokens (48 bits may collide). */
  readonly tiny: readonly string[];
  /** `hostname|mac` -> the peer that owns that host. */
  readonly host: string;
  /** `model|hostname|mac` -> number. */
  readonly model: number;
  /** Peer -> the last enrolment that was decided, so that none is decided twice. */
  readonly enrolment: OriginRecord;
  /**
   * Key `lowestFree`: no agent number below it is free. Key `submissions`: how many there are.
   */
  readonly cursor: number;
  readonly submission: SubmissionRecord;
  /** Content id -> canonical bytes of the content. */
  readonly content: Uint8Array;
  /** {@link submittedKey} -> content id: all submissions in log order. */
  readonly submitted: string;
  readonly addressed: AddressRecord;
  /** {@link versionKey} -> content id: the versions at an address but for the last one. */
  readonly version: string;
}

/** A table's name. */
export type StateTable = keyof StateTables;

/**
 * Tables that grow with what is handed in. Their values are not kept in memory but read from the
 * store when they are asked for, so they can be read by key only.
 */
export const COLD_TABLES = [
  'addressed',
  'content',
  'submission',
  'submitted',
  'version',
] as const satisfies readonly StateTable[];

/** One of {@link COLD_TABLES}. */
export type ColdTable = (typeof COLD_TABLES)[number];

/** A table that is kept in memory. */
export type HotTable = Exclude<StateTable, ColdTable>;

const COLD: ReadonlySet<StateTable> = new Set(COLD_TABLES);

/** Whether the table is one of {@link COLD_TABLES}. */
export function isColdTable(table: StateTable): table is ColdTable {
  return COLD.has(table);
}

/** Key of the table `submitted`: the n-th submission of the mesh, from 1. */
export function submittedKey(n: number): string {
  return String(n).padStart(12, '0');
}

/** Key of the table `version`. An address has no spaces, so no two meet. */
export function versionKey(address: string, version: number): string {
  return `${address} ${String(version).padStart(12, '0')}`;
}

/** Reads the replicated state. Values are shared and must not be changed. */
export interface StateReader {
  /** The value. @throws CooeeError ERR_STORAGE_* of a cold table, while the store cannot be read */
  get<T extends StateTable>(table: T, key: string): StateTables[T] | undefined;
  /** All entries of a table, in no particular order. Not for hot paths. */
  entries<T extends HotTable>(table: T): Iterable<readonly [string, StateTables[T]]>;
  /** Entries of a table. */
  size(table: HotTable): number;
}

/** Changes the replicated state while one command is applied. */
export interface StateWriter extends StateReader {
  put<T extends StateTable>(table: T, key: string, value: StateTables[T]): void;
  delete(table: StateTable, key: string): void;
}

import type { CallRecord, OpenCallRecord } from './calls.ts';
import type {
  AddressRecord,
  AgentRecord,
  AttachedRecord,
  BlockUseRecord,
  DecisionRecord,
  InviteRecord,
  LeaderRecord,
  MemberRecord,
  MeshRecord,
  NumberRecord,
  OriginRecord,
  RevisionRecord,
  SubmissionRecord,
  VoterSetRecord,
} from './records.ts';

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
   * Key `calls`: how many there are.
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
  /** {@link versionKey} of a submission's id -> decision: all there ever were. */
  readonly decision: DecisionRecord;
  readonly attached: AttachedRecord;
  readonly blockuse: BlockUseRecord;
  readonly call: CallRecord;
  /** {@link calledKey} -> id: all calls in log order. */
  readonly called: string;
  readonly openCall: OpenCallRecord;
  /** Peer, or `peer token` of an agent on it -> how many of its calls are not settled. */
  readonly openCalls: number;
  /** Address -> how many revisions there are. */
  readonly revised: number;
  /** {@link versionKey} -> revision: every version of a record that changes in place. */
  readonly revision: RevisionRecord;
}

/** A table's name. */
export type StateTable = keyof StateTables;

/**
 * Tables that grow with what is handed in. Their values are not kept in memory but read from the
 * store when they are asked for, so they can be read by key only.
 */
const COLD_TABLES = [
  'addressed',
  'attached',
  'call',
  'called',
  'content',
  'decision',
  'revised',
  'revision',
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

/** Key of the table `called`: the n-th call of the mesh, from 1. */
export function calledKey(n: number): string {
  return submittedKey(n);
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

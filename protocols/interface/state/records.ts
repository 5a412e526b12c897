import type { CallRecord } from './calls.ts';

/** What a member may do: admin ⊃ curator ⊃ member (docs/protocols/membership.md). */
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
  /** Number and id of the recovery that began this epoch; not there in the first one. */
  readonly epoch?: number;
  readonly recovery?: string;
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

/** The canonical tuple of an agent (docs/protocols/agent-id.md). */
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

/** A block by its id, and how long it is. */
export interface BlockRecord {
  readonly cid: string;
  readonly bytes: number;
}

/** A submission, without its content; table `submission`, key = content id. */
export interface SubmissionRecord {
  readonly kind: 'dr' | 'pr';
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
  /** Its content, when that is a block; else the table `content` has it. */
  readonly block?: BlockRecord;
  readonly patch?: BlockRecord;
  /** Links whose target was not there when it was committed; left out for none. */
  readonly unresolved?: number;
  /** The decision in force; all of them are in the table `decision`. */
  readonly decision?: DecisionRecord;
  /** The first submission that took its place. */
  readonly superseded?: SupersededRecord;
}

/** What became of a submission, by the word of a curator. */
export interface DecisionRecord {
  /** Which one it is of that submission, from 1. */
  readonly version: number;
  /** One word: `merged`, `accepted`, `rejected`, … */
  readonly as: string;
  readonly why: string;
  /** The curator's node, and the person there when one was named. */
  readonly by: { readonly peer: string; readonly human?: string };
  readonly index: number;
  readonly timeMs: number;
}

/** What took the place of a submission. */
export interface SupersededRecord {
  /** Content id of the later one. */
  readonly id: string;
  readonly index: number;
  readonly timeMs: number;
}

/** A block that a submission refers to; table `attached`, key = CID. */
export interface AttachedRecord {
  /** Content id of the submission that was the first to refer to it. */
  readonly id: string;
  readonly bytes: number;
}

/** What blocks a member has brought in a day; table `blockuse`, key = peer id. */
export interface BlockUseRecord {
  /** When that day began, by the clock of the log. */
  readonly sinceMs: number;
  readonly bytes: number;
}

/** What stands at an address; table `addressed`, key = address. */
export interface AddressRecord {
  /** How many versions there are. */
  readonly versions: number;
  /** Content id of the last one. */
  readonly id: string;
}

/**
 * One version of a record that changes in place (an agent, a member, a call); table `revision`,
 * key = {@link versionKey}. Submissions have the table `version` instead: each is a record of its
 * own.
 */
export interface RevisionRecord {
  /** Which one it is at its address, from 1. */
  readonly version: number;
  /** Log index of the entry that made it. */
  readonly index: number;
  /** Agreed time of that entry. */
  readonly timeMs: number;
  /** What happened to the record then: `noun:verb`, as the event says it. */
  readonly cause: string;
  /** The record as it was from then on. */
  readonly value: RevisedValue;
}

/** The agents of a number as they were: for each GPU slot (decimal) the version of its agent. */
export interface NumberVersionRecord {
  readonly slots: Readonly<Record<string, number>>;
}

/** A record that keeps its versions. */
export type RevisedValue =
  | MemberRecord
  | AgentRecord
  | NumberVersionRecord
  | LeaderRecord
  | CallRecord;

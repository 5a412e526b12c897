/**
 * Who takes part in the log: voters elect and commit, learners only receive.
 *
 * One change at a time differs by at most one voter (Ongaro 2014, section 4.1), and holds from the
 * moment its entry is appended; truncating that entry undoes it.
 */
export interface Configuration {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

/** An entry as the core sees it: its place, and the configuration when it changes that. */
export interface RaftEntry {
  /** From 1, without holes. */
  readonly index: number;
  readonly term: number;
  /** The canonical bytes; the core never looks at them. */
  readonly bytes: Uint8Array;
  /** Set on an entry that changes the configuration. */
  readonly configuration?: Configuration;
}

/** Raft's persistent state (Ongaro and Ousterhout 2014, figure 2). */
export interface RaftHardState {
  readonly term: number;
  /** The peer voted for in `term`, or null. */
  readonly vote: string | null;
  /** The highest index known committed. */
  readonly commit: number;
}

/**
 * What two cores say to each other. `term` is the sender's, except in a pre-vote: there the next.
 */
export type RaftMessage = {
  readonly from: string;
  readonly to: string;
  readonly term: number;
} & MessageBody;

/** What a message says beside its ends and term, by type. */
export type MessageBody =
  | {
      readonly type: 'pre-vote' | 'vote';
      readonly lastIndex: number;
      readonly lastTerm: number;
      /** The leader asked for it (transfer): granted inside the election timeout. */
      readonly isTransfer: boolean;
    }
  | { readonly type: 'pre-vote-answer' | 'vote-answer'; readonly isGranted: boolean }
  | {
      readonly type: 'append';
      readonly prevIndex: number;
      readonly prevTerm: number;
      /**
       * Entries `prevIndex + 1 .. prevIndex + count`; the driver puts the bytes in (see `Ready`).
       */
      readonly count: number;
      readonly commit: number;
      /**
       * What this leader knows to be durable at the receiver in this term; absent = 0. One whose
       * log ends below it has lost what it acknowledged.
       */
      readonly acknowledged?: number;
    }
  | {
      readonly type: 'append-answer';
      /** Up to where the sender's durable log agrees with the leader's; on a refusal its hint. */
      readonly index: number;
      readonly isRefused: boolean;
      /** Of a refusal: the term at the hint, for skipping whole terms. */
      readonly hintTerm: number;
      /** The sender's last index, durable or not. */
      readonly lastIndex: number;
      /**
       * Given when the append's `acknowledged` was above `lastIndex`, echoed: the log is lost. Only
       * with it a late or repeated answer is not taken for a loss. Absent = 0.
       */
      readonly acknowledged?: number;
    }
  | {
      readonly type: 'heartbeat';
      readonly commit: number;
      /** The newest read that waits; 0 = none. An answer to it confirms all up to it. */
      readonly read: number;
    }
  | { readonly type: 'heartbeat-answer'; readonly read: number }
  /** The follower lacks what the leader has compacted: it fetches the state at or after `index`. */
  | { readonly type: 'snapshot'; readonly index: number; readonly indexTerm: number }
  /** Campaign at once: the leader hands over. */
  | { readonly type: 'timeout-now' };

/** Everything that can happen to a core. Each is given with the monotonic time in milliseconds. */
export type RaftInput =
  /** Time has passed. Must come at least once a heartbeat interval. */
  | { readonly type: 'tick' }
  /** A message from a peer; for `append`, with its entries (as many as its `count`). */
  | {
      readonly type: 'message';
      readonly message: RaftMessage;
      readonly entries?: readonly RaftEntry[];
    }
  /**
   * Leader only. Entries to append, indices and terms as {@link RaftStatus} says they follow (last
   * index + 1.., present term).
   */
  | { readonly type: 'propose'; readonly entries: readonly RaftEntry[] }
  /** What the last `Ready` asked to persist is durable. */
  | { readonly type: 'persisted' }
  /** The last open connection to the peer is gone (both directions). */
  | { readonly type: 'connection-lost'; readonly peer: string }
  | { readonly type: 'connected'; readonly peer: string }
  /** The driver could not deliver an append or a snapshot: probe again. */
  | { readonly type: 'unreachable'; readonly peer: string }
  /**
   * Leader only: confirm leadership now; answered by `Ready.reads` with this id (from 1, rising).
   */
  | { readonly type: 'read'; readonly id: number }
  /** Leader only: hand leadership to this voter. */
  | { readonly type: 'transfer'; readonly to: string }
  /** Follower: the state at `index` is durable here and the log goes on behind it. */
  | {
      readonly type: 'snapshot-installed';
      readonly index: number;
      readonly term: number;
      readonly configuration: Configuration;
    }
  /** The log was compacted: entries up to and including `index` are gone here. */
  | { readonly type: 'compacted'; readonly index: number };

/** What this node is in its term. */
export type RaftRole = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/**
 * What the driver must do, in this order: forget `truncateFrom` and up, persist `entries` with
 * `hardState` (one durable write), give `persisted`, then send `messagesAfter`. `messagesNow` may
 * go out before the write ends: the leader writes in parallel with its followers (Ongaro 2014,
 * section 10.2.1). The driver takes the next `Ready` only after `persisted`; inputs that come
 * meanwhile gather in the core.
 */
export interface Ready {
  /** Absent when unchanged. A change of `commit` alone does not ask for a write. */
  readonly hardState?: RaftHardState;
  /** Absent when nothing is cut. */
  readonly truncateFrom?: number;
  readonly entries: readonly RaftEntry[];
  /**
   * `append` messages name a range; the driver reads the bytes (memory or log). When it cannot, it
   * drops the message and gives `unreachable`.
   */
  readonly messagesNow: readonly RaftMessage[];
  readonly messagesAfter: readonly RaftMessage[];
  /** Apply up to here. Never falls. */
  readonly commit: number;
  /**
   * Reads that are confirmed: answer once `index` is applied. `index` 0 = refused (no longer
   * leader).
   */
  readonly reads: readonly { readonly id: number; readonly index: number }[];
  /**
   * Whether a proposal since the last one was refused: this node does not lead, or may not do that.
   */
  readonly isProposalDropped: boolean;
  /**
   * A snapshot that the leader asks this follower to fetch; absent when there is none. The driver
   * answers with `snapshot-installed` when it has it. Comes again, about once an election timeout,
   * while the leader waits: a driver that is at it ignores that.
   */
  readonly fetchSnapshot?: { readonly from: string; readonly index: number };
}

/** How far a follower is, as its leader sees it. */
export interface PeerProgress {
  readonly peer: string;
  readonly isLearner: boolean;
  /** Highest index known durable there. */
  readonly match: number;
  /** Whether it answered within the last election timeout. */
  readonly isActive: boolean;
  /** When it answered last (the time given with the input); 0 = never in this term. */
  readonly answeredMs: number;
  /**
   * It answered with less than it had acknowledged in this term: it lost its disk. Nothing more is
   * counted for it until it is removed and added again as a learner.
   */
  readonly hasLostLog: boolean;
}

/** What can be seen of a core at any moment. */
export interface RaftStatus {
  readonly self: string;
  readonly role: RaftRole;
  readonly term: number;
  readonly vote: string | null;
  /** The leader of the term, when known. */
  readonly leader: string | null;
  readonly commit: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /**
   * The configuration in force, with the index of the entry that brought it (0 = from the start).
   */
  readonly configuration: Configuration;
  readonly configurationIndex: number;
  /** To whom leadership is being handed, or null. Proposals are refused meanwhile. */
  readonly transferee: string | null;
  /** Leader only; empty otherwise. */
  readonly progress: readonly PeerProgress[];
  /**
   * As it was given at the start, until this node finds that the leader counts on entries that it
   * does not have: then false for good, and the driver has to remember it over a restart.
   */
  readonly canVote: boolean;
  /** Messages since the start that no correct peer sends: ignored. */
  readonly ignoredCount: number;
}

/** Settings of a core. */
export interface RaftInit {
  readonly self: string;
  readonly hardState: RaftHardState;
  /** What precedes the log: the entry at `index` has this term; 0 and 0 for a whole log. */
  readonly base: { readonly index: number; readonly term: number };
  /** The configuration at `base` (or at the last index of which it is known for certain). */
  readonly configuration: Configuration;
  /** Index of the entry that brought `configuration`; 0 = none. */
  readonly configurationIndex: number;
  /** What the log holds behind `base`: terms of all entries, and later configuration changes. */
  readonly log: readonly { readonly term: number; readonly configuration?: Configuration }[];
  /**
   * Whether this node may vote and acknowledge at all: false after damage or a restored copy, until
   * it was added as a learner again.
   */
  readonly canVote: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Monotonic time at the start, milliseconds. */
  readonly nowMs: number;
  readonly timing?: Partial<RaftTiming>;
}

/** Intervals, milliseconds, and windows. `validate` refuses combinations that cannot work. */
export interface RaftTiming {
  /** The leader says that it is there. Default 60. */
  readonly heartbeatMs: number;
  /**
   * Silence after which a follower campaigns: this, plus a random part of as much as
   * `electionSpreadMs`. Default 400: six heartbeats, and more than a busy event loop is late.
   */
  readonly electionMs: number;
  /** Default 200. */
  readonly electionSpreadMs: number;
  /** Longest random delay before campaigning after the leader's connection was lost. Default 30. */
  readonly connectionLostSpreadMs: number;
  /** Appends on their way to one follower that is up to date. Default 2. */
  readonly inflightMax: number;
  /** Entries in one append. Default 256. */
  readonly appendEntriesMax: number;
}

import type {
  Clock,
  CooeeError,
  Crypto,
  Health,
  KeyValueStore,
  Logger,
  LogStore,
  MessageLink,
  Metrics,
  Random,
  Signer,
} from '../../interface/index.ts';
import type { Configuration, RaftTiming } from '../../raft/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import type { Batch, SignedHead } from '../machine/codec.ts';
import type { EpochBook } from '../recovery/epoch-book.ts';
import type { Replica } from '../replica/replica.ts';
import type { Restored } from './seats/restored-seat.ts';

/** Where a log goes on behind an installed snapshot. */
export interface InstalledAt {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}

/**
 * Fetches the state at or after an index from a peer and makes it this node's; resolves when it is
 * durable.
 */
export type InstallFrom = (
  peer: string,
  indexMin: number,
  signal: AbortSignal,
) => Promise<InstalledAt>;

/** What the driver of Raft works with. */
export interface RaftDriverComponents {
  readonly meshLog: MeshLog;
  readonly link: MessageLink;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /**
   * The disk said no to a sync: what it holds is unknown, so the process must end and look again.
   */
  readonly onFatal: (error: CooeeError) => void;
  /** The leader has shown that this node forgot what it had acknowledged. */
  readonly onLostState: () => void;
  /** Role, term or leader changed. */
  readonly onChange: () => void;
  readonly installFrom: InstallFrom;
  /** Term of the entry at an index that a snapshot here is of. */
  readonly snapshotTerm?: (index: number) => number | undefined;
  /** Refuses a batch that cannot be proposed yet: it comes again. @throws CooeeError */
  readonly assertReady?: (batch: Batch) => void;
}

/** Settings of {@link RaftDriver}. */
export interface RaftDriverInit {
  /** Age recipient that enrolments are sealed to while this node leads. */
  readonly recipient: string;
  readonly timing?: Partial<RaftTiming>;
}

/** What taking part in the consensus takes. */
export interface ConsensusComponents
  extends Omit<RaftDriverComponents, 'onChange' | 'onLostState'> {
  /** Of the mesh: it holds the marks that keep a node from its seat. */
  readonly log: LogStore;
  readonly store: KeyValueStore;
  /** The highest head with a peer's signature that was verified here. */
  readonly signedBy: (
    peer: string,
  ) => { readonly bytes: Uint8Array; readonly signed: SignedHead } | undefined;
  /** Whether a change of voters waits for the signatures of the old ones. */
  readonly isUnlinked: () => boolean;
  /** Which epoch of the mesh is followed here. */
  readonly epochs: Pick<EpochBook, 'awaitedIndex' | 'isBehind' | 'rival'>;
  /** A follower by pull: made anew each time that this node has no seat. */
  readonly makeReplica: () => Replica;
}

/** Settings of {@link Consensus}. */
export interface ConsensusInit {
  readonly start: { readonly boot: number; readonly bootNonce: string };
  readonly recipient: string;
  readonly timing?: Partial<RaftTiming>;
  /** See `Autopilot`. */
  readonly voterAwayMs?: number | undefined;
  /** This home was put back from a backup, and has not taken that in yet. */
  readonly restored?: Restored | undefined;
}

import type { PrivateKey } from '@libp2p/interface';
import type {
  Clock,
  CooeeError,
  Crypto,
  FileStore,
  Health,
  KeyValueStore,
  Logger,
  LogStore,
  Metrics,
  Random,
  Sealer,
  Signer,
} from '../protocols/interface/index.ts';
import type { TrustAnchor } from '../protocols/membership/index.ts';
import type { Restored } from '../protocols/slurp/index.ts';
import type { Endpoint } from './webhook/index.ts';

/** What a node is built from: everything that outlives a mesh, and the stores of this one. */
export interface NodeComponents {
  readonly privateKey: PrivateKey;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly log: LogStore;
  readonly store: KeyValueStore;
  /** Of snapshots. */
  readonly files: FileStore;
  /** Tells what happened: to watchers, and to the daemon. */
  readonly onEvent: (event: NodeEvent) => void;
  /** Keeps in mind that the next start must have a higher number than this. */
  readonly noteBoot?: (boot: number) => Promise<void>;
  /** This home is an older copy of what ran before: the next start must know. */
  readonly noteStale?: () => Promise<void>;
  /** Begins another start of this node, with a number above those kept in mind. */
  readonly startAgain?: () => void;
  /** The disk failed in a way after which nothing may be acknowledged: the process must end. */
  readonly onFatal: (error: CooeeError) => void;
  /** What is applied here is not what the operator recovered elsewhere: it must begin anew. */
  readonly onSuperseded?: (() => void) | undefined;
}

/** Something that happened; committed when it has an index. */
export interface NodeEvent {
  readonly type: string;
  readonly address?: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly index?: number;
}

/** Settings of a node. */
export interface NodeInit {
  readonly meshId: string;
  /** What a follower trusts; the maker of a mesh needs none. */
  readonly anchor: TrustAnchor;
  /** Members that the invite named: where to begin until the member list is there. */
  readonly vouched: readonly { readonly peer: string; readonly address: string }[];
  readonly boot: { readonly boot: number; readonly bootNonce: string };
  /**
   * Log index of this node's admission, Infinity while that is not known: what the log says before
   * of a node that comes back is history. Default 0.
   */
  readonly admittedIndex?: number;
  /** Batch numbers that this start has used already. */
  readonly lastSeq: number;
  readonly name: string;
  /** Age recipient of this node. */
  readonly recipient: string;
  readonly listen: readonly string[];
  readonly mdns: boolean;
  /** Whether members may meet at this node, and whether it meets them at others. */
  readonly relay?: boolean | undefined;
  readonly useRelays?: boolean | undefined;
  readonly beatMs?: number | undefined;
  readonly leaseMs?: number | undefined;
  /** Entries from one snapshot to the next; the same on all members. */
  readonly snapshotEveryEntries?: number | undefined;
  readonly voterAwayMs?: number | undefined;
  /** The home was put back from a backup, and this is the first start since then. */
  readonly restored?: Restored | undefined;
  /** Who is told of calls by this node. */
  readonly webhooks?: readonly Endpoint[] | undefined;
}

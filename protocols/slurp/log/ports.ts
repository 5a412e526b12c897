import type {
  Clock,
  Crypto,
  Health,
  KeyValueStore,
  Logger,
  LogStore,
  Metrics,
  Random,
  StoreWrite,
} from '../../interface/index.ts';
import type { AppliedEntry } from '../machine/apply.ts';

/** What the log of a mesh is built from. */
export interface MeshLogComponents {
  readonly log: LogStore;
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Settings of `MeshLog`. */
export interface MeshLogInit {
  readonly meshId: string;
  /** Entries from one mark, at which a snapshot is taken, to the next; the same on every node. */
  readonly snapshotEveryEntries?: number | undefined;
  /** The highest level of a mesh that this program supports; default any. */
  readonly levelMax?: number | undefined;
}

/**
 * Adds writes that must be in the same batch of the store as the entry's own (the outbox forgets
 * what was decided).
 */
export type ApplyHook = (entry: AppliedEntry) => readonly StoreWrite[];

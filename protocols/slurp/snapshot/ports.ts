import type { Configuration } from '../../raft/index.ts';
import type { KeptHead } from '../heads/index.ts';

/** What snapshots need of those who judge heads: a part of the trust book. */
export interface MarkTrust {
  /** Index up to which it is known who votes. */
  readonly chainIndex: number;
  /** Where links are wanted once more, before that index. */
  readonly skipped: { readonly wanted: { readonly after: number } | undefined };
  /** The highest verified head that holds the CID of a state. */
  mark(): KeptHead | undefined;
  /** Called for each head that was verified. */
  onVerified(listener: (head: KeptHead) => void): void;
  /**
   * Verifies a head, after the links that came with it, and keeps it.
   *
   * @throws CooeeError ERR_SLURP_HEAD, ERR_SLURP_ANCHOR, ERR_WIRE_*, ERR_STORAGE_*
   */
  accept(bytes: Uint8Array, links?: readonly Uint8Array[]): Promise<KeptHead['signed']>;
  /** Checks a head by what is known now. @throws CooeeError as {@link accept}, but for storage */
  verify(bytes: Uint8Array): KeptHead['signed'];
}

/** Where an installed snapshot left this node's log: what Raft's core goes on from. */
export interface Installed {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}

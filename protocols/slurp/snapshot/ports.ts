import type { Configuration } from '../../raft/index.ts';

/** Where an installed snapshot left this node's log: what Raft's core goes on from. */
export interface Installed {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}

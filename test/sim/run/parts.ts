import type { HarmName } from '../world/nemesis.ts';
import type { RunInit, RunResult } from '../world/run.ts';

/** The simulations: Raft's core alone, and the whole of a mesh's replicated log. */
export const PARTS = ['core', 'mesh'] as const;

/** The name of a simulation. */
export type PartName = (typeof PARTS)[number];

/** A run that can be traced after it has failed. */
export interface Simulation {
  /** What the seed draws: known before anything runs. */
  readonly harms: readonly HarmName[];
  readonly world: { readonly step: number; readonly trace: { tail(): readonly string[] } };
  run(): Promise<RunResult>;
}

/** Builds a simulation, and runs nothing yet. */
export type Build = (init: RunInit) => Simulation;

/** What builds a part. Loaded late, so that a mutation is in place before the product is. */
export async function builderOf(part: PartName): Promise<Build> {
  if (part === 'core') {
    const { CoreCluster } = await import('../core/core-cluster.ts');
    return (init) => new CoreCluster(init);
  }
  const { MeshCluster } = await import('../mesh/mesh-cluster.ts');
  return (init) => new MeshCluster(init);
}

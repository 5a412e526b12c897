import type { RunInit, RunResult } from '../world/run.ts';

/** The simulations: Raft's core alone, and the whole of a mesh's replicated log. */
export const PARTS = ['core', 'mesh'] as const;

/** The name of a simulation. */
export type PartName = (typeof PARTS)[number];

/** A run that can be traced after it has failed. */
export interface Simulation {
  readonly world: { readonly step: number; readonly trace: { tail(): readonly string[] } };
  run(): Promise<RunResult>;
}

/** Builds a simulation. Loaded late, so that a mutation is in place before the product is. */
export async function simulationOf(part: PartName, init: RunInit): Promise<Simulation> {
  if (part === 'core') {
    const { CoreCluster } = await import('../core/core-cluster.ts');
    return new CoreCluster(init);
  }
  const { MeshCluster } = await import('../mesh/mesh-cluster.ts');
  return new MeshCluster(init);
}

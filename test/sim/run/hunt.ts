import { drawsDisaster } from '../mesh/recovery/draw.ts';
import { type Mutation, mutated, sourceOf } from './mutations.ts';
import { runPool } from './pool.ts';
import type { SeedReport } from './run-seed.ts';
import type { WorkerJob } from './worker.ts';

const STEPS = 4_000;

/** What came of looking for a fault that was put in on purpose. */
export interface Hunt {
  /** Seeds that it took. */
  readonly seeds: number;
  readonly ms: number;
  /** Of the first seed that failed. */
  readonly failure?: SeedReport['failure'];
}

/** Runs seeds with the mutation until one fails. */
export async function hunt(mutation: Mutation, seedsMax: number): Promise<Hunt> {
  // One that does not fit would end every worker, which is no find.
  mutated(mutation, sourceOf(mutation));
  const beganMs = performance.now();
  let seeds = 0;
  let failure: SeedReport['failure'];
  await runPool(jobs(mutation, seedsMax), {
    mutation: mutation.name,
    onReport: (report) => {
      if (failure === undefined) seeds++;
      failure ??= report.failure;
      return failure !== undefined;
    },
  });
  const ms = performance.now() - beganMs;
  return { seeds, ms, ...(failure === undefined ? {} : { failure }) };
}

/** Where nothing else is said: without what takes up most of a run. */
function isWhole(seed: number): boolean {
  return !drawsDisaster(seed);
}

function* jobs({ part, draws }: Mutation, seedsMax: number): Generator<WorkerJob> {
  const isDrawn = draws ?? (part === 'mesh' ? isWhole : () => true);
  for (let seed = 1, count = 0; count < seedsMax; seed++) {
    if (!isDrawn(seed)) continue;
    count++;
    yield { part, seed, nodes: seed % 2 === 0 ? 3 : 5, steps: STEPS };
  }
}

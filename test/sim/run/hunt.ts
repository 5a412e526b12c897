import { drawsDisaster } from '../mesh/recovery/draw.ts';
import { type Mutation, mutated, sourceOf } from './mutations.ts';
import { type Build, builderOf } from './parts.ts';
import { runPool } from './pool.ts';
import type { SeedReport } from './run-seed.ts';
import type { WorkerJob } from './worker.ts';

const STEPS = 4_000;
/** So many seeds are looked at for one that draws what a mutation needs. */
const LOOKED_AT_FACTOR = 50;

/** What came of looking for a fault that was put in on purpose. */
export interface Hunt {
  /** Seeds that it took. */
  readonly seeds: number;
  readonly ms: number;
  /** Of the first seed that failed. */
  readonly failure?: SeedReport['failure'];
}

/**
 * Runs seeds that draw what the mutation needs, with it, until one fails.
 *
 * @throws Error when what failed is the mutation itself: that shows nothing of the net
 */
export async function hunt(mutation: Mutation, seedsMax: number): Promise<Hunt> {
  // One that does not fit would end every worker, which is no find.
  mutated(mutation, sourceOf(mutation));
  const beganMs = performance.now();
  let seeds = 0;
  let failure: SeedReport['failure'];
  await runPool(jobs(mutation, seedsMax, await builderOf(mutation.part)), {
    mutation: mutation.name,
    onReport: (report) => {
      if (failure === undefined) seeds++;
      failure ??= report.failure;
      return failure !== undefined;
    },
  });
  if (failure !== undefined && isOwnFault(failure)) {
    throw new Error(`${mutation.name} does not run: ${failure.message}`);
  }
  const ms = performance.now() - beganMs;
  return { seeds, ms, ...(failure === undefined ? {} : { failure }) };
}

/** A source that does not load ends the worker before its first step; or it names what is not. */
function isOwnFault({ invariant, message, step }: NonNullable<Hunt['failure']>): boolean {
  if (invariant !== 'no-crash') return false;
  return step === 0 || /\b(Reference|Syntax|Type)Error\b/.test(message);
}

/** Where nothing else is said: without what takes up most of a run. */
function isWhole(seed: number): boolean {
  return !drawsDisaster(seed);
}

function* jobs(
  { part, draws, harms = [] }: Mutation,
  seedsMax: number,
  build: Build,
): Generator<WorkerJob> {
  const isDrawn = draws ?? (part === 'mesh' ? isWhole : () => true);
  const lastSeed = seedsMax * LOOKED_AT_FACTOR;
  for (let seed = 1, count = 0; count < seedsMax && seed <= lastSeed; seed++) {
    if (!isDrawn(seed)) continue;
    const init = { seed, nodes: seed % 2 === 0 ? 3 : 5, steps: STEPS };
    if (harms.length > 0) {
      const drawn = build(init).harms;
      if (!harms.every((harm) => drawn.includes(harm))) continue;
    }
    count++;
    yield { part, ...init };
  }
}

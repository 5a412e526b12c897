import { toError } from '../../../protocols/interface/index.ts';
import type { RunInit, RunResult } from '../world/run.ts';
import { Violation } from '../world/world.ts';
import { builderOf, type PartName } from './parts.ts';

/** What became of one seed. */
export interface SeedReport extends RunInit {
  readonly part: PartName;
  readonly ms: number;
  readonly result?: RunResult;
  readonly failure?: {
    readonly invariant: string;
    readonly message: string;
    readonly step: number;
    readonly trace: readonly string[];
  };
}

/** Runs one seed to its end or to the first thing that does not hold. Never rejects. */
export async function runSeed(part: PartName, init: RunInit): Promise<SeedReport> {
  const beganMs = performance.now();
  const about = { part, ...init };
  const simulation = (await builderOf(part))(init);
  let stray: unknown;
  const onStray = (error: unknown): void => {
    stray ??= error;
  };
  process.on('unhandledRejection', onStray);
  try {
    const result = await simulation.run();
    if (stray !== undefined) throw stray;
    return { ...about, ms: performance.now() - beganMs, result };
  } catch (error) {
    const failed = toError(stray ?? error);
    const { step, trace } = simulation.world;
    const isViolation = failed instanceof Violation;
    const failure = {
      invariant: isViolation ? failed.invariant : 'no-crash',
      message: isViolation ? failed.message : (failed.stack ?? failed.message),
      step,
      trace: trace.tail(),
    };
    return { ...about, ms: performance.now() - beganMs, failure };
  } finally {
    process.off('unhandledRejection', onStray);
  }
}

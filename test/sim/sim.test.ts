import { describe, expect, it } from 'vitest';
import { COMMAND_KINDS } from '../../protocols/slurp/index.ts';
import { hunt } from './run/hunt.ts';
import { MUTATIONS, type Mutation, mutated, sourceOf } from './run/mutations.ts';
import type { PartName } from './run/parts.ts';
import { runPool } from './run/pool.ts';
import type { SeedReport } from './run/run-seed.ts';
import type { WorkerJob } from './run/worker.ts';

const SEEDS = 300;
const STEPS: Readonly<Record<PartName, number>> = { core: 3_000, mesh: 2_000 };
/** Bounds hanging: a slow machine is no failure. */
const HANGING_MS = 900_000;
/** Each mutation is found within this many seeds, or the net has a hole. */
const HUNT_SEEDS_MAX = 400;

function* jobs(part: PartName, from: number, count: number): Generator<WorkerJob> {
  for (let seed = from; seed < from + count; seed++) {
    yield { part, seed, nodes: seed % 2 === 0 ? 3 : 5, steps: STEPS[part] };
  }
}

async function run(list: Iterator<WorkerJob>): Promise<SeedReport[]> {
  const reports: SeedReport[] = [];
  await runPool(list, {
    onReport: (report) => {
      reports.push(report);
      return report.failure !== undefined;
    },
  });
  return reports;
}

/** What a person needs to look into it. */
function told({ part, seed, nodes, failure }: SeedReport): string {
  const command = `npm run sim -- --part ${part} --seed ${seed} --nodes ${nodes}`;
  return `${command} --steps ${STEPS[part]} --trace\n${failure?.message}`;
}

describe('the simulation', () => {
  it.each(['core', 'mesh'] as const)(
    'finds nothing wrong with the %s in 300 seeds of three and five voters',
    async (part) => {
      const reports = await run(jobs(part, 1, SEEDS));
      const failed = reports.filter(({ failure }) => failure !== undefined).map(told);
      expect(failed).toEqual([]);
      expect(reports).toHaveLength(SEEDS);
      // A simulation in which nothing happens proves nothing.
      const commits = reports.map(({ result }) => result?.commit ?? 0);
      expect(Math.min(...commits)).toBeGreaterThan(3);
      expect(reports.some(({ result }) => (result?.elections ?? 0) > 5)).toBe(true);
      const kinds = new Set(reports.flatMap(({ result }) => result?.kinds ?? []));
      // In these many seeds each is applied, so that the books have seen it.
      expect([...kinds].toSorted()).toEqual(part === 'core' ? [] : COMMAND_KINDS);
    },
    HANGING_MS,
  );

  it.each(['core', 'mesh'] as const)(
    'gives the same run for the same seed: %s',
    async (part) => {
      const [first, again] = [await run(jobs(part, 7, 4)), await run(jobs(part, 7, 4))];
      const digests = (reports: SeedReport[]): unknown =>
        reports.map(({ seed, result }) => [seed, result?.digest]).sort();
      expect(digests(again)).toEqual(digests(first));
    },
    HANGING_MS,
  );
});

describe('a fault that is put in on purpose', () => {
  it('is not taken for found when it cannot even be loaded', async () => {
    // The workers know their faults by name: there is none of this one.
    const stranger = { ...(MUTATIONS[0] as Mutation), name: 'of-no-table' };
    await expect(hunt(stranger, 2)).rejects.toThrow('of-no-table does not run');
  });

  it.each(MUTATIONS)('$name fits the source', (mutation) => {
    expect(mutated(mutation, sourceOf(mutation))).not.toBe(sourceOf(mutation));
  });

  it.each(MUTATIONS)(
    '$name is found',
    async (mutation) => {
      const { seeds, ms, failure } = await hunt(mutation, HUNT_SEEDS_MAX);
      console.log(`${mutation.name}: ${seeds} seeds, ${Math.round(ms)} ms, ${failure?.invariant}`);
      expect(failure, `not found in ${seeds} seeds`).toBeDefined();
    },
    HANGING_MS,
  );
});

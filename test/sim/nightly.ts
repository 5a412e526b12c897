import { parseArgs } from 'node:util';
import { PARTS, type PartName } from './run/parts.ts';
import { runPool } from './run/pool.ts';
import type { SeedReport } from './run/run-seed.ts';
import type { WorkerJob } from './run/worker.ts';

// Many seeds on all cores: `npm run sim:nightly -- --seeds 10000 --steps 5000 --from 1`.

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '10000' },
    steps: { type: 'string', default: '5000' },
    part: { type: 'string' },
    minutes: { type: 'string' },
    workers: { type: 'string' },
  },
});

const PROGRESS_MS = 10_000;
const FAILURES_SHOWN_MAX = 50;
const parts: readonly PartName[] =
  values.part === undefined ? PARTS : PARTS.filter((name) => name === values.part);
const total = Number(values.seeds);
const failures: SeedReport[] = [];
let done = 0;
let steps = 0;
let commits = 0;
let toldMs = performance.now();
const beganMs = toldMs;

await runPool(jobs(), {
  ...(values.workers === undefined ? {} : { workers: Number(values.workers) }),
  ...(values.minutes === undefined ? {} : { budgetMs: Number(values.minutes) * 60_000 }),
  onReport: (report) => {
    done++;
    steps += report.result?.steps ?? report.failure?.step ?? 0;
    commits += report.result?.commit ?? 0;
    if (report.failure !== undefined) show(report);
    if (performance.now() - toldMs > PROGRESS_MS) {
      toldMs = performance.now();
      console.log(summary());
    }
    return failures.length >= FAILURES_SHOWN_MAX;
  },
});
console.log(summary());
process.exitCode = failures.length === 0 ? 0 : 1;

function* jobs(): Generator<WorkerJob> {
  const from = Number(values.from);
  for (let seed = from; seed < from + total; seed++) {
    // Every seed in each part, three voters and five by turns.
    for (const part of parts)
      yield { part, seed, nodes: nodesOf(seed), steps: Number(values.steps) };
  }
}

function nodesOf(seed: number): number {
  return seed % 2 === 0 ? 3 : 5;
}

function show(report: SeedReport): void {
  failures.push(report);
  const { part, seed, nodes, failure } = report;
  const [text] = failure?.message.split('\n') ?? [];
  console.log(`FAILED: ${text}`);
  const run = `--part ${part} --seed ${seed} --nodes ${nodes} --steps ${values.steps}`;
  console.log(`  npm run sim -- ${run} --trace`);
}

function summary(): string {
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  const all = total * parts.length;
  const came = `${steps} steps, ${commits} commits, ${failures.length} failed, ${seconds} s`;
  return `${done} of ${all} runs, ${came}`;
}

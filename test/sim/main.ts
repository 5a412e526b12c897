import { parseArgs } from 'node:util';
import { mutate } from './run/mutations.ts';
import { PARTS, type PartName } from './run/parts.ts';

// Replays one seed, here and now: `npm run sim -- --seed 7 --nodes 5 --steps 3000 --trace`.

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '5' },
    steps: { type: 'string', default: '3000' },
    part: { type: 'string', default: 'mesh' },
    mutation: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});

const part = PARTS.find((name) => name === values.part);
if (part === undefined) throw new Error(`--part is one of ${PARTS.join(', ')}`);
if (values.mutation !== undefined) mutate(values.mutation);
const { runSeed } = await import('./run/run-seed.ts');
const init = {
  seed: Number(values.seed),
  nodes: Number(values.nodes),
  steps: Number(values.steps),
};
process.exitCode = await replay(part, init);

async function replay(name: PartName, run: typeof init): Promise<number> {
  const report = await runSeed(name, run);
  const ms = Math.round(report.ms);
  if (report.failure === undefined) {
    const { kinds = [], ...result } = report.result ?? {};
    console.log(`seed ${run.seed}: all holds, ${ms} ms`, { ...result, kinds: kinds.length });
    return 0;
  }
  const { invariant, message, step, trace } = report.failure;
  if (values.trace) for (const line of trace) console.log(line);
  console.log(`seed ${run.seed} step ${step}: ${invariant} does not hold (${ms} ms)\n${message}`);
  return 1;
}

import type { RunInit } from '../world/run.ts';
import { mutate } from './mutations.ts';
import type { PartName } from './parts.ts';

/** What a worker is asked to run. */
export type WorkerJob = RunInit & { readonly part: PartName };

const TRACE_LINES_MAX = 200;

const [mutation] = process.argv.slice(2);
if (mutation !== undefined) mutate(mutation);
const { runSeed } = await import('./run-seed.ts');

process.on('message', (job: WorkerJob) => {
  const { part, seed, nodes, steps } = job;
  void runSeed(part, { seed, nodes, steps }).then((report) => {
    const { failure } = report;
    const short = failure && { ...failure, trace: failure.trace.slice(-TRACE_LINES_MAX) };
    process.send?.(short === undefined ? report : { ...report, failure: short });
  });
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');

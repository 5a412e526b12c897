import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { SeedReport } from './run-seed.ts';
import type { WorkerJob } from './worker.ts';

/** A seed that takes longer than this hangs. */
const SEED_MS_MAX = 180_000;

/** How a {@link runPool} works. */
export interface PoolInit {
  /** A fault to put into the product. */
  readonly mutation?: string;
  readonly workers?: number;
  /** No new seeds after this; default: as long as it takes. */
  readonly budgetMs?: number;
  /** Ends everything when it returns true. */
  readonly onReport: (report: SeedReport) => boolean;
}

/** Runs jobs in as many processes as there are cores. Resolves when all have ended. */
export async function runPool(jobs: Iterator<WorkerJob>, init: PoolInit): Promise<void> {
  const endMs = performance.now() + (init.budgetMs ?? Number.POSITIVE_INFINITY);
  let isOver = false;
  const next = (): WorkerJob | undefined => {
    if (isOver || performance.now() >= endMs) return undefined;
    const { value, done } = jobs.next();
    return done === true ? undefined : value;
  };
  const children = new Set<ChildProcess>();
  const onReport = (report: SeedReport): void => {
    if (isOver || !init.onReport(report)) return;
    isOver = true;
    // What the others are at is of no use any more.
    for (const child of children) child.kill('SIGKILL');
  };
  const count = init.workers ?? availableParallelism();
  const shift = { init, next, onReport, children, isOver: () => isOver };
  const pool = Array.from({ length: count }, () => work(shift));
  await Promise.all(pool);
}

interface Shift {
  readonly init: PoolInit;
  readonly next: () => WorkerJob | undefined;
  readonly onReport: (report: SeedReport) => void;
  /** Processes that run. */
  readonly children: Set<ChildProcess>;
  readonly isOver: () => boolean;
}

async function work(shift: Shift): Promise<void> {
  let job = shift.next();
  while (job !== undefined) {
    // A worker that died or hung took its seed with it: a new one goes on.
    const failed = await runWorker(shift, job);
    if (failed === undefined) return;
    shift.onReport(failed);
    job = shift.next();
  }
}

/** Feeds one process until there is nothing left, or until it fails: then tells of its seed. */
function runWorker(shift: Shift, first: WorkerJob): Promise<SeedReport | undefined> {
  const { mutation } = shift.init;
  const file = fileURLToPath(new URL('worker.ts', import.meta.url));
  const child: ChildProcess = fork(file, mutation === undefined ? [] : [mutation], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  shift.children.add(child);
  return new Promise((resolve) => {
    let job = first;
    let hang: NodeJS.Timeout | undefined;
    let isHung = false;
    let isDone = false;
    const send = (): void => {
      child.send(job);
      hang = setTimeout(() => {
        isHung = true;
        child.kill('SIGKILL');
      }, SEED_MS_MAX);
    };
    child.on('message', (message: SeedReport | 'ready') => {
      clearTimeout(hang);
      if (message !== 'ready') {
        shift.onReport(message);
        const next = shift.next();
        if (next === undefined) {
          isDone = true;
          child.disconnect();
          return;
        }
        job = next;
      }
      send();
    });
    child.on('exit', (code) => {
      clearTimeout(hang);
      shift.children.delete(child);
      const message = isHung ? `no end after ${SEED_MS_MAX} ms` : `the worker ended with ${code}`;
      const failure = { invariant: isHung ? 'no-hang' : 'no-crash', message, step: 0, trace: [] };
      resolve(isDone || shift.isOver() ? undefined : { ...job, ms: 0, failure });
    });
  });
}

import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Below this share of the machine what the judged processes did themselves starves nobody. */
const OWN_SHARE_MAX = 0.5;

const NS_PER_MS = 1_000_000;

/** What the system tells of one process. */
export interface Usage {
  /** For how long its first thread, which runs its loop, stood ready to run and did not. */
  readonly waitedMs: number;
  /** Processor time of all its threads. */
  readonly ranMs: number;
}

/** Where the system tells nothing, nobody is known to have waited. */
const NONE: ReadonlyMap<number, Usage> = new Map();

/**
 * Sees a machine that gives the processes of a test no time: this one, and all that it started. The
 * scheduler counts for each thread how long it was ready to run and did not
 * (Documentation/scheduler/sched-stats.rst), which a bug in the program cannot cause: who waits for
 * a message, or is frozen, is not ready to run. Only on Linux.
 */
export class Starvation {
  readonly #startMs = performance.now();
  readonly #before = usages();

  /**
   * For how long one of them was kept waiting, the one that waited longest; 0 when they needed half
   * of the machine themselves.
   */
  waitedMs(): number {
    const tookMs = performance.now() - this.#startMs;
    return longestWaitMs(this.#before, usages(), tookMs * availableParallelism());
  }
}

/**
 * See {@link Starvation.waitedMs}.
 *
 * @param before - by process id; one that is not there has begun since
 * @param capacityMs - processor time that the machine had meanwhile
 */
export function longestWaitMs(
  before: ReadonlyMap<number, Usage>,
  now: ReadonlyMap<number, Usage>,
  capacityMs: number,
): number {
  let longestMs = 0;
  let ranMs = 0;
  for (const [pid, usage] of now) {
    const earlier = before.get(pid);
    longestMs = Math.max(longestMs, usage.waitedMs - (earlier?.waitedMs ?? 0));
    ranMs += usage.ranMs - (earlier?.ranMs ?? 0);
  }
  return ranMs > capacityMs * OWN_SHARE_MAX ? 0 : longestMs;
}

function usages(): ReadonlyMap<number, Usage> {
  if (process.platform !== 'linux') return NONE;
  const found = new Map<number, Usage>();
  const look = (pid: number): void => {
    const threads = readdirSync(`/proc/${pid}/task`).map(Number);
    let ranMs = 0;
    let waitedMs = 0;
    for (const thread of threads) {
      const [ran = 0, waited = 0] = numbersIn(`/proc/${pid}/task/${thread}/schedstat`);
      ranMs += ran / NS_PER_MS;
      if (thread === pid) waitedMs = waited / NS_PER_MS;
    }
    found.set(pid, { waitedMs, ranMs });
    for (const thread of threads)
      numbersIn(`/proc/${pid}/task/${thread}/children`).forEach(tryLook);
  };
  const tryLook = (pid: number): void => {
    try {
      look(pid);
    } catch {
      // It ended meanwhile, or the system does not tell: then it did not wait.
    }
  };
  tryLook(process.pid);
  return found;
}

function numbersIn(file: string): number[] {
  return readFileSync(file, 'utf8').split(/\s+/).filter(Boolean).map(Number);
}

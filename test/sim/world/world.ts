import type { Timer } from '../../../protocols/interface/index.ts';
import { SimRandom } from './random.ts';
import { Trace } from './trace.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  task: (() => void) | undefined;
}

/** What must hold did not. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}

/**
 * Simulated time, and the events that make it pass. One event is one step: it runs, then everything
 * that follows from it on microtasks, and only then the next. So the product's own asynchronous
 * code runs as it is, and one seed gives one run.
 */
export class World {
  readonly seed: number;
  readonly random: SimRandom;
  readonly trace = new Trace();
  readonly #heap: Event[] = [];
  readonly #checks: (() => void)[] = [];
  #nowMs = 0;
  #order = 0;
  #step = 0;
  #violation: Violation | undefined;

  constructor(seed: number) {
    this.seed = seed;
    this.random = new SimRandom(seed);
  }

  /** Simulated milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have run. */
  get step(): number {
    return this.#step;
  }

  schedule(delayMs: number, task: () => void): Timer {
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const event: Event = { atMs, order: this.#order++, task };
    push(this.#heap, event);
    return {
      cancel: () => {
        event.task = undefined;
      },
    };
  }

  /** Called after every step; throws a {@link Violation} when something does not hold. */
  check(task: () => void): void {
    this.#checks.push(task);
  }

  /** Ends the run with this at the end of the step: for code that is called by the product. */
  fail(violation: Violation): void {
    this.#violation ??= violation;
  }

  log(line: string): void {
    this.trace.add(`${this.#nowMs.toFixed(2).padStart(10)} ${line}`);
  }

  /** Runs steps. @throws Violation */
  async run(steps: number): Promise<void> {
    const end = this.#step + steps;
    while (this.#step < end && (await this.#next()));
  }

  /** Runs until `isDone` or until the time is over. @throws Violation */
  async runUntil(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    while (!isDone()) {
      if (this.#nowMs >= endMs || !(await this.#next())) return isDone();
    }
    return true;
  }

  async #next(): Promise<boolean> {
    let event = pop(this.#heap);
    while (event !== undefined && event.task === undefined) event = pop(this.#heap);
    if (event?.task === undefined) return false;
    this.#nowMs = event.atMs;
    this.#step++;
    event.task();
    await turn();
    if (this.#violation !== undefined) throw this.#violation;
    for (const check of this.#checks) check();
    return true;
  }
}

/** Everything on microtasks has run when it resolves. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parent = (at - 1) >>> 1;
    const above = heap[parent];
    if (above === undefined || isBefore(above, event)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    const right = left + 1;
    let least = left;
    const [a, b] = [heap[left], heap[right]];
    if (a === undefined) break;
    if (b !== undefined && isBefore(b, a)) least = right;
    const child = heap[least];
    if (child === undefined || isBefore(last, child)) break;
    heap[at] = child;
    at = least;
  }
  heap[at] = last;
  return top;
}

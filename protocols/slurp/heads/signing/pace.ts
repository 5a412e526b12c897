import type { Clock, Timer } from '../../../interface/index.ts';

/**
 * Runs a task no more often than asked for: the first time at once, later so long after the last
 * start. Never twice at the same time; who asks while it runs gets the next run.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #task: () => Promise<void>;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  #isRunning = false;
  #isStopped = false;
  #waiting: (() => void)[] = [];
  #run: Promise<void> = Promise.resolve();

  /** @param task what is run; must not throw */
  constructor(clock: Clock, task: () => Promise<void>) {
    this.#clock = clock;
    this.#task = task;
  }

  /** Asks for a run, `spacingMs` after the start of the last one or at once. */
  ask(spacingMs: number): void {
    if (this.#isStopped) return;
    const nowMs = this.#clock.monotonicMs();
    const dueMs = Math.max(nowMs, this.#lastMs + spacingMs);
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#isRunning) this.#arm(nowMs);
  }

  /** As {@link ask}; resolves when a run that began after this call is over, or all is stopped. */
  async run(spacingMs: number): Promise<void> {
    if (this.#isStopped) return;
    const done = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.ask(spacingMs);
    await done;
  }

  /** Waits for what runs; nothing runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#run;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #arm(nowMs: number): void {
    const delayMs = this.#dueMs - nowMs;
    if (delayMs <= 0) this.#begin();
    else this.#timer = this.#clock.schedule(delayMs, () => this.#begin());
  }

  #begin(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    this.#lastMs = this.#clock.monotonicMs();
    this.#isRunning = true;
    const waiting = this.#waiting.splice(0);
    this.#run = this.#task().finally(() => {
      this.#isRunning = false;
      for (const wake of waiting) wake();
      if (!this.#isStopped && this.#dueMs < Number.POSITIVE_INFINITY) {
        this.#arm(this.#clock.monotonicMs());
      }
    });
  }
}

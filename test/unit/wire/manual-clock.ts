import type { Clock } from '../../../protocols/interface/index.ts';

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #atMs = 1000;
  #timers: { atMs: number; task: () => void }[] = [];

  nowMs(): number {
    return this.#atMs;
  }

  monotonicMs(): number {
    return this.#atMs;
  }

  schedule(delayMs: number, task: () => void): { cancel(): void } {
    const timer = { atMs: this.#atMs + delayMs, task };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** How many timers wait. */
  get timerCount(): number {
    return this.#timers.length;
  }

  /** Goes on by `ms`, firing what comes due in order; promises get their turn in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#atMs + ms;
    for (;;) {
      await settle();
      const next = this.#timers.sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.shift();
      this.#atMs = next.atMs;
      next.task();
    }
    this.#atMs = untilMs;
    await settle();
  }
}

/** Lets every promise that is ready run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

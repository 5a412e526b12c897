import type { Clock } from '../../../protocols/interface/index.ts';

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #atMs = 1000;
  /** The one that is due first comes first. */
  readonly #timers: { readonly atMs: number; readonly task: () => void }[] = [];

  nowMs(): number {
    return this.#atMs;
  }

  monotonicMs(): number {
    return this.#atMs;
  }

  schedule(delayMs: number, task: () => void): { cancel(): void } {
    const timer = { atMs: this.#atMs + delayMs, task };
    // Mostly behind all others; behind those that are due at the same time.
    let at = this.#timers.length;
    while (at > 0 && (this.#timers[at - 1]?.atMs ?? 0) > timer.atMs) at--;
    this.#timers.splice(at, 0, timer);
    return {
      cancel: () => {
        const held = this.#timers.indexOf(timer);
        if (held >= 0) this.#timers.splice(held, 1);
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
      const next = this.#timers[0];
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

import type { Clock, Timer } from '../interface/index.ts';

/** Timers by name: one of each at a time, all called off together. */
export class NamedTimers {
  readonly #clock: Clock;
  readonly #timers = new Map<string, Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs the task after the delay, unless one of that name waits already. */
  once(name: string, delayMs: number, task: () => void): void {
    if (this.#timers.has(name)) return;
    const timer = this.#clock.schedule(delayMs, () => {
      this.#timers.delete(name);
      task();
    });
    this.#timers.set(name, timer);
  }

  /** Runs the task again and again, first after one interval. */
  repeat(name: string, everyMs: number, task: () => void): void {
    this.once(name, everyMs, () => {
      this.repeat(name, everyMs, task);
      task();
    });
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

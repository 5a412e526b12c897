import type { Clock } from '../../interface/index.ts';

/**
 * What time a new entry of the log would have, by the last one that was applied here: how far our
 * clock is from the time that the voters agree on, and how long ago that was.
 */
export class LogTime {
  readonly #clock: Clock;
  #heard: { readonly timeMs: number; readonly offsetMs: number; readonly atMs: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An entry of that time was applied here just now. */
  heard(timeMs: number): void {
    const { nowMs, monotonicMs } = this.#reading();
    this.#heard = { timeMs, offsetMs: timeMs - nowMs, atMs: monotonicMs };
  }

  /**
   * Agreed time now, as near as can be told. Our clock may have been set since: forwards, then this
   * is too early and what was proposed is refused and tried again; backwards, then the time that
   * has passed counts, so that it is not too late.
   */
  nowMs(): number {
    const { nowMs, monotonicMs } = this.#reading();
    if (this.#heard === undefined) return nowMs;
    const { timeMs, offsetMs, atMs } = this.#heard;
    return Math.max(nowMs + offsetMs, timeMs + Math.floor(monotonicMs - atMs));
  }

  /**
   * Agreed time now at the least: our clock has no part in it. Undefined before the first entry.
   */
  get leastMs(): number | undefined {
    if (this.#heard === undefined) return undefined;
    const { timeMs, atMs } = this.#heard;
    return timeMs + Math.floor(this.#clock.monotonicMs() - atMs);
  }

  #reading(): { readonly nowMs: number; readonly monotonicMs: number } {
    return { nowMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() };
  }
}

import type { Clock, Timer } from '../../../interface/index.ts';

/** The core is told at least so often that time has passed: half a heartbeat. */
const TICK_MS_MAX = 30;

/** What a {@link Ticker} asks and tells. */
export interface TickerInit {
  /** When the core has something to do by the time; undefined while there is no core. */
  readonly deadlineMs: () => number | undefined;
  readonly onTick: () => void;
}

/** Tells a core that time has passed, when it matters. */
export class Ticker {
  readonly #clock: Clock;
  readonly #init: TickerInit;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(clock: Clock, init: TickerInit) {
    this.#clock = clock;
    this.#init = init;
  }

  /** Begins, or looks anew at when the next tick is due. */
  arm(): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    const nowMs = this.#clock.monotonicMs();
    const untilMs = this.#init.deadlineMs() ?? Number.POSITIVE_INFINITY;
    this.#timer = this.#clock.schedule(Math.max(1, Math.min(TICK_MS_MAX, untilMs - nowMs)), () => {
      this.#init.onTick();
      this.arm();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }
}

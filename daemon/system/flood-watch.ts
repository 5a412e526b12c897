import type { Clock, Health, StateReader, Timer } from '../../protocols/interface/index.ts';

/** So long after the last excess the condition stands. */
const QUIET_MS = 60_000;

/** Culprits that are named at once; a mesh with more of them has another problem. */
const NAMED_MAX = 16;

/** What {@link FloodWatch} works with. */
export interface FloodWatchComponents {
  readonly clock: Clock;
  readonly health: Health;
  readonly state: StateReader;
}

/**
 * Names who sends more than its share. What is over the limits is dropped where it arrives; this
 * only tells the operator whose it was.
 */
export class FloodWatch {
  readonly #components: FloodWatchComponents;
  readonly #timers = new Map<string, Timer>();

  constructor(components: FloodWatchComponents) {
    this.#components = components;
  }

  /**
   * A member went over a limit.
   *
   * @param what - of what there was too much, as it stands after "too much"
   */
  report(peer: string, what: string): void {
    const { clock, health, state } = this.#components;
    const timer = this.#timers.get(peer);
    if (timer === undefined && this.#timers.size >= NAMED_MAX) return;
    timer?.cancel();
    const code = `flood-by-${peer}`;
    this.#timers.set(
      peer,
      clock.schedule(QUIET_MS, () => {
        this.#timers.delete(peer);
        health.clear(code);
      }),
    );
    // The first excess names it: those that follow within the minute only prolong.
    if (timer !== undefined) return;
    const name = state.get('member', peer)?.name ?? 'a member';
    health.raise({
      code,
      severity: 'warn',
      text: `${name} (${peer}) sends too much ${what}; what is over the limit is dropped.`,
      remedy: `Look at that host; if it does not stop: cooee members remove ${peer}`,
    });
  }

  /** Idempotent. */
  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

import type { Clock, Health, StateReader, Timer } from '../../protocols/interface/index.ts';

/** So long after the last excess the condition stands. */
const QUIET_MS = 60_000;

/** Culprits that are named at once; a mesh with more of them has another problem. */
const NAMED_MAX = 16;

/** What a host is called: a member that names itself otherwise has no word in a condition. */
const HOST_NAME = /^[\w.-]{1,63}$/;

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
    const own = this.#components.state.get('member', peer)?.name ?? '';
    const name = HOST_NAME.test(own) ? own : 'a member';
    this.#name(peer, {
      text: `${name} (${peer}) sends too much ${what}; what is over the limit is dropped.`,
      remedy: `Look at that host; if it does not stop: cooee members remove ${peer}`,
    });
  }

  /**
   * An agent went over a limit.
   *
   * @param token - in canonical form
   * @param what - of what there were too many
   */
  reportAgent(token: string, what: string): void {
    this.#name(token, {
      text: `Agent ${token} has too many ${what}; further ones are refused.`,
      remedy: 'Look at that agent; on its host, cooee sessions revoke takes its ticket away.',
    });
  }

  #name(culprit: string, words: { readonly text: string; readonly remedy: string }): void {
    const { clock, health } = this.#components;
    const timer = this.#timers.get(culprit);
    if (timer === undefined && this.#timers.size >= NAMED_MAX) return;
    timer?.cancel();
    const code = `flood-by-${culprit}`;
    this.#timers.set(
      culprit,
      clock.schedule(QUIET_MS, () => {
        this.#timers.delete(culprit);
        health.clear(code);
      }),
    );
    // The first excess names it: those that follow within the minute only prolong.
    if (timer === undefined) health.raise({ code, severity: 'warn', ...words });
  }

  /** Idempotent. */
  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

import { type Clock, type Logger, toError } from '../protocols/interface/index.ts';
import { RateLimiter } from '../protocols/wire/index.ts';

/** Dials that announcements of one member bring about: anyone can make them up. */
const RATE = { ratePerSecond: 0.2, burst: 3 } as const;
/** Dials at once, whoever is announced: the queue of dials is for those that this node means. */
const DIALS_MAX = 4;
const TIMEOUT_MS = 5_000;

/** What {@link HintDials} works with. */
export interface HintDialsComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  dial(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<void>;
}

/**
 * Dials members where the local network says that they are; whoever answers must prove to be it.
 */
export class HintDials {
  readonly #components: HintDialsComponents;
  readonly #rate = new RateLimiter(RATE);
  readonly #stopped: AbortSignal;
  #dials = 0;

  constructor(components: HintDialsComponents, stopped: AbortSignal) {
    this.#components = components;
    this.#stopped = stopped;
  }

  /** Follows a hint, unless there were too many. Never rejects. */
  async follow(peer: string, addresses: readonly string[]): Promise<void> {
    const { clock, logger, dial } = this.#components;
    if (this.#dials === DIALS_MAX || !this.#rate.take(peer, clock.monotonicMs())) return;
    const late = new AbortController();
    const timer = clock.schedule(TIMEOUT_MS, () => late.abort(new Error('the dial took too long')));
    this.#dials += 1;
    try {
      await dial(peer, addresses, AbortSignal.any([this.#stopped, late.signal]));
    } catch (thrown) {
      logger.debug({ err: toError(thrown), peer }, 'a discovered member is away');
    } finally {
      timer.cancel();
      this.#dials -= 1;
    }
  }
}

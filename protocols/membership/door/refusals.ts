import type { Clock, LogFields, Logger, Metrics } from '../../interface/index.ts';
import { RateLimiter } from '../../wire/index.ts';

/** Why something was refused at the door: the closed list, explained in docs/protocols/doors.md. */
export const REFUSAL_REASONS = [
  'address-rate',
  'connections-full',
  'connections-per-address',
  'connections-per-peer',
  'dial-not-member',
  'dial-removed',
  'guest-timeout',
  'guests-full',
  'guests-per-address',
  'key-type',
  'pending-per-address',
  'stream-not-member',
  'stream-removed',
] as const;

/** One of {@link REFUSAL_REASONS}. */
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** The counter of refusals, labelled with the reason. */
export const REFUSALS_METRIC = 'cooee_membership_refusals_total';

/** Counts and logs refusals. */
export class Refusals {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  /**
   * A stranger must not fill the log: beyond this, a reason is logged at debug only; the counter
   * stays exact.
   */
  readonly #logged = new RateLimiter({ ratePerSecond: 1, burst: 10 });

  constructor(components: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly metrics: Metrics;
  }) {
    this.#clock = components.clock;
    this.#logger = components.logger;
    this.#metrics = components.metrics;
  }

  /**
   * One refusal. Fields are facts (peer, address, protocol), never text that the peer chose freely.
   */
  add(reason: RefusalReason, fields: LogFields): void {
    this.#metrics.count(REFUSALS_METRIC, { reason });
    const isLoud = this.#logged.take(reason, this.#clock.monotonicMs());
    this.#logger[isLoud ? 'warn' : 'debug']({ ...fields, reason }, 'refused at the door');
  }
}

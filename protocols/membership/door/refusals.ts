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
  'relay-not-member',
  'stream-not-member',
  'stream-removed',
] as const;

/** One of {@link REFUSAL_REASONS}. */
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** The counter of refusals, labelled with the reason. */
export const REFUSALS_METRIC = 'cooee_membership_refusals_total';

/** Hears of each refusal, with its facts (peer, address, protocol). */
export type OnRefused = (reason: RefusalReason, fields: LogFields) => void;

/** Counts and logs refusals. */
export class Refusals {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #onRefused: OnRefused | undefined;
  /**
   * A stranger must not fill the log: beyond this, a reason is logged at debug only; the counter
   * stays exact.
   */
  readonly #logged = new RateLimiter({ ratePerSecond: 1, burst: 10 });

  constructor(components: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly metrics: Metrics;
    readonly onRefused?: OnRefused;
  }) {
    this.#clock = components.clock;
    this.#logger = components.logger;
    this.#metrics = components.metrics;
    this.#onRefused = components.onRefused;
  }

  /**
   * One refusal. Fields are facts (peer, address, protocol), never text that the peer chose freely.
   */
  add(reason: RefusalReason, fields: LogFields): void {
    this.#metrics.count(REFUSALS_METRIC, { reason });
    this.#onRefused?.(reason, fields);
    const isLoud = this.#logged.take(reason, this.#clock.monotonicMs());
    this.#logger[isLoud ? 'warn' : 'debug']({ ...fields, reason }, 'refused at the door');
  }
}

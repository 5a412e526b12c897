import {
  type Clock,
  LIMITS,
  type Logger,
  type Metrics,
  type Random,
  type Timer,
  toError,
} from '../../protocols/interface/index.ts';
import type { Endpoint } from './endpoint.ts';
import type { CallSource } from './feed.ts';
import type { DeliveryQueue, Waiting } from './queue.ts';
import { type Attempt, describe, holdMs, judge, pauseMs, type WebhookEvent } from './rules.ts';
import type { Sender, WebhookRequest } from './sender.ts';

/** What {@link Lane} works with. */
export interface LaneComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly queue: DeliveryQueue;
  readonly source: CallSource;
  readonly sender: Sender;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Id and body of what is sent for an event. */
  readonly message: (event: WebhookEvent) => { readonly id: string; readonly body: string };
  /** {@link Lane.standing} may have changed. */
  readonly onStanding: () => void;
}

/** How a webhook does. */
export interface LaneStanding {
  readonly name: string;
  /** Attempts that failed since the last one that did not. */
  readonly failures: number;
  /** What came of the last one, when it failed. */
  readonly problem: string;
  /** It asked for no more. */
  readonly isGone: boolean;
  /** Events that were given up since this start. */
  readonly lost: number;
}

/** Why an event is given up. */
type LossReason = 'expired' | 'faulty' | 'full' | 'gone';

interface Delivery extends Waiting {
  failures: number;
  /** Not before this monotonic time. */
  dueMs: number;
  isRunning: boolean;
}

/** Pause after the store or the state could not be read, or a 2xx not be noted. */
const STORE_PAUSE_MS = 1_000;

/**
 * The deliveries to one webhook. Events of one call go in their order, each after the one before
 * was taken or given up; different calls do not wait for each other, and what was never tried goes
 * before what failed.
 */
export class Lane {
  readonly #components: LaneComponents;
  readonly #endpoint: Endpoint;
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** In the order in which they came. */
  #deliveries: Delivery[] = [];
  /** Settled, and still in the store since it could not be written. */
  #unforgotten: string[] = [];
  #timer: Timer | undefined;
  /** The receiver wants nothing before this monotonic time. */
  #heldUntilMs = 0;
  #failures = 0;
  #problem = '';
  #isGone = false;
  #lost = 0;

  constructor(components: LaneComponents, endpoint: Endpoint) {
    this.#components = components;
    this.#endpoint = endpoint;
  }

  get standing(): LaneStanding {
    const { name } = this.#endpoint;
    const problem = this.#problem;
    return { name, problem, failures: this.#failures, isGone: this.#isGone, lost: this.#lost };
  }

  /** How many events wait. */
  get size(): number {
    return this.#deliveries.length;
  }

  /** Takes events that are in the store, and begins with them. */
  add(waiting: readonly Waiting[]): void {
    const dueMs = this.#components.clock.monotonicMs();
    for (const it of waiting) {
      this.#deliveries.push({ ...it, failures: 0, dueMs, isRunning: false });
    }
    const excess = this.#deliveries.length - LIMITS.webhookWaitingMax;
    if (excess > 0) {
      this.#giveUp(this.#idle().slice(0, excess), 'full');
    }
    if (this.#isGone) this.#giveUp(this.#idle(), 'gone');
    this.#pump();
  }

  /** Ends what runs; what was not taken by then waits for the next start. Never throws. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the daemon stops'));
    this.#timer?.cancel();
    await Promise.all(this.#running);
  }

  #pump(): void {
    if (this.#stopped.signal.aborted) return;
    this.#giveUpExpired();
    const nowMs = this.#components.clock.monotonicMs();
    const due = this.#heads()
      .filter((it) => !it.isRunning && this.#dueMsOf(it) <= nowMs)
      .sort((a, b) => a.failures - b.failures);
    for (const delivery of due.slice(0, LIMITS.webhookParallelMax - this.#running.size)) {
      this.#start(delivery);
    }
    this.#arm(nowMs);
  }

  /** What no attempt is under way for. */
  #idle(): Delivery[] {
    return this.#deliveries.filter(({ isRunning }) => !isRunning);
  }

  #dueMsOf({ dueMs }: Delivery): number {
    return Math.max(dueMs, this.#heldUntilMs);
  }

  /** The first event of each call: the others wait for it. */
  #heads(): Delivery[] {
    const calls = new Set<string>();
    return this.#deliveries.filter(({ call }) => {
      const isFirst = !calls.has(call);
      calls.add(call);
      return isFirst;
    });
  }

  /**
   * Whoever is due and finds no room is looked at when one that runs ends.
   *
   * @param nowMs - the very time that was taken to tell who is due
   */
  #arm(nowMs: number): void {
    this.#timer?.cancel();
    if (this.#stopped.signal.aborted) return;
    const pauses = this.#heads()
      .filter((it) => !it.isRunning && this.#dueMsOf(it) > nowMs)
      .map((it) => this.#dueMsOf(it) - nowMs);
    if (this.#unforgotten.length > 0) pauses.push(STORE_PAUSE_MS);
    if (pauses.length === 0) return;
    this.#timer = this.#components.clock.schedule(Math.min(...pauses), () => {
      void this.#forget([]).then(() => this.#pump());
    });
  }

  #start(delivery: Delivery): void {
    delivery.isRunning = true;
    const run = this.#attempt(delivery).finally(() => {
      delivery.isRunning = false;
      this.#running.delete(run);
      this.#pump();
    });
    this.#running.add(run);
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { sender, metrics } = this.#components;
    const request = this.#requestFor(delivery);
    if (request === undefined) return;
    const attempt = await sender.send(request, this.#stopped.signal);
    const verdict = judge(attempt);
    // Cut off by the stop: whether it arrived is not known, so it goes out again.
    if (this.#stopped.signal.aborted && verdict !== 'delivered') return;
    metrics.count('cooee_webhook_attempts_total', { outcome: verdict });
    if (verdict === 'delivered') await this.#onDelivered(delivery);
    else if (verdict === 'gone' || this.#isGone) this.#onGone(delivery);
    else this.#onFailed(delivery, attempt);
  }

  /** What is sent; undefined when that is nothing now, or never. */
  #requestFor(delivery: Delivery): WebhookRequest | undefined {
    const event = this.#eventOf(delivery);
    if (event === undefined) return undefined;
    const { clock, logger, message } = this.#components;
    const { name, allowPrivate } = this.#endpoint;
    try {
      const { id, body } = message(event);
      const headers = this.#endpoint.headersOf({ id, body, atMs: clock.nowMs() });
      const url = this.#endpoint.target();
      return { url, headers, body, allowPrivate, turn: delivery.failures };
    } catch (error) {
      const { call, version } = delivery;
      const fields = { err: toError(error), webhook: name, call, version };
      logger.error(fields, 'an event cannot be put into a request: it is given up');
      // Neither the next attempt nor the next start would make more of it.
      this.#giveUp([delivery], 'faulty');
      return undefined;
    }
  }

  /** What the delivery is about; undefined when there is nothing to send now. */
  #eventOf(delivery: Delivery): WebhookEvent | undefined {
    const { source, clock, logger } = this.#components;
    try {
      const { call, version } = delivery;
      const event = source.isSound() ? source.eventAt(call, version) : undefined;
      if (event !== undefined) return event;
    } catch (error) {
      logger.debug({ err: toError(error) }, 'a call cannot be read yet');
    }
    // The state is being rebuilt, or the store is away; the version comes back with it.
    delivery.dueMs = clock.monotonicMs() + STORE_PAUSE_MS;
    return undefined;
  }

  async #onDelivered(delivery: Delivery): Promise<void> {
    this.#failures = 0;
    this.#problem = '';
    this.#deliveries = this.#deliveries.filter((it) => it !== delivery);
    await this.#forget([delivery.key]);
    this.#components.onStanding();
  }

  #onFailed(delivery: Delivery, attempt: Attempt): void {
    const { clock, random, logger } = this.#components;
    const nowMs = clock.monotonicMs();
    delivery.failures += 1;
    delivery.dueMs = nowMs + pauseMs(delivery.failures, random.fraction(), attempt);
    this.#heldUntilMs = Math.max(this.#heldUntilMs, nowMs + holdMs(attempt));
    this.#failures += 1;
    this.#problem = describe(attempt);
    const { name } = this.#endpoint;
    logger.debug({ webhook: name, failures: delivery.failures }, `not delivered: ${this.#problem}`);
    this.#components.onStanding();
  }

  /** What else is under way may still be taken. */
  #onGone(delivery: Delivery): void {
    this.#isGone = true;
    this.#giveUp([delivery, ...this.#idle()], 'gone');
  }

  #giveUpExpired(): void {
    const oldestMs = this.#components.clock.nowMs() - LIMITS.webhookDeliveryMsMax;
    const expired = this.#idle().filter(({ queuedMs }) => queuedMs < oldestMs);
    if (expired.length > 0) this.#giveUp(expired, 'expired');
  }

  #giveUp(deliveries: readonly Delivery[], reason: LossReason): void {
    const lost = new Set(deliveries);
    this.#deliveries = this.#deliveries.filter((it) => !lost.has(it));
    this.#lost += lost.size;
    this.#components.metrics.count('cooee_webhook_lost_total', { reason }, lost.size);
    void this.#forget(deliveries.map(({ key }) => key));
    this.#components.onStanding();
  }

  /** Takes settled events off the disk; while that fails they are remembered, and not sent. */
  async #forget(keys: readonly string[]): Promise<void> {
    const all = [...this.#unforgotten, ...keys];
    this.#unforgotten = [];
    if (all.length === 0) return;
    try {
      await this.#components.queue.forget(all);
    } catch (error) {
      this.#unforgotten = [...this.#unforgotten, ...all];
      const { logger } = this.#components;
      logger.debug({ err: toError(error) }, 'a delivery cannot be taken off the disk yet');
      this.#arm(this.#components.clock.monotonicMs());
    }
  }
}

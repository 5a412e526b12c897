import {
  type Clock,
  type Health,
  type KeyValueStore,
  type Logger,
  type Metrics,
  type Random,
  type StoreWrite,
  type Timer,
  toError,
} from '../../protocols/interface/index.ts';
import type { Endpoint } from './endpoint.ts';
import { type CallSource, Feed } from './feed.ts';
import { Lane } from './lane.ts';
import { DeliveryQueue, dirtyWrite, type Waiting } from './queue.ts';
import type { WebhookEvent } from './rules.ts';
import type { Sender } from './sender.ts';

/** What {@link Webhooks} works with. */
export interface WebhooksComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: KeyValueStore;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly calls: Omit<CallSource, 'isSound'>;
  readonly sender: Sender;
  /** Id and body of what is sent for an event; the same whenever it is asked. */
  readonly message: (event: WebhookEvent) => { readonly id: string; readonly body: string };
}

/** Settings of {@link Webhooks}. */
export interface WebhooksInit {
  readonly endpoints: readonly Endpoint[];
  /** Entries up to this index are history; Infinity until {@link Webhooks.admitted}. */
  readonly admittedIndex: number;
}

/** Entries as the log applies them: what webhooks look at. */
interface Entry {
  readonly index: number;
  /** The calls that its commands changed. */
  readonly calls: readonly string[];
}

const RETRY_MS = 1_000;

/** So many attempts in a row must fail before it is worth a condition. */
const FAILURES_MIN = 3;

/** How long a loss is shown. */
const LOSS_SHOWN_MS = 24 * 60 * 60 * 1000;

/**
 * Tells the webhooks of this node what happens to calls for human help, wherever in the mesh. At
 * least once, with an id that stays, and never again once the answer was 2xx; through restarts,
 * since what waits is in the store with the state that it follows from.
 */
export class Webhooks {
  readonly #components: WebhooksComponents;
  readonly #queue: DeliveryQueue;
  readonly #feed: Feed;
  readonly #lanes: ReadonlyMap<string, Lane>;
  #admittedIndex: number;
  #isSound: () => boolean = () => false;
  #isStarted = false;
  #isStopped = false;
  #work: Promise<void> | undefined;
  #retry: Timer | undefined;
  #lossTimer: Timer | undefined;
  #losses = 0;
  /** Those that were shown for long enough. */
  #lossesOver = 0;

  constructor(components: WebhooksComponents, init: WebhooksInit) {
    this.#components = components;
    this.#admittedIndex = init.admittedIndex;
    this.#queue = new DeliveryQueue(components.store, components.logger);
    const { calls } = components;
    const source: CallSource = {
      isSound: () => this.#isSound(),
      open: () => calls.open(),
      versions: (call) => calls.versions(call),
      eventAt: (call, version) => calls.eventAt(call, version),
    };
    const common = { ...components, source, queue: this.#queue };
    const isGone = (name: string): boolean => this.#lanes.get(name)?.standing.isGone === true;
    this.#feed = new Feed({ ...common, endpoints: init.endpoints, isGone });
    const onStanding = (): void => this.#showStanding();
    this.#lanes = new Map(
      init.endpoints.map((endpoint) => [
        endpoint.name,
        new Lane({ ...common, onStanding }, endpoint),
      ]),
    );
  }

  /** What must be in the same batch of the store as the entry itself. */
  writesFor(entry: Entry): readonly StoreWrite[] {
    if (!this.#isNews(entry)) return [];
    return entry.calls.map((call) => dirtyWrite(call, true));
  }

  /** The entry is part of the state. */
  onApplied(entry: Entry): void {
    if (!this.#isNews(entry)) return;
    for (const call of entry.calls) this.#feed.mark(call);
    this.#kick();
  }

  /** The state was replaced as a whole. */
  onReplaced(): void {
    if (!this.#isAdmitted) return;
    this.#feed.markAll();
    this.#kick();
  }

  /** This node is a member as of this index: what comes from here on is news. */
  admitted(index: number): void {
    this.#admittedIndex = index;
    this.onReplaced();
  }

  /**
   * @param isSound - false while nothing of the state may be shown
   * @throws CooeeError ERR_STORAGE_*
   */
  async start(isSound: () => boolean): Promise<void> {
    this.#isSound = isSound;
    const { waiting, dirty, told } = await this.#queue.open();
    await this.#dropOrphans(waiting);
    if (this.#lanes.size === 0) return;
    this.#feed.restore(dirty, told);
    this.#isStarted = true;
    this.#add(waiting);
    if (this.#isAdmitted) this.#feed.markAll();
    this.#kick();
  }

  /** Idempotent, never throws; what waits goes on with the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#feed.stop();
    this.#retry?.cancel();
    this.#lossTimer?.cancel();
    await Promise.all([this.#work, ...[...this.#lanes.values()].map((lane) => lane.stop())]);
  }

  get #isAdmitted(): boolean {
    return Number.isFinite(this.#admittedIndex);
  }

  #isNews({ index, calls }: Entry): boolean {
    return this.#lanes.size > 0 && calls.length > 0 && index > this.#admittedIndex;
  }

  /** Drops what waits for webhooks that were taken out of the configuration, or renamed. */
  async #dropOrphans(waiting: readonly Waiting[]): Promise<void> {
    const orphans = waiting.filter(({ endpoint }) => !this.#lanes.has(endpoint));
    if (orphans.length === 0) return;
    await this.#queue.forget(orphans.map(({ key }) => key));
    for (const [webhook, { length: events }] of Map.groupBy(orphans, (it) => it.endpoint)) {
      this.#components.logger.warn(
        { webhook, events },
        'events were dropped: their webhook is not in the configuration any more',
      );
    }
  }

  #add(waiting: readonly Waiting[]): void {
    for (const [name, lane] of this.#lanes) {
      const own = waiting.filter(({ endpoint }) => endpoint === name);
      if (own.length > 0) lane.add(own);
    }
    this.#showStanding();
  }

  /** Queues what was marked, one run at a time. */
  #kick(): void {
    if (!this.#isStarted || this.#isStopped || this.#work !== undefined) return;
    if (!this.#feed.isDirty) return;
    this.#retry?.cancel();
    this.#work = this.#drain().then((isDone) => {
      this.#work = undefined;
      // What came in the last moment is taken up at once.
      if (isDone) this.#kick();
      else if (!this.#isStopped) {
        this.#retry = this.#components.clock.schedule(RETRY_MS, () => this.#kick());
      }
    });
  }

  /** False while the state or the store is away. */
  async #drain(): Promise<boolean> {
    const { logger } = this.#components;
    try {
      await this.#feed.drain((waiting) => this.#add(waiting));
      return this.#isSound();
    } catch (error) {
      logger.debug({ err: toError(error) }, 'calls cannot be queued for webhooks yet');
      return false;
    }
  }

  #showStanding(): void {
    const standings = [...this.#lanes.values()].map((lane) => lane.standing);
    this.#showFailing(standings.filter((it) => !it.isGone && it.failures >= FAILURES_MIN));
    this.#showGone(standings.filter(({ isGone }) => isGone));
    this.#showLost(standings.reduce((sum, { lost }) => sum + lost, 0));
    const waiting = [...this.#lanes.values()].reduce((sum, { size }) => sum + size, 0);
    this.#components.metrics.gauge('cooee_webhook_waiting', waiting);
  }

  #showFailing(failing: readonly { readonly name: string; readonly problem: string }[]): void {
    const { health } = this.#components;
    if (failing.length === 0) {
      health.clear('webhook-failing');
      return;
    }
    const list = failing.map(({ name, problem }) => `${name}: ${problem}`).join('; ');
    health.raise({
      code: 'webhook-failing',
      severity: 'warn',
      text: `Webhooks are not answered with 2xx (${list}).`,
      remedy: 'See to the receiver; what waits is sent again by itself, for 24 hours.',
    });
  }

  #showGone(gone: readonly { readonly name: string }[]): void {
    if (gone.length === 0) return;
    this.#components.health.raise({
      code: 'webhook-gone',
      severity: 'warn',
      text: `The receiver wants no more (410): ${gone.map(({ name }) => name).join(', ')}.`,
      remedy: 'Correct or remove the webhook in the configuration, then restart the daemon.',
    });
  }

  #showLost(lost: number): void {
    if (lost === this.#losses) return;
    this.#losses = lost;
    const events = lost - this.#lossesOver;
    const { health, clock } = this.#components;
    health.raise({
      code: 'webhook-lost',
      severity: 'warn',
      text: `Webhooks were not told of ${events} events: too many, too late, or faulty.`,
      remedy: 'Look at cooee calls for what is open.',
    });
    this.#lossTimer?.cancel();
    this.#lossTimer = clock.schedule(LOSS_SHOWN_MS, () => {
      this.#lossesOver = lost;
      health.clear('webhook-lost');
    });
  }
}

import { type Clock, LIMITS, type StoreWrite } from '../../protocols/interface/index.ts';
import type { Endpoint } from './endpoint.ts';
import { type DeliveryQueue, dirtyWrite, toldWrite, type Waiting, writeOf } from './queue.ts';
import { isOver, type WebhookEvent, wants } from './rules.ts';

/** The calls of the mesh, as the state has them. */
export interface CallSource {
  /** False while the state is not the one that the voters signed for: nothing of it is shown. */
  isSound(): boolean;
  /** Ids of the calls that are not over. */
  open(): Iterable<string>;
  /** How many versions of a call there are. @throws CooeeError ERR_STORAGE_* */
  versions(call: string): number;
  /** What brought a version; undefined when there is none. @throws CooeeError ERR_STORAGE_* */
  eventAt(call: string, version: number): WebhookEvent | undefined;
}

/** What {@link Feed} works with. */
export interface FeedComponents {
  readonly clock: Clock;
  readonly queue: DeliveryQueue;
  readonly source: CallSource;
  readonly endpoints: readonly Endpoint[];
  /** Whether the webhook of this name wants no more: nothing is queued for it. */
  readonly isGone: (endpoint: string) => boolean;
}

/**
 * Turns what happened to calls into events that wait for webhooks, each exactly once: a call is
 * marked in the very batch of the store that applies the entry, and the mark goes in the batch that
 * queues its events. What came with a snapshot of the state, without entries, is found by the
 * versions of the calls that are open now or were when they were looked at last.
 */
export class Feed {
  readonly #components: FeedComponents;
  readonly #dirty = new Set<string>();
  #told = new Map<string, number>();
  #isStopped = false;

  constructor(components: FeedComponents) {
    this.#components = components;
  }

  /** Goes on from what the store remembers. */
  restore(dirty: Iterable<string>, told: ReadonlyMap<string, number>): void {
    for (const call of dirty) this.#dirty.add(call);
    this.#told = new Map(told);
  }

  /** Has the call looked at by the next {@link drain}. */
  mark(call: string): void {
    this.#dirty.add(call);
  }

  /** Has all calls looked at that may have changed untold. */
  markAll(): void {
    for (const call of this.#told.keys()) this.#dirty.add(call);
    for (const call of this.#components.source.open()) this.#dirty.add(call);
  }

  /**
   * Queues what happened to the marked calls.
   *
   * @param onWaiting - called with what is in the store from now on
   * @throws CooeeError ERR_STORAGE_* : what is left stays marked
   */
  async drain(onWaiting: (waiting: readonly Waiting[]) => void): Promise<void> {
    for (const call of this.#dirty) {
      if (this.#isStopped || !this.#components.source.isSound()) return;
      await this.#tell(call, onWaiting);
    }
  }

  /** Ends a {@link drain} after the call that it is at; what is left stays marked in the store. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Whether anything is left for {@link drain}. */
  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  async #tell(call: string, onWaiting: (waiting: readonly Waiting[]) => void): Promise<void> {
    const { queue, source, clock } = this.#components;
    // A change while this waits for the disk marks it again.
    this.#dirty.delete(call);
    try {
      const told = this.#told.get(call) ?? 0;
      const last = source.versions(call);
      const latest = source.eventAt(call, last);
      const waiting: Waiting[] = [];
      for (let version = told + 1; version <= last; version++) {
        const event = version === last ? latest : source.eventAt(call, version);
        if (event === undefined) continue;
        const isPresent = version === last && !isOver(event.call);
        if (isPresent || isNews(event, clock.nowMs())) waiting.push(...this.#placesFor(event));
      }
      const isEnded = latest === undefined || isOver(latest.call);
      const writes: StoreWrite[] = [
        ...waiting.map(writeOf),
        ...(isEnded && told === 0 ? [] : [toldWrite(call, isEnded ? null : last)]),
        dirtyWrite(call, false),
      ];
      await queue.write(writes);
      if (isEnded) this.#told.delete(call);
      else this.#told.set(call, last);
      // Nothing happens to a call that is over: what marked it meanwhile was told with the rest.
      if (latest !== undefined && isEnded) this.#dirty.delete(call);
      if (waiting.length > 0) onWaiting(waiting);
    } catch (error) {
      this.#dirty.add(call);
      throw error;
    }
  }

  #placesFor(event: WebhookEvent): readonly Waiting[] {
    const { endpoints, isGone, queue, clock } = this.#components;
    return endpoints
      .filter(({ name, filter }) => !isGone(name) && wants(filter, event))
      .map(({ name }) =>
        queue.place({
          endpoint: name,
          call: event.call.id,
          version: event.version,
          queuedMs: clock.nowMs(),
        }),
      );
  }
}

/** A node that comes late, or begins anew with an empty disk, tells nobody of what is long over. */
function isNews({ timeMs }: WebhookEvent, nowMs: number): boolean {
  return nowMs - timeMs <= LIMITS.webhookDeliveryMsMax;
}

import { z } from 'zod';
import {
  type KeyValueStore,
  type Logger,
  type StoreWrite,
  toError,
} from '../../protocols/interface/index.ts';
import { cidText, count, decodeAs, encodeCanonical, timeMs } from '../../protocols/wire/index.ts';

/** An event that one webhook has not taken yet. */
export interface Waiting {
  /** Its place in the store; sorts in the order in which they came. */
  readonly key: string;
  /** Name of the webhook. */
  readonly endpoint: string;
  /** Id of the call. */
  readonly call: string;
  /** Version of the call that the event brought. */
  readonly version: number;
  /** When it was queued, by this node's clock. */
  readonly queuedMs: number;
}

/** What {@link DeliveryQueue.open} found. */
export interface QueueContents {
  readonly waiting: readonly Waiting[];
  /** Calls whose last events may not have been queued. */
  readonly dirty: readonly string[];
  /** Calls that are not over, and up to which version their events were queued. */
  readonly told: ReadonlyMap<string, number>;
}

const RECORD_BYTES_MAX = 512;
const SEQUENCE_DIGITS = 12;

/** Rows under `told/` and `dirty/` are at most those of the calls that are open. */
const ROWS_MAX = 100_000;

const waitingSchema = z.strictObject({
  v: z.literal(1),
  call: cidText,
  version: count,
  queuedMs: timeMs,
});
const toldSchema = z.strictObject({ v: z.literal(1), version: count });

/** The store's view of what webhooks wait for: which event for whom, and nothing else of it. */
export class DeliveryQueue {
  readonly #store: KeyValueStore;
  readonly #logger: Logger;
  #lastSequence = 0;
  /** Keys of rows that were reported, and are still in the store. */
  #damaged: string[] = [];

  constructor(store: KeyValueStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Reads all of it. A damaged row is reported and removed. @throws CooeeError ERR_STORAGE_* */
  async open(): Promise<QueueContents> {
    const waiting: Waiting[] = [];
    for (const [key, bytes] of await this.#rows('due/')) {
      const [endpoint = '', sequence = ''] = key.slice('due/'.length).split('/');
      this.#lastSequence = Math.max(this.#lastSequence, Number(sequence) || 0);
      const row = this.#decode(waitingSchema, key, bytes);
      if (row !== undefined) waiting.push({ key, endpoint, ...row });
    }
    const told = new Map<string, number>();
    for (const [key, bytes] of await this.#rows('told/')) {
      const row = this.#decode(toldSchema, key, bytes);
      if (row !== undefined) told.set(key.slice('told/'.length), row.version);
    }
    const dirty = (await this.#rows('dirty/')).map(([key]) => key.slice('dirty/'.length));
    if (this.#damaged.length > 0) await this.forget(this.#damaged);
    this.#damaged = [];
    return { waiting, dirty, told };
  }

  /** Takes a place for an event; it is in the store when {@link writeOf} is. */
  place(event: Omit<Waiting, 'key'>): Waiting {
    this.#lastSequence += 1;
    const sequence = String(this.#lastSequence).padStart(SEQUENCE_DIGITS, '0');
    return { key: `due/${event.endpoint}/${sequence}`, ...event };
  }

  /** @throws CooeeError ERR_STORAGE_* */
  async write(writes: readonly StoreWrite[]): Promise<void> {
    await this.#store.batch(writes);
  }

  /**
   * Forgets events for good: when this resolves they are off the disk, and with them is everything
   * that was written before. @throws CooeeError ERR_STORAGE_*
   */
  async forget(keys: readonly string[]): Promise<void> {
    const writes = keys.map((key): StoreWrite => ({ namespace: 'webhook', key }));
    await this.#store.batch(writes, { sync: true });
  }

  async #rows(prefix: string): Promise<(readonly [string, Uint8Array])[]> {
    const rows: (readonly [string, Uint8Array])[] = [];
    const range = { gte: prefix, lt: `${prefix.slice(0, -1)}0`, limit: ROWS_MAX };
    for await (const row of this.#store.entries('webhook', range)) rows.push(row);
    return rows;
  }

  #decode<T>(schema: z.ZodType<T>, key: string, bytes: Uint8Array): Omit<T, 'v'> | undefined {
    try {
      const { v: _, ...row } = decodeAs(schema, bytes, RECORD_BYTES_MAX) as T & { v: 1 };
      return row;
    } catch (error) {
      this.#logger.error(
        { err: toError(error), key },
        'a stored delivery is damaged: it is removed',
      );
      this.#damaged.push(key);
      return undefined;
    }
  }
}

/** Puts an event that waits into the store. */
export function writeOf({ key, call, version, queuedMs }: Waiting): StoreWrite {
  return { namespace: 'webhook', key, value: encodeCanonical({ v: 1, call, version, queuedMs }) };
}

/** Notes that something happened to a call; without `isDirty` that it has been looked at. */
export function dirtyWrite(call: string, isDirty: boolean): StoreWrite {
  const write = { namespace: 'webhook', key: `dirty/${call}` } as const;
  return isDirty ? { ...write, value: encodeCanonical({ v: 1 }) } : write;
}

/** Notes up to which version a call's events were queued; null once it is over. */
export function toldWrite(call: string, version: number | null): StoreWrite {
  const write = { namespace: 'webhook', key: `told/${call}` } as const;
  return version === null ? write : { ...write, value: encodeCanonical({ v: 1, version }) };
}

import type {
  KeyValueStore,
  Namespace,
  StoreRange,
  StoreSnapshot,
  StoreStatus,
  StoreWrite,
} from '../protocols/interface/index.ts';
import { DeferredWrites } from './disk/deferred-writes.ts';
import { notOpenError, withIoError } from './disk/io-error.ts';
import {
  askedBytes,
  jobBytes,
  pushWithDeferred,
  type StoreJob,
  writesOf,
} from './disk/store-job.ts';
import { assertKey, compareKeys, keyOf, storedBounds, storedKey } from './disk/store-keys.ts';
import { WriteQueue } from './disk/write-queue.ts';
import { type Faults, noFaults } from './faults.ts';

/** What a {@link MemoryStore} is built on. */
export interface MemoryStoreComponents {
  /** Nothing fails by default. Hit at `store:write`, `store:written`. */
  readonly faults?: Faults;
  /** Stands for fsync of a synced batch. At once by default. */
  readonly sync?: () => Promise<void>;
  /** Has deferred writes written after a while. At once by default. */
  readonly later?: (write: () => void) => void;
}

const GROUP_BYTES_MAX = 1024 * 1024;
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/** Fewer keys than this are put in one by one. */
const FRESH_FEW = 64;
/** Surrogates, and what comes behind them. */
const BEYOND = /[\ud800-\uffff]/;

/** Values by stored key, with the keys in order. */
class SortedMap {
  readonly #values: Map<string, Uint8Array>;
  #keys: string[];
  /** Keys that came since, in no order: many of them are sorted in at once. */
  #fresh: string[] = [];

  constructor(values = new Map<string, Uint8Array>(), keys: string[] = []) {
    this.#values = values;
    this.#keys = keys;
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Uint8Array): void {
    if (!this.#values.has(key)) this.#fresh.push(key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#ordered().splice(this.rank(key), 1);
  }

  /** How many keys are less than `key`. */
  rank(key: string): number {
    return rankIn(this.#ordered(), key);
  }

  /** Entries with ranks in [from, to), as they are now. */
  slice(from: number, to: number): (readonly [string, Uint8Array])[] {
    const keys = this.#ordered().slice(from, to);
    return keys.map((key) => [key, this.#values.get(key) ?? new Uint8Array(0)] as const);
  }

  copy(): SortedMap {
    return new SortedMap(new Map(this.#values), this.#ordered().slice());
  }

  /** All keys, the fresh ones in their places. */
  #ordered(): string[] {
    const fresh = this.#fresh;
    if (fresh.length === 0) return this.#keys;
    this.#fresh = [];
    if (fresh.length < FRESH_FEW) {
      for (const key of fresh) this.#keys.splice(rankIn(this.#keys, key), 0, key);
    } else {
      this.#keys = sorted([...this.#keys, ...fresh]);
    }
    return this.#keys;
  }
}

/** Sorts in place. JavaScript's own order is the same where nothing is above U+D7FF, and faster. */
function sorted(keys: string[]): string[] {
  return keys.some((key) => BEYOND.test(key)) ? keys.sort(compareKeys) : keys.sort();
}

/** How many keys of `keys`, which are in order, are less than `key`. */
function rankIn(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle] ?? '', key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The in-memory twin of the LevelDB store, for tests and the simulator: the same calls, errors and
 * order; the contents outlive {@link close} and {@link crash} in the object, as a disk would keep
 * them.
 */
export class MemoryStore implements KeyValueStore {
  readonly #faults: Faults;
  readonly #sync: () => Promise<void>;
  readonly #later: (write: () => void) => void;
  readonly #deferred = new DeferredWrites();
  #queue = this.#newQueue();
  #status: StoreStatus = 'closed';
  /** What the last write that failed failed with. */
  #failure: unknown;
  #live = new SortedMap();
  /** What the last synced batch made durable, and the batches written since. */
  #durable = new SortedMap();
  #unsynced: StoreWrite[] = [];
  /** Counts the times that it was opened: a snapshot ends with its own. */
  #opening = 0;

  constructor(components: MemoryStoreComponents = {}) {
    this.#faults = components.faults ?? noFaults;
    this.#sync = components.sync ?? (async () => undefined);
    this.#later = components.later ?? ((write) => write());
  }

  get status(): StoreStatus {
    return this.#status;
  }

  async open(): Promise<void> {
    await this.#queue.idle();
    if (this.#status === 'open') return;
    // What a failed write left behind is read again, as it would be from a disk.
    this.#live = this.#durable.copy();
    apply(this.#live, this.#unsynced);
    this.#status = 'open';
    this.#opening++;
    await this.#writeDeferred();
  }

  async close(): Promise<void> {
    // Whoever deferred it is told when this fails.
    this.#writeDeferred().catch(() => undefined);
    this.#status = 'closed';
    await this.#queue.idle();
    this.#deferred.drop(notOpenError('closed'));
  }

  async get(namespace: Namespace, key: string): Promise<Uint8Array | undefined> {
    return this.getSync(namespace, key);
  }

  getSync(namespace: Namespace, key: string): Uint8Array | undefined {
    this.#assertOpen();
    const stored = storedKey(namespace, key);
    const deferred = this.#deferred.find(stored);
    return (deferred === undefined ? this.#live.get(stored) : deferred.value)?.slice();
  }

  async *entries(
    namespace: Namespace,
    range: StoreRange = {},
  ): AsyncGenerator<readonly [string, Uint8Array]> {
    this.#assertOpen();
    await this.#writeDeferred();
    for (const [key, value] of entriesOf(this.#live, namespace, range)) {
      this.#assertOpen();
      yield [key, value.slice()];
    }
  }

  snapshot(): StoreSnapshot {
    this.#assertOpen();
    const opening = this.#opening;
    return new MemorySnapshot(this.#live.copy(), () => {
      this.#assertOpen();
      if (this.#opening !== opening) throw notOpenError('closed');
    });
  }

  async batch(
    writes: readonly StoreWrite[],
    options: { readonly sync?: boolean } = {},
  ): Promise<void> {
    this.#assertOpen();
    for (const { key } of writes) assertKey(key);
    if (writes.length === 0) return;
    const job = { writes: writes.map(copyOf), sync: options.sync ?? false };
    await pushWithDeferred(this.#queue, this.#deferred, job);
  }

  defer(
    writes: readonly StoreWrite[],
    options: { readonly isUrgent?: boolean } = {},
  ): Promise<void> {
    this.#assertOpen();
    for (const { key } of writes) assertKey(key);
    const written = this.#deferred.add(writes.map(copyOf));
    const opening = this.#opening;
    const write = (): void => {
      // Whoever deferred it is told when this fails.
      if (this.#opening === opening) this.#writeDeferred().catch(() => undefined);
    };
    if (options.isUrgent === true) write();
    else this.#later(write);
    return written;
  }

  async #writeDeferred(): Promise<void> {
    if (this.#status !== 'open' || this.#deferred.isEmpty) return;
    await pushWithDeferred(this.#queue, this.#deferred, { writes: [], sync: false });
  }

  /**
   * Loses power: what was not synced is gone, but for the oldest `keptWrites` of it; waiting calls
   * get ERR_STORAGE_NOT_OPEN; the store is closed.
   */
  crash(keptWrites = 0): void {
    apply(this.#durable, this.#unsynced.slice(0, keptWrites));
    this.#unsynced = [];
    this.#live = this.#durable.copy();
    this.#status = 'closed';
    this.#queue.abandon();
    this.#queue = this.#newQueue();
    this.#deferred.drop(notOpenError('closed'));
  }

  #newQueue(): WriteQueue<StoreJob> {
    const queue: WriteQueue<StoreJob> = new WriteQueue<StoreJob>({
      sizeOf: jobBytes,
      askedOf: askedBytes,
      flush: (jobs) => this.#flush(jobs, () => this.#queue === queue),
      groupBytesMax: GROUP_BYTES_MAX,
      waitingBytesMax: WAITING_BYTES_MAX,
    });
    return queue;
  }

  #assertOpen(): void {
    const cause = this.#status === 'failed' ? this.#failure : undefined;
    if (this.#status !== 'open') throw notOpenError(this.#status, cause);
  }

  async #flush(jobs: readonly StoreJob[], isPowered: () => boolean): Promise<void> {
    const writes = [...writesOf(jobs)];
    try {
      await withIoError({ operation: 'writing the store' }, async () => {
        this.#faults.hit('store:write');
        if (!isPowered()) throw notOpenError('closed');
        this.#unsynced.push(...writes);
        if (jobs.some((job) => job.sync)) await this.#makeDurable(isPowered);
        apply(this.#live, writes);
        this.#faults.hit('store:written');
        for (const { deferred } of jobs) this.#deferred.settle(deferred);
      });
    } catch (error) {
      if (isPowered() && this.#status === 'open') {
        this.#status = 'failed';
        this.#failure = error;
      }
      throw error;
    }
  }

  /** Syncing LevelDB's write-ahead log makes durable what stands before in the same file. */
  async #makeDurable(isPowered: () => boolean): Promise<void> {
    await this.#sync();
    if (!isPowered()) throw notOpenError('closed');
    apply(this.#durable, this.#unsynced);
    this.#unsynced = [];
  }
}

/** Entries of one page: few, so that readers meet several. */
const PAGE_ENTRIES = 7;

class MemorySnapshot implements StoreSnapshot {
  readonly #map: SortedMap;
  readonly #assertOpen: () => void;
  #isClosed = false;

  constructor(map: SortedMap, assertOpen: () => void) {
    this.#map = map;
    this.#assertOpen = () => {
      if (this.#isClosed) throw notOpenError('closed');
      assertOpen();
    };
  }

  async get(namespace: Namespace, key: string): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    return this.#map.get(storedKey(namespace, key))?.slice();
  }

  async *entries(
    namespace: Namespace,
    range: StoreRange = {},
  ): AsyncGenerator<readonly [string, Uint8Array]> {
    this.#assertOpen();
    for (const [key, value] of entriesOf(this.#map, namespace, range)) {
      this.#assertOpen();
      yield [key, value.slice()];
    }
  }

  async *pages(
    namespace: Namespace,
    range: StoreRange = {},
  ): AsyncGenerator<readonly (readonly [string, Uint8Array])[]> {
    let page: (readonly [string, Uint8Array])[] = [];
    for await (const entry of this.entries(namespace, range)) {
      page.push(entry);
      if (page.length < PAGE_ENTRIES) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}

const NO_BYTES = new Uint8Array(0);

function copyOf(write: StoreWrite): StoreWrite {
  return write.value === undefined ? write : { ...write, value: write.value.slice() };
}

/** Entries of a range, as they are now. */
function entriesOf(
  map: SortedMap,
  namespace: Namespace,
  range: StoreRange,
): (readonly [string, Uint8Array])[] {
  const { gt, gte, lt } = storedBounds(namespace, range);
  const from = map.rank(gt ?? gte ?? '');
  const isFirstOut = gt !== undefined && map.get(gt) !== undefined;
  const found = map.slice(isFirstOut ? from + 1 : from, map.rank(lt));
  if (range.reverse === true) found.reverse();
  const limit = Math.max(0, range.limit ?? found.length);
  const bytesOf = (value: Uint8Array) => (range.isKeysOnly === true ? NO_BYTES : value);
  return found
    .slice(0, limit)
    .map(([key, value]) => [keyOf(namespace, key), bytesOf(value)] as const);
}

function apply(map: SortedMap, writes: readonly StoreWrite[]): void {
  for (const { namespace, key, value } of writes) {
    if (value === undefined) map.delete(storedKey(namespace, key));
    else map.set(storedKey(namespace, key), value);
  }
}

import type {
  Clock,
  CooeeError,
  KeyValueStore,
  Namespace,
  StoreRange,
  StoreSnapshot,
  StoreStatus,
  StoreWrite,
  Timer,
} from '../protocols/interface/index.ts';
import { DeferredWrites } from './disk/deferred-writes.ts';
import { notOpenError } from './disk/io-error.ts';
import { levelError } from './disk/level-error.ts';
import { type OpenInit, openDatabase } from './disk/open-database.ts';
import { plainBytes } from './disk/plain-bytes.ts';
import {
  askedBytes,
  jobBytes,
  pushWithDeferred,
  type StoreJob,
  writesOf,
} from './disk/store-job.ts';
import { assertKey, keyOf, storedBounds, storedKey } from './disk/store-keys.ts';
import { WriteQueue } from './disk/write-queue.ts';
import { type Faults, noFaults } from './faults.ts';
import type { StoreDatabase } from './migrations/store-migrations.ts';

/** LevelDB itself takes about 1 MiB as one group; more per write does not pay. */
const GROUP_BYTES_MAX = 1024 * 1024;

/** What may wait to be written, in bytes. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/** How long deferred writes gather: long enough for a few hundred commits to share a batch. */
const DEFER_MS = 20;

/** What gathers goes at once beyond this: a batch is handed to LevelDB on the main thread. */
const DEFER_BYTES_MAX = 256 * 1024;

/** Entries fetched from LevelDB in one go. */
const PAGE_ENTRIES = 128;

type Database = StoreDatabase;
type Snapshot = ReturnType<Database['snapshot']>;
type StoreEntry = readonly [string, Uint8Array];

/** What a {@link LevelStore} is built on. */
export interface LevelStoreComponents {
  /** For tests; nothing fails by default. */
  readonly faults?: Faults;
  /** Says when deferred writes have gathered long enough. Without it they go at once. */
  readonly clock?: Clock;
  /**
   * Told of an input/output error after which nobody knows what is on the disk: the process must
   * end, and the next one looks.
   */
  readonly onFatal?: (error: CooeeError) => void;
}

/** Options of a {@link LevelStore}. */
export interface LevelStoreInit {
  /** LevelDB's directory; made when it is not there. */
  readonly directory: string;
  /**
   * Called before a store of an older format is changed, while nobody has it open; when it fails,
   * nothing is changed. By default nothing is kept.
   */
  readonly beforeMigration?: (found: number) => Promise<void>;
  /**
   * To get what is left out of a store that lost records: it is opened, and refused as damaged by
   * whoever opens it without this afterwards.
   */
  readonly isSalvage?: boolean;
}

/**
 * The key-value store on LevelDB. One native batch is written at a time, those of concurrent
 * callers as one: LevelDB goes on after a full disk and acknowledges synced writes that it then
 * loses, so nothing may be acknowledged that ran after a write that failed. LevelDB also drops
 * damaged records of its write-ahead log silently: these are looked for before it is opened. Keep
 * here only what can be rebuilt.
 */
export class LevelStore implements KeyValueStore {
  readonly #directory: string;
  readonly #opening: OpenInit;
  readonly #faults: Faults;
  readonly #clock: Clock | undefined;
  readonly #deferred = new DeferredWrites();
  readonly #onFatal: (error: CooeeError) => void;
  readonly #queue: WriteQueue<StoreJob>;
  #status: StoreStatus = 'closed';
  /** What the last write that failed failed with. */
  #failure: CooeeError | undefined;
  #database: Database | null = null;
  #deferTimer: Timer | undefined;
  #lifecycle: Promise<unknown> = Promise.resolve();

  constructor(components: LevelStoreComponents, init: LevelStoreInit) {
    this.#directory = init.directory;
    const { beforeMigration = async () => undefined, isSalvage = false } = init;
    this.#opening = { beforeMigration, isSalvage };
    this.#faults = components.faults ?? noFaults;
    this.#clock = components.clock;
    this.#onFatal = components.onFatal ?? (() => undefined);
    this.#queue = new WriteQueue<StoreJob>({
      sizeOf: jobBytes,
      askedOf: askedBytes,
      flush: (jobs) => this.#flush(jobs),
      groupBytesMax: GROUP_BYTES_MAX,
      waitingBytesMax: WAITING_BYTES_MAX,
    });
  }

  get status(): StoreStatus {
    return this.#status;
  }

  open(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#status === 'open') return;
      await this.#release();
      this.#database = await openDatabase(this.#directory, this.#opening);
      this.#status = 'open';
      // What could not be written before it failed.
      await this.#writeDeferred();
    });
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      // Whoever deferred it is told when this fails.
      this.#writeDeferred().catch(() => undefined);
      this.#status = 'closed';
      this.#deferTimer?.cancel();
      this.#deferTimer = undefined;
      await this.#release();
      this.#deferred.drop(notOpenError('closed'));
    });
  }

  async get(namespace: Namespace, key: string): Promise<Uint8Array | undefined> {
    this.#openDatabase();
    const deferred = this.#deferred.find(storedKey(namespace, key));
    if (deferred !== undefined) return deferred.value?.slice();
    return await this.#get(namespace, key);
  }

  getSync(namespace: Namespace, key: string): Uint8Array | undefined {
    const database = this.#openDatabase();
    const stored = storedKey(namespace, key);
    const deferred = this.#deferred.find(stored);
    if (deferred !== undefined) return deferred.value?.slice();
    try {
      const value = database.getSync(stored);
      return value === undefined ? undefined : plainBytes(value);
    } catch (cause) {
      throw levelError(cause, { operation: 'reading the store', file: this.#directory });
    }
  }

  async *entries(namespace: Namespace, range: StoreRange = {}): AsyncGenerator<StoreEntry> {
    this.#openDatabase();
    // The iterator knows the database alone.
    if (!this.#deferred.isEmpty) await this.#writeDeferred();
    yield* this.#read(namespace, range);
  }

  snapshot(): StoreSnapshot {
    const database = this.#openDatabase();
    const snapshot = database.snapshot();
    let isClosed = false;
    const view = () => {
      // One of an earlier opening is gone with it.
      if (isClosed || this.#openDatabase() !== database) throw notOpenError('closed');
      return snapshot;
    };
    return {
      get: async (namespace, key) => await this.#get(namespace, key, view()),
      entries: (namespace, range = {}) => this.#read(namespace, range, view),
      pages: (namespace, range = {}) => this.#pages(namespace, range, view),
      close: async () => {
        isClosed = true;
        await snapshot.close();
      },
    };
  }

  async batch(
    writes: readonly StoreWrite[],
    options: { readonly sync?: boolean } = {},
  ): Promise<void> {
    this.#openDatabase();
    for (const { key } of writes) assertKey(key);
    if (writes.length === 0) return;
    await this.#push(writes, options.sync ?? false);
  }

  defer(
    writes: readonly StoreWrite[],
    options: { readonly isUrgent?: boolean } = {},
  ): Promise<void> {
    this.#openDatabase();
    for (const { key } of writes) assertKey(key);
    const written = this.#deferred.add(writes);
    const isUrgent = options.isUrgent === true || this.#deferred.bytes > DEFER_BYTES_MAX;
    if (isUrgent || this.#clock === undefined) this.#hurry();
    else this.#deferTimer ??= this.#clock.schedule(DEFER_MS, () => this.#hurry());
    return written;
  }

  /** What is deferred goes now; whoever deferred it is told when it fails. */
  #hurry(): void {
    this.#deferTimer?.cancel();
    this.#deferTimer = undefined;
    this.#writeDeferred().catch(() => undefined);
  }

  /** Resolves when nothing is deferred that was when this was called. @throws CooeeError */
  async #writeDeferred(): Promise<void> {
    if (this.#status === 'open' && !this.#deferred.isEmpty) await this.#push([], false);
  }

  async #push(writes: readonly StoreWrite[], sync: boolean): Promise<void> {
    const written = pushWithDeferred(this.#queue, this.#deferred, { writes, sync });
    // What a batch that is refused would have taken along still waits for its time.
    if (!this.#deferred.isGathering) {
      this.#deferTimer?.cancel();
      this.#deferTimer = undefined;
    }
    await written;
  }

  async #get(
    namespace: Namespace,
    key: string,
    snapshot?: Snapshot,
  ): Promise<Uint8Array | undefined> {
    const database = this.#openDatabase();
    try {
      const value = await database.get(storedKey(namespace, key), { snapshot });
      return value === undefined ? undefined : plainBytes(value);
    } catch (cause) {
      throw levelError(cause, { operation: 'reading the store', file: this.#directory });
    }
  }

  async *#read(
    namespace: Namespace,
    range: StoreRange,
    view?: () => Snapshot,
  ): AsyncGenerator<StoreEntry> {
    for await (const page of this.#pages(namespace, range, view)) {
      for (const entry of page) {
        this.#openDatabase();
        view?.();
        yield entry;
      }
    }
  }

  async *#pages(
    namespace: Namespace,
    range: StoreRange,
    view?: () => Snapshot,
  ): AsyncGenerator<readonly StoreEntry[]> {
    const database = this.#openDatabase();
    const limit = range.limit ?? Number.POSITIVE_INFINITY;
    const snapshot = view?.();
    if (!(limit > 0)) return;
    const iterator = database.iterator({
      ...storedBounds(namespace, range),
      reverse: range.reverse ?? false,
      values: range.isKeysOnly !== true,
      ...(limit === Number.POSITIVE_INFINITY ? {} : { limit }),
      ...(snapshot === undefined ? {} : { snapshot }),
    });
    try {
      for (;;) {
        const page = await iterator.nextv(PAGE_ENTRIES);
        if (page.length === 0) return;
        this.#openDatabase();
        view?.();
        yield page.map(([key, value]) => [keyOf(namespace, key), plainBytes(value)]);
      }
    } catch (cause) {
      throw levelError(cause, { operation: 'reading the store', file: this.#directory });
    } finally {
      await iterator.close();
    }
  }

  #openDatabase(): Database {
    const cause = this.#status === 'failed' ? this.#failure : undefined;
    if (this.#status !== 'open' || this.#database === null) throw notOpenError(this.#status, cause);
    return this.#database;
  }

  /** Opening and closing happen one after the other, in the order of the calls. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#lifecycle.then(task, task);
    this.#lifecycle = turn;
    return turn;
  }

  async #release(): Promise<void> {
    await this.#queue.idle();
    const database = this.#database;
    this.#database = null;
    try {
      await database?.close();
    } catch (cause) {
      throw levelError(cause, { operation: 'closing the store', file: this.#directory });
    }
  }

  async #flush(jobs: readonly StoreJob[]): Promise<void> {
    try {
      this.#faults.hit('store:write');
      if (this.#database === null) throw notOpenError(this.#status);
      // One call a write takes half as long as a list of them.
      const batch = this.#database.batch();
      for (const { namespace, key, value } of writesOf(jobs)) {
        if (value === undefined) batch.del(storedKey(namespace, key));
        else batch.put(storedKey(namespace, key), value);
      }
      await batch.write({ sync: jobs.some((job) => job.sync) });
      this.#faults.hit('store:written');
      for (const { deferred } of jobs) this.#deferred.settle(deferred);
    } catch (cause) {
      const error = levelError(cause, { operation: 'writing the store', file: this.#directory });
      if (this.#status === 'open') {
        this.#status = 'failed';
        this.#failure = error;
      }
      if (error.details['fatal'] === true) this.#onFatal(error);
      throw error;
    }
  }
}

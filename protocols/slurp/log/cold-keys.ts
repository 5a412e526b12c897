import {
  type Clock,
  type ColdTable,
  delay,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type Metrics,
  type Random,
  type StateTable,
  toError,
} from '../../interface/index.ts';
import { KeyFilter } from '../machine/key-filter.ts';
import type { StateChange } from '../machine/state.ts';
import { COLD_MARK, stateKey } from '../machine/stored.ts';

/**
 * Cold tables in which applying looks for what mostly is not there: each new submission, address,
 * block and call is looked for before it is entered. In the others it reads what it knows to stand
 * there, or nothing.
 */
const SOUGHT: ReadonlySet<StateTable> = new Set([
  'addressed',
  'attached',
  'call',
  'revised',
  'submission',
]);

/** So many keys are read in one go, a millisecond or two; then others have their turn. */
const SLICE_KEYS = 1_024;
const REST_MS = 1;

/** How long a store that failed is left alone before it is looked at again. */
const FAILED_REST_MS = 500;

const SEED_BYTES = 8;

/** What {@link ColdKeys} is built from. */
export interface ColdKeysComponents {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * Which keys of the cold tables surely do not stand in the store: to find that out from the disk
 * costs more than anything else that is done for a new submission.
 *
 * It must never take for absent what is there: the state of this node would become another than
 * that of the mesh. So everything that is put goes into the filter before it goes into the store,
 * what stood there before is read in the background, and until that has ended nothing is known.
 * What is deleted stays in. While others than {@link ColdKeys.put}'s caller write to the state,
 * nothing may be known: {@link ColdKeys.forget} comes before that.
 */
export class ColdKeys {
  readonly #components: ColdKeysComponents;
  readonly #seed: Uint8Array;
  /** Of the state of now; undefined = nothing is known, and nothing is being found out. */
  #filter: KeyFilter | undefined;
  /** Whether all that stands in the store is in the filter. */
  #isComplete = false;
  #reading = new AbortController();
  #read: Promise<void> = Promise.resolve();
  /** Since they were counted last. */
  #absent = 0;
  #perhaps = 0;

  constructor(components: ColdKeysComponents) {
    this.#components = components;
    this.#seed = components.random.bytes(SEED_BYTES);
  }

  /** Resolves when nothing is read any more, whatever came of it. */
  async idle(): Promise<void> {
    await this.#read;
  }

  /** True = the key stands in no store and no write: it need not be looked for. */
  isAbsent(table: ColdTable, key: string): boolean {
    if (!SOUGHT.has(table)) return false;
    if (this.#isComplete && this.#filter?.mayHave(table, key) === false) {
      this.#absent++;
      return true;
    }
    this.#perhaps++;
    return false;
  }

  /** To be called with what is about to be written to the state. */
  put(changes: readonly StateChange[]): void {
    for (const { table, key, value } of changes) {
      if (value !== undefined && SOUGHT.has(table)) this.#filter?.add(table, key);
    }
    this.#report();
  }

  /** Nothing is known any more: the state is about to be written by others, or was. */
  forget(): void {
    this.#reading.abort();
    this.#filter = undefined;
    this.#isComplete = false;
    this.#report();
  }

  /** The state has no rows, and none of them waits to be written. */
  begin(): void {
    this.forget();
    this.#filter = new KeyFilter(this.#seed);
    this.#isComplete = true;
  }

  /** Begins to find out what the state holds; no row of it may be waiting to be written. */
  learn(): void {
    this.forget();
    const filter = new KeyFilter(this.#seed);
    this.#filter = filter;
    const reading = new AbortController();
    this.#reading = reading;
    const before = this.#read;
    const { logger } = this.#components;
    this.#read = this.#readInto(filter, reading.signal)
      .then(() => {
        if (reading.signal.aborted) return;
        this.#isComplete = true;
        this.#report();
      })
      .catch((error: unknown) => {
        if (reading.signal.aborted) return;
        logger.warn({ err: toError(error) }, 'the keys of the state could not be read');
        this.forget();
      })
      // One that was called off may not have ended.
      .then(() => before);
  }

  /** Nothing is read any more; resolves once that is so. */
  async close(): Promise<void> {
    this.forget();
    await this.idle();
  }

  /**
   * Reads all keys into the filter. When the store fails, it goes on where it was once the store is
   * open again: what was put meanwhile is in the filter, since that is the same one.
   *
   * @throws CooeeError ERR_STORAGE_*; an AbortError
   */
  async #readInto(filter: KeyFilter, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#components;
    const place = { from: COLD_MARK, keys: 0 };
    for (;;) {
      try {
        while (await this.#readOn(filter, place, signal)) signal.throwIfAborted();
        return;
      } catch (error) {
        signal.throwIfAborted();
        const isPassing = store.status === 'failed' || isCooeeError(error, 'ERR_STORAGE_NOT_OPEN');
        if (store.status === 'closed' || !isPassing) throw error;
      }
      while (store.status === 'failed') await delay(clock, FAILED_REST_MS, signal);
    }
  }

  /**
   * Reads from a place on, up to the end or to a table that is passed over. @returns whether there
   * may be more
   */
  async #readOn(filter: KeyFilter, place: Place, signal: AbortSignal): Promise<boolean> {
    const moment = this.#components.store.snapshot();
    try {
      for await (const page of moment.pages('state', { gte: place.from, isKeysOnly: true })) {
        signal.throwIfAborted();
        if (filter.isFull) return false;
        for (const [text] of page) {
          const { table, key } = stateKey.parse(text);
          if (SOUGHT.has(table)) filter.add(table, key);
        }
        const [first] = page[0] as readonly [string, Uint8Array];
        const [last] = page.at(-1) as readonly [string, Uint8Array];
        place.from = last;
        const next = behindUnsought(first, last);
        if (next !== undefined) {
          place.from = next;
          return true;
        }
        await this.#rest(place, page.length, signal);
      }
      return false;
    } finally {
      await moment.close();
    }
  }

  async #rest(place: Place, keys: number, signal: AbortSignal): Promise<void> {
    place.keys += keys;
    if (place.keys < SLICE_KEYS) return;
    place.keys = 0;
    await delay(this.#components.clock, REST_MS, signal);
  }

  #report(): void {
    const { metrics } = this.#components;
    const keys = this.#isComplete ? this.#filter?.size : 0;
    metrics.gauge('cooee_slurp_cold_keys', keys ?? 0);
    const name = 'cooee_slurp_cold_lookups_total';
    if (this.#absent > 0) metrics.count(name, { outcome: 'absent' }, this.#absent);
    if (this.#perhaps > 0) metrics.count(name, { outcome: 'perhaps' }, this.#perhaps);
    this.#absent = 0;
    this.#perhaps = 0;
  }
}

/** How far the keys are read. */
interface Place {
  /** The key at which it goes on. */
  from: string;
  /** Since the last rest. */
  keys: number;
}

/**
 * Where to go on when a page is of one table of one bucket, and nobody is looking for that: the
 * rest of it, contents in a large state, need not be read.
 */
function behindUnsought(first: string, last: string): string | undefined {
  const { table } = stateKey.parse(last);
  if (SOUGHT.has(table)) return undefined;
  const prefix = last.slice(0, last.indexOf('/') + 1 + table.length);
  // The character behind the slash ends what begins with it.
  return first.startsWith(`${prefix}/`) ? `${prefix}0` : undefined;
}

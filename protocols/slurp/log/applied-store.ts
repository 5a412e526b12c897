import {
  type Clock,
  delay,
  type Health,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type StateReader,
  type StoreWrite,
  toError,
} from '../../interface/index.ts';
import type { MerkleFrontier } from '../../wire/index.ts';
import { type ColdReader, MeshState, type PlacedChange } from '../machine/state.ts';
import {
  type AppliedMark,
  appliedRecord,
  COLD_MARK,
  stateKey,
  stateValue,
} from '../machine/stored.ts';
import type { ColdKeys } from './cold-keys.ts';

/** How long a failed store is left alone before it is opened again. */
const REOPEN_DELAY_MS = 500;

/** So much may wait to be written, in runs and bytes: beyond that applying waits for the disk. */
const RUNS_AHEAD_MAX = 256;
const BYTES_AHEAD_MAX = 4 * 1024 * 1024;

/** Rows that are forgotten with one batch of the store. */
const WIPED_AT_ONCE = 1_024;

/** What {@link AppliedStore} is built from. */
export interface AppliedStoreComponents {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
}

/** What applying a run of entries changed. */
export interface AppliedRun {
  readonly changes: readonly PlacedChange[];
  /** Writes of others that must be in the same batch. */
  readonly alongside: readonly StoreWrite[];
  readonly frontier: MerkleFrontier;
  readonly timeMs: number;
  readonly term: number;
}

/** Runs that go to the disk together. */
interface Ahead {
  readonly written: Promise<void>;
  /** As `written`, also when that takes several tries. Never rejects. */
  readonly done: Promise<void>;
  runs: number;
  bytes: number;
}

/**
 * The replicated state on the disk, and how far the log is applied in it: always written together.
 */
export class AppliedStore {
  readonly #components: AppliedStoreComponents;
  readonly #keys: ColdKeys | undefined;
  /** What the last run was deferred with. */
  #newest: Ahead | undefined;
  /** All that may not be written yet. */
  #runsAhead = 0;
  #bytesAhead = 0;

  /** @param keys - knows what need not be looked for; without it everything is */
  constructor(components: AppliedStoreComponents, keys?: ColdKeys) {
    this.#components = components;
    this.#keys = keys;
  }

  /** Reads what is not kept in memory. */
  readonly cold: ColdReader = {
    // Of a store that cannot be read nothing is said, and whoever asks is told why.
    isAbsent: (table, key) =>
      this.#components.store.status === 'open' && this.#keys?.isAbsent(table, key) === true,
    read: (table, key) => {
      const bytes = this.#components.store.getSync('state', stateKey.format(table, key));
      return bytes === undefined ? undefined : stateValue.decode(bytes);
    },
  };

  /** Loads the state anew. @throws CooeeError ERR_WIRE_*, ERR_STORAGE_* */
  async load(state: MeshState): Promise<AppliedMark> {
    const { store } = this.#components;
    this.forgetKeys();
    const mark = await store.get('meta', 'applied');
    const applied = appliedRecord.decode(mark);
    const loaded = new MeshState();
    // Without the mark what stands there is left of a state that is to be built anew. Cold values
    // would be taken for the new one's.
    if (mark === undefined) await this.#wipe();
    for await (const [key, bytes] of store.entries('state', { lt: COLD_MARK })) {
      loaded.merge([{ ...stateKey.parse(key), value: stateValue.decode(bytes) }]);
    }
    state.become(loaded);
    // Whatever waited to be written was, before the first row came.
    if (mark === undefined) this.#keys?.begin();
    else this.#keys?.learn();
    return applied;
  }

  /**
   * To be called before others write to the state; {@link load} comes after. What is not there has
   * to be looked for till then.
   */
  forgetKeys(): void {
    this.#keys?.forget();
  }

  /** Resolves when nothing is read in the background any more. */
  async close(): Promise<void> {
    await this.#keys?.close();
  }

  /**
   * Stores a run: it is there to be read when this returns, and goes to the disk a moment later,
   * together with others. Nothing is lost when it does not come to that, since the log has it.
   *
   * @param isExact whether it, and nothing behind it, must be in the store at that moment: a
   * promise then, and when much waits to be written or the store fails
   * @throws the signal's reason when it is aborted while the store fails
   */
  save(
    { changes, alongside, ...mark }: AppliedRun,
    { isExact, signal }: { readonly isExact: boolean; readonly signal: AbortSignal },
  ): Promise<void> | undefined {
    this.#keys?.put(changes);
    const writes = [...changes.map(writeOf), ...alongside, markOf(mark)];
    const { store } = this.#components;
    // Deferred like the others: what a failed write leaves to be written again lies in one order.
    if (isExact) return this.#insist(() => store.defer(writes, { isUrgent: true }), signal);
    if (store.status !== 'open') {
      return this.#insist(async () => this.#defer(writes, signal), signal);
    }
    this.#defer(writes, signal);
    const isFar = this.#runsAhead > RUNS_AHEAD_MAX || this.#bytesAhead > BYTES_AHEAD_MAX;
    return isFar ? this.#newest?.done : undefined;
  }

  /**
   * Resolves once cold tables can be read: whoever shares the store may have met an error. Throws
   * as {@link save} does.
   */
  readable(signal: AbortSignal): Promise<void> | undefined {
    if (this.#components.store.status !== 'failed') return undefined;
    return this.#insist(async () => undefined, signal);
  }

  #defer(writes: readonly StoreWrite[], signal: AbortSignal): void {
    const written = this.#components.store.defer(writes);
    // Those that go to the disk together share the promise.
    if (this.#newest?.written !== written) this.#newest = this.#begin(written, signal);
    const bytes = writes.reduce(
      (sum, { key, value }) => sum + key.length + (value?.length ?? 0),
      0,
    );
    this.#newest.runs++;
    this.#newest.bytes += bytes;
    this.#runsAhead++;
    this.#bytesAhead += bytes;
  }

  #begin(written: Promise<void>, signal: AbortSignal): Ahead {
    const done = written
      .then(
        () => this.#components.health.clear('store-failed'),
        () => this.#mend(signal),
      )
      .then(() => {
        this.#runsAhead -= ahead.runs;
        this.#bytesAhead -= ahead.bytes;
      });
    const ahead: Ahead = { written, done, runs: 0, bytes: 0 };
    return ahead;
  }

  /**
   * Nobody else may want to write for long, and readers need the store: resolves when what was
   * deferred is written after all. Never rejects.
   */
  async #mend(signal: AbortSignal): Promise<void> {
    const { store, logger } = this.#components;
    const write = async (): Promise<void> => {
      // A closed one is its owner's. Whoever opened a failed one may not have got it written.
      if (store.status !== 'closed') await store.defer([], { isUrgent: true });
    };
    try {
      signal.throwIfAborted();
      await this.#insist(write, signal);
    } catch (error) {
      if (!signal.aborted) logger.error({ err: toError(error) }, 'the store was not mended');
    }
  }

  async #wipe(): Promise<void> {
    const { store } = this.#components;
    let writes: StoreWrite[] = [];
    for await (const [key] of store.entries('state', { isKeysOnly: true })) {
      writes.push({ namespace: 'state', key });
      if (writes.length < WIPED_AT_ONCE) continue;
      await store.batch(writes);
      writes = [];
    }
    await store.batch(writes);
  }

  async #insist(task: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { store, health, clock, logger } = this.#components;
    for (let tries = 1; ; tries++) {
      try {
        // Opening is what mends a failed store, unless somebody who shares it has done so. A closed
        // one is its owner's.
        if (store.status === 'failed') await store.open();
        await task();
        health.clear('store-failed');
        return;
      } catch (error) {
        if (!isCooeeError(error)) throw error;
        // Said once: it may last for days, and the log may lie on the very disk that is full.
        const fields = { err: error, code: error.code };
        if (tries === 1) logger.error(fields, 'the state cannot be stored; trying again');
        else logger.debug(fields, 'the state cannot be stored yet');
        health.raise({
          code: 'store-failed',
          severity: 'error',
          text: `Nothing can be stored: ${error.message}`,
          remedy: error.remedy,
        });
        await delay(clock, REOPEN_DELAY_MS, signal);
      }
    }
  }
}

function writeOf({ table, key: name, value, bucket }: PlacedChange): StoreWrite {
  const key = stateKey.format(table, name, bucket);
  if (value === undefined) return { namespace: 'state', key };
  return { namespace: 'state', key, value: stateValue.encode(value) };
}

function markOf(mark: AppliedMark): StoreWrite {
  return { namespace: 'meta', key: 'applied', value: appliedRecord.encode(mark) };
}

/**
 * The state in a store that is open, as it was applied last, without its log and without the cold
 * tables.
 *
 * @throws CooeeError ERR_WIRE_*, ERR_STORAGE_*
 */
export async function peekState(components: AppliedStoreComponents): Promise<StateReader> {
  const state = new MeshState();
  await new AppliedStore(components).load(state);
  return state;
}

import {
  type Clock,
  delay,
  type Health,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type StoreWrite,
} from '../../interface/index.ts';
import type { MerkleFrontier } from '../../wire/index.ts';
import type { MeshState, StateChange } from '../machine/state.ts';
import { type AppliedMark, appliedRecord, stateKey, stateValue } from '../machine/stored.ts';

/** How long a failed store is left alone before it is opened again. */
const REOPEN_DELAY_MS = 500;

/** What {@link AppliedStore} is built from. */
export interface AppliedStoreComponents {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
}

/** What applying a run of entries changed. */
export interface AppliedRun {
  readonly changes: Iterable<StateChange>;
  /** Writes of others that must be in the same batch. */
  readonly alongside: readonly StoreWrite[];
  readonly frontier: MerkleFrontier;
  readonly timeMs: number;
  readonly term: number;
}

/**
 * The replicated state on the disk, and how far the log is applied in it: always written together.
 */
export class AppliedStore {
  readonly #components: AppliedStoreComponents;

  constructor(components: AppliedStoreComponents) {
    this.#components = components;
  }

  /** Loads the state anew. @throws CooeeError ERR_WIRE_*, ERR_STORAGE_* */
  async load(state: MeshState): Promise<AppliedMark> {
    const { store } = this.#components;
    const applied = appliedRecord.decode(await store.get('meta', 'applied'));
    state.clear();
    for await (const [key, bytes] of store.entries('state')) {
      state.merge([{ ...stateKey.parse(key), value: stateValue.decode(bytes) }]);
    }
    return applied;
  }

  /**
   * Writes a run, however long it takes: nothing is lost meanwhile, since the log has it.
   *
   * @throws the signal's reason when it is aborted while the store fails
   */
  async save({ changes, alongside, ...mark }: AppliedRun, signal: AbortSignal): Promise<void> {
    const { store, health, clock, logger } = this.#components;
    const writes = [...[...changes].map(writeOf), ...alongside, markOf(mark)];
    for (;;) {
      try {
        // Opening is what mends a failed store, unless somebody who shares it has done so. A closed
        // one is its owner's.
        if (store.status === 'failed') await store.open();
        await store.batch(writes);
        health.clear('store-failed');
        return;
      } catch (error) {
        if (!isCooeeError(error)) throw error;
        logger.error({ err: error, code: error.code }, 'the state cannot be stored; trying again');
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

function writeOf({ table, key: name, value }: StateChange): StoreWrite {
  const key = stateKey.format(table, name);
  if (value === undefined) return { namespace: 'state', key };
  return { namespace: 'state', key, value: stateValue.encode(value) };
}

function markOf(mark: AppliedMark): StoreWrite {
  return { namespace: 'meta', key: 'applied', value: appliedRecord.encode(mark) };
}

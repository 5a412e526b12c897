import {
  type Clock,
  type CooeeError,
  type Crypto,
  delay,
  type Health,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type LogStore,
  toError,
} from '../../interface/index.ts';
import type { MerkleFrontier } from '../../wire/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import type { BlockFetcher } from './fetching/block-fetcher.ts';
import { forgetState, installState, readList } from './install.ts';
import type { SnapshotRecord } from './records.ts';
import type { Snapshotter } from './taking/snapshotter.ts';

const REOPEN_DELAY_MS = 500;
const PROGRESS_MS = 1_000;

/** What {@link Replacement} works with. */
export interface ReplacementComponents {
  readonly meshLog: MeshLog;
  readonly log: LogStore;
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  readonly fetcher: BlockFetcher;
  readonly snapshotter: Snapshotter;
  /** The disk failed in a way after which nothing may be acknowledged: the process must end. */
  readonly onFatal?: ((error: CooeeError) => void) | undefined;
}

/** A snapshot whose head was verified. */
export interface Target {
  readonly stateCid: string;
  readonly frontier: MerkleFrontier;
  readonly head: Uint8Array;
}

/** Puts another state in the place of this node's: a snapshot, or what its own log gives. */
export class Replacement {
  readonly #components: ReplacementComponents;
  #isUnderWay = false;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(components: ReplacementComponents) {
    this.#components = components;
  }

  /** True while the state on the disk is neither the old nor the new one. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /**
   * Fetches a snapshot and makes it this node's state. What was fetched stays when it is broken
   * off.
   *
   * @param isNeeded - asked again when all blocks are here: the log may have got there meanwhile
   * @throws CooeeError ERR_SLURP_SNAPSHOT, ERR_WIRE_*, ERR_STORAGE_*; the signal's reason
   */
  async fetchAndInstall(
    target: Target,
    how: {
      readonly sources: readonly string[];
      readonly signal: AbortSignal;
      readonly isNeeded: () => boolean;
    },
  ): Promise<void> {
    const { health, snapshotter } = this.#components;
    try {
      await snapshotter.keepRows(async () => {
        const record = await this.#fetch(target, how);
        await this.#replace(how.signal, async () => {
          if (how.isNeeded()) await installState(this.#components, record);
        });
      });
    } finally {
      health.clear('state-installing');
    }
  }

  async #fetch(
    { stateCid, frontier, head }: Target,
    how: { readonly sources: readonly string[]; readonly signal: AbortSignal },
  ): Promise<SnapshotRecord> {
    const { fetcher, store } = this.#components;
    const { sources, signal } = how;
    const onProgress = (held: number, all: number): void => this.#tell(frontier.size, held, all);
    if (store.status === 'failed') await store.open();
    await fetcher.fetch([stateCid], { sources, signal });
    const list = await readList(this.#components, { stateCid, index: frontier.size });
    await fetcher.fetch(list.buckets.flat(), { sources, signal, onProgress });
    const { index, term, timeMs } = list;
    return { index, term, timeMs, frontier, stateCid, head };
  }

  /** Has the state built anew from this node's own log. @throws as {@link fetchAndInstall} */
  async replay(signal: AbortSignal): Promise<void> {
    await this.#replace(signal, () => forgetState(this.#components.store));
  }

  async #replace(signal: AbortSignal, task: () => Promise<void>): Promise<void> {
    const { meshLog, snapshotter } = this.#components;
    await meshLog.replace(async () => {
      await snapshotter.idle();
      this.#isUnderWay = true;
      await this.#insist(task, signal);
      await snapshotter.open();
    });
    this.#isUnderWay = false;
  }

  /** Once begun it goes on, however long a disk fails: there is no old state to go back to. */
  async #insist(task: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { store, log, clock, logger, onFatal } = this.#components;
    for (;;) {
      try {
        if (store.status === 'failed') await store.open();
        if (log.status === 'failed') await log.open();
        await task();
        return;
      } catch (error) {
        if (!isCooeeError(error) || !error.code.startsWith('ERR_STORAGE_')) throw error;
        logger.error({ err: toError(error) }, 'the state cannot be replaced; trying again');
        if (error.details['fatal'] === true) {
          onFatal?.(error);
          throw error;
        }
        await delay(clock, REOPEN_DELAY_MS, signal);
      }
    }
  }

  #tell(index: number, held: number, all: number): void {
    const { clock, health, logger } = this.#components;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#toldAtMs < PROGRESS_MS && held < all) return;
    this.#toldAtMs = nowMs;
    logger.info({ index, held, all }, 'fetching a snapshot');
    health.raise({
      code: 'state-installing',
      severity: 'info',
      text: `The state at entry ${index} is being fetched: ${held} of ${all} blocks.`,
      remedy: 'Nothing to do: it is shown until the state is here.',
    });
  }
}

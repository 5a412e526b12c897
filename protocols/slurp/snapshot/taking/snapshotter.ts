import {
  type Clock,
  CooeeError,
  type Crypto,
  type FileStore,
  type KeyValueStore,
  type Logger,
  type Metrics,
  type StoreSnapshot,
  toError,
} from '../../../interface/index.ts';
import type { AppliedRun } from '../../log/applied-store.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import { isSnapshotTaken } from '../compaction.ts';
import { isDamage, type SnapshotFile, type SnapshotFiles } from '../files/snapshot-files.ts';
import type { SnapshotRecord } from '../records.ts';
import { KeptSnapshots } from './kept-snapshots.ts';
import { allBuckets, SnapshotTaker } from './snapshot-taker.ts';

/** What a {@link Snapshotter} works with. */
export interface SnapshotterComponents {
  readonly meshLog: MeshLog;
  readonly store: KeyValueStore;
  readonly files: FileStore;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Told after each slice how many rows were encoded in it. */
  readonly onSlice?: (rows: number) => void;
  /** The disk failed in a way after which nothing may be acknowledged: the process must end. */
  readonly onFatal?: ((error: CooeeError) => void) | undefined;
}

/** Marks whose state waits to be encoded; one more, and the oldest of them is left out. */
const WAITING_MAX = 4;

interface Build {
  readonly mark: Omit<SnapshotRecord, 'stateCid' | 'head'>;
  readonly moment: StoreSnapshot;
  /** Buckets that changed since the mark before. */
  readonly dirty: Set<number>;
}

/**
 * Takes a snapshot of the state at each mark: out of what the store held at that moment, while the
 * log goes on, in slices; a mark that comes meanwhile waits for its turn. Only buckets that changed
 * since the last one are encoded, the others are copied from its file; after a start all of them
 * are encoded, since what changed before is not known any more.
 */
export class Snapshotter {
  readonly #components: SnapshotterComponents;
  readonly #kept: KeptSnapshots;
  readonly #taker: SnapshotTaker;
  readonly #listeners: ((record: SnapshotRecord) => void)[] = [];
  readonly #stopped = new AbortController();
  /** What changed since {@link #last} and the marks that wait. */
  #dirty = allBuckets();
  /** The last one that was taken since {@link open}, unless it was forgotten. */
  #last: SnapshotFile | undefined;
  /** Marks whose turn comes next, in order. */
  readonly #queue: Build[] = [];
  #building: Promise<void> | undefined;

  constructor(components: SnapshotterComponents) {
    this.#components = components;
    this.#kept = new KeptSnapshots(components);
    this.#taker = new SnapshotTaker(components, this.#kept.files, this.#stopped.signal);
    components.meshLog.onRun((run) => this.#onRun(run));
  }

  /** The snapshots that are kept, by rising index. */
  get records(): readonly SnapshotRecord[] {
    return this.#kept.records;
  }

  /** Files that have the blocks of those that were taken here. */
  get files(): SnapshotFiles {
    return this.#kept.files;
  }

  /** Called when a snapshot was taken or installed. */
  onSnapshot(listener: (record: SnapshotRecord) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Loads what is kept; call anew after one was installed. A snapshot that is damaged is forgotten:
   * the next one is taken from the state.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async open(): Promise<void> {
    await this.idle();
    this.#last = undefined;
    this.#dirty = allBuckets();
    await this.#kept.open();
  }

  /**
   * Takes the snapshot that an earlier start did not get done; to be called with the log open and
   * nothing applied yet.
   */
  takeMissed(): void {
    const { meshLog } = this.#components;
    const { appliedIndex: index, appliedTerm: term, appliedTimeMs: timeMs } = meshLog;
    const frontier = meshLog.frontierAt(index);
    if (index === 0 || frontier === undefined || !this.#isDue(index)) return;
    if (this.#building !== undefined || this.records.at(-1)?.index === index) return;
    this.#begin({ index, term, timeMs, frontier });
  }

  /** Resolves when no snapshot is being taken. */
  async idle(): Promise<void> {
    await this.#building;
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_STORAGE_NOT_OPEN', 'the node stops'));
    await this.#building;
    await this.#kept.idle();
  }

  /** Notes the head that was signed for a snapshot. @throws CooeeError ERR_STORAGE_* */
  async keepHead(index: number, head: Uint8Array): Promise<void> {
    await this.#kept.keepHead(index, head);
  }

  /** Forgets what was taken of a state that was wrong: all that no majority has signed for. */
  forgetUnsigned(): void {
    const wrong = new CooeeError('ERR_SLURP_DIVERGED', 'it was taken of a state that was wrong');
    const said = 'a snapshot of a wrong state is forgotten';
    for (const { stateCid, head } of [...this.records]) {
      if (head === undefined) this.#kept.forget(stateCid, wrong, said);
    }
  }

  /**
   * Makes durable what was stored up to here, that snapshot and the state up to it included. Before
   * that the log must not forget what they stand for.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async sync(index: number): Promise<void> {
    await this.#kept.sync(index);
  }

  /** While a task runs no block that was fetched is removed. */
  async keepRows<T>(task: () => Promise<T>): Promise<T> {
    return await this.#kept.keepRows(async () => {
      // One that is being taken may have begun to remove some.
      await this.idle();
      return await task();
    });
  }

  #onRun({ changes, frontier, timeMs, term }: AppliedRun): void {
    for (const { bucket } of changes) this.#dirty.add(bucket);
    if (this.#stopped.signal.aborted || !this.#isDue(frontier.size)) return;
    this.#begin({ index: frontier.size, term, timeMs, frontier });
  }

  #isDue(index: number): boolean {
    const { state, snapshotEveryEntries: every } = this.#components.meshLog;
    return index % every === 0 && isSnapshotTaken(state, index, every);
  }

  /** To be called at once: the next run of entries is written right after this. */
  #begin(mark: Build['mark']): void {
    const moment = this.#components.store.snapshot();
    this.#queue.push({ mark, moment, dirty: this.#dirty });
    this.#dirty = new Set();
    if (this.#queue.length > WAITING_MAX) this.#leaveOut();
    this.#building ??= this.#buildAll().finally(() => {
      this.#building = undefined;
    });
  }

  /** What changed up to that mark stays noted for the next one. */
  #leaveOut(): void {
    const [oldest] = this.#queue.splice(0, 1);
    if (oldest === undefined) return;
    const { index } = oldest.mark;
    this.#components.logger.warn({ index }, 'too many snapshots wait: this one is left out');
    this.#note(oldest.dirty);
    void oldest.moment.close().catch(() => undefined);
  }

  /** These are not in a snapshot yet: the next one must have them. */
  #note(dirty: ReadonlySet<number>): void {
    const next = this.#queue[0]?.dirty ?? this.#dirty;
    for (const bucket of dirty) next.add(bucket);
  }

  /** Never rejects. */
  async #buildAll(): Promise<void> {
    for (let build = this.#queue.shift(); build !== undefined; build = this.#queue.shift()) {
      await this.#build(build);
    }
  }

  /** Never rejects. */
  async #build(build: Build): Promise<void> {
    const { clock, logger, metrics } = this.#components;
    const startMs = clock.monotonicMs();
    try {
      const record = await this.#take(build);
      const tookMs = clock.monotonicMs() - startMs;
      metrics.gauge('cooee_slurp_snapshot_build_ms', tookMs);
      logger.info({ index: record.index, cid: record.stateCid, tookMs }, 'a snapshot was taken');
      for (const listener of this.#listeners) listener(record);
    } catch (error) {
      this.#note(build.dirty);
      if (!this.#stopped.signal.aborted) {
        metrics.count('cooee_slurp_snapshot_failures_total');
        logger.warn({ err: toError(error), index: build.mark.index }, 'no snapshot was taken');
      }
    } finally {
      await build.moment.close().catch(() => undefined);
    }
  }

  async #take(build: Build): Promise<SnapshotRecord> {
    const file = await this.#write(build);
    const record = { ...build.mark, stateCid: file.stateCid };
    await this.#kept.add(record);
    this.#last = file;
    return record;
  }

  /** The state as a file; all of it is encoded when that of the last one is damaged. */
  async #write({ mark, moment, dirty }: Build): Promise<SnapshotFile> {
    const last = this.#last;
    if (last === undefined || !this.files.has(last.stateCid)) {
      return await this.#taker.take({ mark, moment, dirty });
    }
    try {
      return await this.#taker.take({ mark, moment, dirty, last });
    } catch (error) {
      if (!isDamage(error) || this.#stopped.signal.aborted) throw error;
      this.#kept.forget(last.stateCid, error);
      return await this.#taker.take({ mark, moment, dirty });
    }
  }
}

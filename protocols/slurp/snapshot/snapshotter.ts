import {
  type Clock,
  CooeeError,
  type Crypto,
  delay,
  type KeyValueStore,
  type Logger,
  type Metrics,
  type StoreSnapshot,
  type StoreWrite,
  toError,
} from '../../interface/index.ts';
import type { AppliedRun } from '../log/applied-store.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { BUCKET_COUNT } from '../machine/bucket.ts';
import { isSnapshotTaken } from './compaction.ts';
import { type ReadBucket, readBuckets } from './read-buckets.ts';
import { readRecords, type SnapshotRecord, snapshotRecord } from './records.ts';
import { decodeList, encodeBlock, encodeList, type StateList, splitRows } from './state-blocks.ts';

/** Snapshots that are kept: who fetches one has a whole interval to finish. */
const KEPT = 2;
/**
 * Rows of buckets that nothing changed and that are encoded anew with each snapshot, in turn: so a
 * state that changed by itself on the disk is found out. More than most meshes have.
 */
const SCRUB_ROWS = 16_384;

/** Rows after which others get their turn: a few milliseconds of work. */
const SLICE_ROWS = 512;

/** Blocks that are written with one batch of the store. */
const WRITE_BYTES_MAX = 512 * 1024;

/** What a {@link Snapshotter} works with. */
export interface SnapshotterComponents {
  readonly meshLog: MeshLog;
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Told after each slice how many rows were encoded in it. */
  readonly onSlice?: (rows: number) => void;
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
 * since the last one are encoded; after a start all of them, since what changed before is not known
 * any more.
 */
export class Snapshotter {
  readonly #components: SnapshotterComponents;
  readonly #listeners: ((record: SnapshotRecord) => void)[] = [];
  readonly #stopped = new AbortController();
  #records: SnapshotRecord[] = [];
  /** Lists of the snapshots that are kept, by CID. */
  readonly #lists = new Map<string, StateList>();
  #dirty = allBuckets();
  #scrubbed = 0;
  /** Rows that each bucket had when it was encoded last. */
  readonly #rowCounts: number[] = [];
  #sliceRows = 0;
  /** Blocks that are written with the next batch of the store. */
  readonly #waiting: StoreWrite[] = [];
  #waitingBytes = 0;
  #isSwept = false;
  /** Marks whose turn comes next, in order. */
  readonly #queue: Build[] = [];
  #building: Promise<void> | undefined;

  constructor(components: SnapshotterComponents) {
    this.#components = components;
    components.meshLog.onRun((run) => this.#onRun(run));
  }

  /** The snapshots that are kept, by rising index. */
  get records(): readonly SnapshotRecord[] {
    return this.#records;
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
    const { store, logger } = this.#components;
    await this.idle();
    this.#lists.clear();
    this.#dirty = allBuckets();
    try {
      const records = await readRecords(store);
      for (const { stateCid } of records) {
        const list = await store.get('block', stateCid);
        if (list === undefined) throw new CooeeError('ERR_STORAGE_DAMAGED', 'a list is missing');
        this.#lists.set(stateCid, decodeList(list));
      }
      this.#records = records;
    } catch (error) {
      logger.warn({ err: toError(error) }, 'the snapshots are damaged and are taken anew');
      await this.#forgetAll();
    }
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
    if (this.#building !== undefined || this.#records.at(-1)?.index === index) return;
    this.#begin({ index, term, timeMs, frontier });
  }

  /** Resolves when no snapshot is being taken. */
  async idle(): Promise<void> {
    await this.#building;
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_STORAGE_NOT_OPEN', 'the node stops'));
    await this.#building;
  }

  /** Notes the head that was signed for a snapshot. */
  async keepHead(index: number, head: Uint8Array): Promise<void> {
    const at = this.#records.findIndex((record) => record.index === index);
    const record = this.#records[at];
    if (record === undefined || record.head !== undefined) return;
    this.#records = this.#records.with(at, { ...record, head });
    await this.#components.store.batch([writeOf({ ...record, head })]);
  }

  /**
   * Makes durable what was stored up to here, the state up to that snapshot included: one synced
   * write takes those before it along. Before that the log must not forget what they stand for.
   */
  async sync(index: number): Promise<void> {
    const record = this.#records.find((it) => it.index === index);
    if (record === undefined) return;
    await this.#components.store.batch([writeOf(record)], { sync: true });
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
      this.#stopped.signal.throwIfAborted();
      const record = await this.#take(build);
      const tookMs = clock.monotonicMs() - startMs;
      metrics.gauge('cooee_slurp_snapshot_build_ms', tookMs);
      logger.info({ index: record.index, cid: record.stateCid, tookMs }, 'a snapshot was taken');
      for (const listener of this.#listeners) listener(record);
    } catch (error) {
      this.#takeWaiting();
      this.#note(build.dirty);
      if (!this.#stopped.signal.aborted) {
        metrics.count('cooee_slurp_snapshot_failures_total');
        logger.warn({ err: toError(error), index: build.mark.index }, 'no snapshot was taken');
      }
    } finally {
      await build.moment.close().catch(() => undefined);
    }
  }

  async #take({ mark, moment, dirty }: Build): Promise<SnapshotRecord> {
    const { crypto } = this.#components;
    const last = this.#lists.get(this.#records.at(-1)?.stateCid ?? '');
    const buckets: (readonly string[])[] = [...(last?.buckets ?? [])];
    const held = new Set(buckets.flat());
    const wanted = last === undefined ? allBuckets() : new Set([...dirty, ...this.#scrub()]);
    for await (const read of readBuckets(moment, wanted)) {
      const cids = await this.#encode(read, held);
      const { bucket } = read;
      const before = buckets[bucket];
      if (before !== undefined && !dirty.has(bucket) && before.join() !== cids.join()) {
        this.#components.logger.error({ bucket }, 'a part of the state changed by itself');
      }
      buckets[bucket] = cids;
      this.#rowCounts[bucket] = read.rows.length;
    }
    const { index, term, timeMs } = mark;
    const list = { index, term, timeMs, buckets };
    const block = encodeList(crypto.sha256, list);
    const record = { ...mark, stateCid: block.cid };
    this.#stopped.signal.throwIfAborted();
    await this.#keep(record, list, block.bytes);
    return record;
  }

  /** Buckets that are encoded though nothing should have changed in them. */
  #scrub(): number[] {
    const buckets: number[] = [];
    for (let rows = 0; buckets.length < BUCKET_COUNT && rows < SCRUB_ROWS; ) {
      buckets.push(this.#scrubbed);
      rows += this.#rowCounts[this.#scrubbed] ?? 0;
      this.#scrubbed = (this.#scrubbed + 1) % BUCKET_COUNT;
    }
    return buckets;
  }

  /** CIDs of a bucket's blocks; those that are new are written. */
  async #encode({ bucket, rows }: ReadBucket, held: Set<string>): Promise<readonly string[]> {
    const { crypto, store } = this.#components;
    const cids: string[] = [];
    for (const part of splitRows(rows)) {
      await this.#pace(part.length);
      const { cid, bytes } = encodeBlock(crypto.sha256, bucket, part);
      cids.push(cid);
      if (held.has(cid)) continue;
      held.add(cid);
      this.#waiting.push({ namespace: 'block', key: cid, value: bytes });
      this.#waitingBytes += bytes.length;
      if (this.#waitingBytes > WRITE_BYTES_MAX) await store.batch(this.#takeWaiting());
    }
    return cids;
  }

  #takeWaiting(): StoreWrite[] {
    this.#waitingBytes = 0;
    return this.#waiting.splice(0);
  }

  /** Lets the loop turn before more is encoded than a slice takes. */
  async #pace(rows: number): Promise<void> {
    const { clock, onSlice } = this.#components;
    if (this.#sliceRows > 0 && this.#sliceRows + rows > SLICE_ROWS) {
      onSlice?.(this.#sliceRows);
      this.#sliceRows = 0;
      await delay(clock, 0, this.#stopped.signal);
    }
    this.#sliceRows += rows;
  }

  /** Adds a snapshot and forgets what is only part of those that are not kept any more. */
  async #keep(record: SnapshotRecord, list: StateList, bytes: Uint8Array): Promise<void> {
    const writes: StoreWrite[] = [
      ...this.#takeWaiting(),
      { namespace: 'block', key: record.stateCid, value: bytes },
      writeOf(record),
    ];
    const all = [...this.#records.filter(({ index }) => index < record.index), record];
    const signed = all.findLast(({ head }) => head !== undefined);
    const kept = all.filter((it, i) => i >= all.length - KEPT || it === signed);
    const lists = new Map(this.#lists).set(record.stateCid, list);
    const needed = new Set(kept.flatMap((it) => cidsOf(it, lists)));
    const gone = new Set(
      this.#records.flatMap((it) => cidsOf(it, this.#lists)).filter((cid) => !needed.has(cid)),
    );
    for (const cid of gone) writes.push({ namespace: 'block', key: cid });
    for (const it of this.#records) if (!kept.includes(it)) writes.push(removalOf(it));
    await this.#components.store.batch(writes);
    if (!this.#isSwept) await this.#sweep(needed);
    this.#records = kept;
    this.#lists.clear();
    for (const { stateCid } of kept) {
      const its = lists.get(stateCid);
      if (its !== undefined) this.#lists.set(stateCid, its);
    }
  }

  /** Once a start: what a fetch or a snapshot that was broken off left behind. */
  async #sweep(needed: ReadonlySet<string>): Promise<void> {
    const { store } = this.#components;
    const writes: StoreWrite[] = [];
    for await (const [key] of store.entries('block')) {
      if (!needed.has(key)) writes.push({ namespace: 'block', key });
    }
    await store.batch(writes);
    this.#isSwept = true;
  }

  async #forgetAll(): Promise<void> {
    const { store } = this.#components;
    this.#records = [];
    this.#lists.clear();
    for (const namespace of ['snapshot', 'block'] as const) {
      const writes: StoreWrite[] = [];
      for await (const [key] of store.entries(namespace)) writes.push({ namespace, key });
      await store.batch(writes);
    }
  }
}

function allBuckets(): Set<number> {
  return new Set(Array.from({ length: BUCKET_COUNT }, (_, bucket) => bucket));
}

function cidsOf(record: SnapshotRecord, lists: ReadonlyMap<string, StateList>): readonly string[] {
  return [record.stateCid, ...(lists.get(record.stateCid)?.buckets.flat() ?? [])];
}

function writeOf(record: SnapshotRecord): StoreWrite {
  const key = snapshotRecord.key(record.index);
  return { namespace: 'snapshot', key, value: snapshotRecord.encode(record) };
}

function removalOf({ index }: SnapshotRecord): StoreWrite {
  return { namespace: 'snapshot', key: snapshotRecord.key(index) };
}

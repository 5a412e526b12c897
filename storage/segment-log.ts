import { rm } from 'node:fs/promises';
import {
  type Clock,
  CooeeError,
  type HardState,
  isCooeeError,
  type Logger,
  type LogMark,
  type LogRecord,
  type LogRecovery,
  type LogStore,
  type StoreStatus,
} from '../protocols/interface/index.ts';
import { ioError, notOpenError } from './disk/io-error.ts';
import { WriteQueue } from './disk/write-queue.ts';
import { type Faults, noFaults } from './faults.ts';
import { batchBytes, encodeBatch } from './log/batch-codec.ts';
import {
  assertFollows,
  assertHardState,
  assertMark,
  assertReadable,
  assertTruncatable,
  LogState,
  pendingAfterCompaction,
} from './log/log-state.ts';
import { readRecords } from './log/read-records.ts';
import {
  entryRecord,
  hardStateRecord,
  markerRecord,
  markRecord,
  RECORD_TYPE,
  recordBytes,
  type StoredRecord,
} from './log/record-codec.ts';
import { recoverLog } from './log/recover-log.ts';
import {
  LOG_FORMAT_MARKS,
  LOG_FORMAT_VERSION,
  SEGMENT_BYTES_RANGE,
  SEGMENT_HEADER_BYTES,
} from './log/segment-codec.ts';
import {
  createSegment,
  type SegmentFile,
  type SegmentFileInit,
  syncData,
  syncDirectory,
  writeFully,
  writeNow,
} from './log/segment-file.ts';
import { SpareSegment } from './log/spare-segment.ts';

/** Filling and syncing one takes 10 to 30 ms, so that the next is made while this one fills. */
const SEGMENT_BYTES_DEFAULT = 8 * 1024 * 1024;

/** What a {@link SegmentLog} is built on. */
export interface SegmentLogComponents {
  readonly logger: Logger;
  /** Says when room may be tried for again. Without it that is each time. */
  readonly clock?: Clock;
  /** For tests; nothing fails by default. */
  readonly faults?: Faults;
}

/** Options of a {@link SegmentLog}. */
export interface SegmentLogInit {
  /** Holds the segment files and nothing else; made when it is not there. */
  readonly directory: string;
  /**
   * Size of new segment files, 4 KiB to 64 MiB, default 8 MiB. One append takes at most half of it.
   */
  readonly segmentBytes?: number;
}

type Job =
  | { readonly kind: 'write'; readonly records: readonly StoredRecord[] }
  | { readonly kind: 'compact'; readonly before: number };

/**
 * The Raft log on the disk: append-only, preallocated segment files with a CRC-32C per record, one
 * fdatasync per group of calls. What is torn and what is damaged is told apart by
 * `log/tear-rules.ts`; the format is in docs/storage.md. The directory must belong to this process
 * alone: the home's lock sees to that.
 */
export class SegmentLog implements LogStore {
  readonly #logger: Logger;
  readonly #files: SegmentFileInit;
  readonly #segmentBytes: number;
  readonly #spare: SpareSegment;
  readonly #queue: WriteQueue<Job>;
  #status: StoreStatus = 'closed';
  /** Why it failed last. */
  #failure: unknown;
  /** The disk was full then, and no room was made since. */
  #isWithoutRoom = false;
  #segments = new Map<number, SegmentFile>();
  #active: SegmentFile | null = null;
  #state = new LogState();
  /** Offset of the next batch in the active segment. */
  #end = 0;
  #sequence = 1;
  /** Where the log will end when all that waits is written. */
  #pending = { first: 1, last: 0 };
  /** Removes files that were compacted, while appends go on. */
  #dropping: Promise<void> = Promise.resolve();
  #lifecycle: Promise<unknown> = Promise.resolve();

  constructor(components: SegmentLogComponents, init: SegmentLogInit) {
    const { min, max } = SEGMENT_BYTES_RANGE;
    const segmentBytes = init.segmentBytes ?? SEGMENT_BYTES_DEFAULT;
    if (!Number.isInteger(segmentBytes) || segmentBytes < min || segmentBytes > max) {
      throw new RangeError(`segmentBytes must be ${min} to ${max}`);
    }
    this.#logger = components.logger;
    this.#files = { directory: init.directory, faults: components.faults ?? noFaults };
    this.#segmentBytes = segmentBytes;
    this.#spare = new SpareSegment({ ...components, files: this.#files }, segmentBytes);
    this.#queue = new WriteQueue<Job>({
      // A compaction is flushed alone.
      sizeOf: (job) => (job.kind === 'write' ? bytesOf(job.records) : this.#appendBytesMax),
      flush: (jobs) => this.#flush(jobs),
      groupBytesMax: this.#appendBytesMax,
      waitingBytesMax: 4 * this.#appendBytesMax,
    });
  }

  get status(): StoreStatus {
    return this.#status;
  }

  get firstIndex(): number {
    return this.#state.index.first;
  }

  get lastIndex(): number {
    return this.#state.index.last;
  }

  get hardState(): HardState {
    return this.#state.hardState;
  }

  get marks(): ReadonlyMap<LogMark, number> {
    return this.#state.marks;
  }

  termOf(index: number): number | undefined {
    return this.#state.index.at(index)?.term;
  }

  open(): Promise<LogRecovery> {
    return this.#inTurn(async () => {
      if (this.#status === 'open') return { tornBytes: 0 };
      await this.#release();
      const { segmentBytes, logger } = { segmentBytes: this.#segmentBytes, logger: this.#logger };
      const found = await recoverLog({ ...this.#files, segmentBytes, logger });
      this.#segments = new Map(found.segments.map((file) => [file.header.segment, file]));
      this.#active = found.segments.at(-1) ?? null;
      this.#state = found.state;
      this.#end = found.end;
      this.#sequence = found.sequence;
      this.#pending = { first: this.firstIndex, last: this.lastIndex };
      this.#status = 'open';
      return { tornBytes: found.tornBytes };
    });
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#status = 'closed';
      await this.#release();
    });
  }

  async ensureRoom(): Promise<void> {
    this.#assertOpen();
    if (!this.#isWithoutRoom) return;
    await this.#spare.ensure();
    this.#isWithoutRoom = false;
  }

  async append(records: readonly LogRecord[], hardState?: HardState): Promise<void> {
    this.#assertOpen();
    assertFollows(records, this.#pending);
    const stored = records.map(entryRecord);
    if (hardState !== undefined) {
      assertHardState(hardState);
      stored.push(hardStateRecord(hardState));
    }
    if (stored.length === 0) return;
    const bytes = bytesOf(stored);
    if (bytes > this.#appendBytesMax) {
      throw new CooeeError('ERR_STORAGE_TOO_LARGE', `an append of ${bytes} bytes`, {
        details: { bytes, limit: this.#appendBytesMax },
      });
    }
    const done = this.#queue.push({ kind: 'write', records: stored });
    this.#pending.last += records.length;
    await done;
  }

  async mark(mark: LogMark, index: number | null): Promise<void> {
    this.#assertOpen();
    assertMark(index);
    await this.#queue.push({ kind: 'write', records: [markRecord(mark, index)] });
  }

  async read(from: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    this.#assertOpen();
    const { index } = this.#state;
    assertReadable(from, index.first);
    return await readRecords(index, this.#segments, { from, countMax, bytesMax });
  }

  async truncateFrom(from: number): Promise<void> {
    this.#assertOpen();
    assertTruncatable(from, this.#pending);
    if (from > this.#pending.last) return;
    const records = [markerRecord(RECORD_TYPE.truncation, from)];
    const done = this.#queue.push({ kind: 'write', records });
    this.#pending.last = from - 1;
    await done;
  }

  async compactBefore(before: number): Promise<void> {
    this.#assertOpen();
    if (!Number.isSafeInteger(before)) throw new RangeError(`compaction before ${before}`);
    const done = this.#queue.push({ kind: 'compact', before });
    this.#pending = pendingAfterCompaction(this.#pending, before);
    await done;
    await this.#dropping;
  }

  get #appendBytesMax(): number {
    return this.#segmentBytes / 2;
  }

  #assertOpen(): void {
    const cause = this.#status === 'failed' ? this.#failure : undefined;
    if (this.#status !== 'open') throw notOpenError(this.#status, cause);
  }

  /** Opening and closing happen one after the other, in the order of the calls. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#lifecycle.then(task, task);
    this.#lifecycle = turn;
    return turn;
  }

  async #release(): Promise<void> {
    await this.#queue.idle();
    // Who compacted was told of it.
    await this.#dropping.catch(() => undefined);
    this.#dropping = Promise.resolve();
    await this.#spare.discard();
    const files = [...this.#segments.values()];
    this.#segments = new Map();
    this.#active = null;
    for (const { handle, path } of files) {
      // Everything acknowledged is synced already, so that nothing can be lost by this.
      await handle.close().catch((error: unknown) => {
        this.#logger.warn({ file: path, error }, 'closing a log segment failed');
      });
    }
  }

  async #flush(jobs: readonly Job[]): Promise<void> {
    try {
      const records: StoredRecord[] = [];
      for (const job of jobs) {
        if (job.kind === 'compact') await this.#compact(job.before);
        else records.push(...job.records);
      }
      if (records.length > 0) await this.#write(records);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): never {
    if (this.#status === 'open') {
      this.#status = 'failed';
      this.#failure = error;
      this.#isWithoutRoom = isCooeeError(error, 'ERR_STORAGE_DISK_FULL');
    }
    throw error;
  }

  async #write(records: readonly StoredRecord[]): Promise<void> {
    let active = this.#activeSegment();
    const isFull = this.#end + batchBytes(records) > active.header.fileBytes;
    if (isFull || isOlder(active, records)) active = await this.#roll();
    const { segment } = active.header;
    const batch = this.#withOpening(records);
    const place = { segment, offset: this.#end, sequence: this.#sequence };
    const { bytes, offsets } = encodeBatch(batch, place);
    await this.#persist(active, bytes);
    this.#spare.worked();
    for (const [i, record] of batch.entries()) {
      this.#state.apply({ record, offset: offsets[i] ?? 0 }, segment);
    }
    this.#end += bytes.length;
    this.#sequence++;
    if (this.#end > active.header.fileBytes / 2) this.#spare.prepare();
  }

  async #persist(active: SegmentFile, bytes: Uint8Array): Promise<void> {
    const { faults } = this.#files;
    const { path, handle } = active;
    let operation = 'writing the log';
    try {
      faults.hit('log:write');
      const done = writeNow(handle, bytes, this.#end);
      // When all is written the sync begins in the same turn: a commit waits for it.
      if (done < bytes.length) await writeFully(handle, bytes.subarray(done), this.#end + done);
      operation = 'syncing the log';
      faults.hit('log:sync');
      await syncData(handle);
      operation = 'acknowledging';
      faults.hit('log:synced');
    } catch (cause) {
      throw ioError(cause, { operation, file: path, isFatal: operation === 'syncing the log' });
    }
  }

  /** The first batch of a segment repeats what older ones said, so that they can be dropped. */
  #withOpening(records: readonly StoredRecord[]): readonly StoredRecord[] {
    if (this.#end !== SEGMENT_HEADER_BYTES) return records;
    return [...this.#state.opening, ...records];
  }

  async #roll(): Promise<SegmentFile> {
    const header = {
      version: LOG_FORMAT_VERSION,
      segment: this.#activeSegment().header.segment + 1,
      fileBytes: this.#segmentBytes,
      firstSequence: this.#sequence,
      baseIndex: this.lastIndex,
    };
    const file = await createSegment(this.#files, header, await this.#spare.take());
    this.#segments.set(file.header.segment, file);
    this.#active = file;
    this.#end = SEGMENT_HEADER_BYTES;
    return file;
  }

  async #compact(before: number): Promise<void> {
    const { index } = this.#state;
    const kept = index.at(before)?.segment ?? this.#activeSegment().header.segment;
    const isBeyond = before > index.last + 1;
    const dropped = [...this.#segments.values()].filter(({ header }) => header.segment < kept);
    if (!isBeyond && (before <= index.first || dropped.length === 0)) return;
    // The floor is durable before a file goes: without it a missing file would be damage.
    const floor = isBeyond ? before : index.firstInSegment(kept);
    await this.#write([markerRecord(RECORD_TYPE.floor, floor)]);
    // Behind this job: that takes milliseconds a file, and no append needs it.
    this.#dropping = this.#dropping
      .then(() => this.#dropBelow(kept))
      .catch((error: unknown) => this.#fail(error));
    // Whoever compacts waits for it, but only once this job is done.
    this.#dropping.catch(() => undefined);
  }

  /** One by one: after a crash no newer file may be gone while an older one is still there. */
  async #dropBelow(segment: number): Promise<void> {
    const dropped = [...this.#segments.values()].filter(({ header }) => header.segment < segment);
    for (const file of dropped) await this.#drop(file);
  }

  async #drop(file: SegmentFile): Promise<void> {
    this.#segments.delete(file.header.segment);
    try {
      await file.handle.close();
      this.#files.faults.hit('log:unlink');
      await rm(file.path);
    } catch (cause) {
      throw ioError(cause, { operation: 'removing a log segment', file: file.path });
    }
    await syncDirectory(this.#files);
  }

  #activeSegment(): SegmentFile {
    if (this.#active === null) throw notOpenError(this.#status);
    return this.#active;
  }
}

/** A program that knows no marks takes one in a file of its format for damage. */
function isOlder({ header }: SegmentFile, records: readonly StoredRecord[]): boolean {
  return header.version < LOG_FORMAT_MARKS && records.some(({ type }) => type === RECORD_TYPE.mark);
}

function bytesOf(records: readonly StoredRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += recordBytes(record);
  return bytes;
}

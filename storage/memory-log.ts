import {
  CooeeError,
  type HardState,
  isCooeeError,
  type LogMark,
  type LogRecord,
  type LogRecovery,
  type LogStore,
  type StoreStatus,
} from '../protocols/interface/index.ts';
import { damagedError, ioError, notOpenError, withIoError } from './disk/io-error.ts';
import { WriteQueue } from './disk/write-queue.ts';
import { type Faults, noFaults } from './faults.ts';
import {
  assertFollows,
  assertHardState,
  assertMark,
  assertReadable,
  assertTruncatable,
  HARD_STATE_NONE,
  pendingAfterCompaction,
} from './log/log-state.ts';

/** What a {@link MemoryLog} is built on. */
export interface MemoryLogComponents {
  /** Nothing fails by default. Hit at `log:write`, `log:sync`, `log:synced`. */
  readonly faults?: Faults;
  /** Stands for fdatasync: what is written is durable when it resolves. At once by default. */
  readonly sync?: () => Promise<void>;
}

/** What a crash does to what was written and not yet synced. */
export type UnsyncedFate =
  /** It is gone. */
  | 'lost'
  /** A part of it stands at the end and is cut on open. */
  | 'torn'
  /** It had reached the disk, though nobody was told. */
  | 'kept';

/** What the imagined disk holds. */
interface Content {
  readonly first: number;
  readonly records: readonly LogRecord[];
  readonly hardState: HardState;
  readonly marks: ReadonlyMap<LogMark, number>;
}

type Job =
  | {
      readonly kind: 'append';
      readonly records: readonly LogRecord[];
      readonly hardState?: HardState;
    }
  | { readonly kind: 'mark'; readonly mark: LogMark; readonly index: number | null }
  | { readonly kind: 'truncate'; readonly from: number }
  | { readonly kind: 'compact'; readonly before: number };

/** Of an append, as of a log with segments of the default size, and of what is synced together. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
const TORN_BYTES = 512;

/**
 * The in-memory twin of the segment log, for tests and the simulator: the same calls, errors, order
 * and group commit; the contents outlive {@link close} and {@link crash} in the object, as a disk
 * would keep them.
 */
export class MemoryLog implements LogStore {
  readonly #faults: Faults;
  readonly #sync: () => Promise<void>;
  #queue = this.#newQueue();
  #status: StoreStatus = 'closed';
  /** Why it failed last. */
  #failure: unknown;
  /** The disk was full then, and no room was made since. */
  #isWithoutRoom = false;
  #content: Content = {
    first: 1,
    records: [],
    hardState: HARD_STATE_NONE,
    marks: new Map(),
  };
  /** What was written and not yet synced. */
  #unsynced: Content | null = null;
  #pending = { first: 1, last: 0 };
  #tornBytes = 0;
  readonly #damaged = new Set<number>();

  constructor(components: MemoryLogComponents = {}) {
    this.#faults = components.faults ?? noFaults;
    this.#sync = components.sync ?? (async () => undefined);
  }

  get status(): StoreStatus {
    return this.#status;
  }

  get firstIndex(): number {
    return this.#content.first;
  }

  get lastIndex(): number {
    return lastOf(this.#content);
  }

  get hardState(): HardState {
    return this.#content.hardState;
  }

  get marks(): ReadonlyMap<LogMark, number> {
    return this.#content.marks;
  }

  termOf(index: number): number | undefined {
    const { first, records } = this.#content;
    return records[index - first]?.term;
  }

  async open(): Promise<LogRecovery> {
    if (this.#status === 'open') return { tornBytes: 0 };
    await this.#queue.idle();
    for (const index of this.#damaged) {
      if (index <= this.lastIndex) throw damagedError('memory', index, 'a damaged record');
    }
    // What a failed write left behind is read again, as it would be from a disk.
    this.#content = this.#unsynced ?? this.#content;
    this.#unsynced = null;
    this.#pending = { first: this.firstIndex, last: this.lastIndex };
    const tornBytes = this.#tornBytes;
    this.#tornBytes = 0;
    this.#status = 'open';
    return { tornBytes };
  }

  async close(): Promise<void> {
    this.#status = 'closed';
    await this.#queue.idle();
  }

  async ensureRoom(): Promise<void> {
    this.#assertOpen();
    if (!this.#isWithoutRoom) return;
    const init = { operation: 'making room for the log' };
    await withIoError(init, async () => this.#faults.hit('log:spare'));
    this.#isWithoutRoom = false;
  }

  async append(records: readonly LogRecord[], hardState?: HardState): Promise<void> {
    this.#assertOpen();
    assertFollows(records, this.#pending);
    if (hardState !== undefined) assertHardState(hardState);
    if (records.length === 0 && hardState === undefined) return;
    const bytes = bytesOf(records);
    if (bytes > GROUP_BYTES_MAX) {
      const details = { bytes, limit: GROUP_BYTES_MAX };
      throw new CooeeError('ERR_STORAGE_TOO_LARGE', `an append of ${bytes} bytes`, { details });
    }
    const copies = records.map((record) => ({ ...record, bytes: record.bytes.slice() }));
    const state = hardState === undefined ? {} : { hardState: { ...hardState } };
    const done = this.#queue.push({ kind: 'append', records: copies, ...state });
    this.#pending.last += records.length;
    await done;
  }

  async mark(mark: LogMark, index: number | null): Promise<void> {
    this.#assertOpen();
    assertMark(index);
    await this.#queue.push({ kind: 'mark', mark, index });
  }

  async read(from: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    this.#assertOpen();
    const { first, records } = this.#content;
    assertReadable(from, first);
    const found: LogRecord[] = [];
    let bytes = 0;
    for (const record of records.slice(from - first, from - first + countMax)) {
      bytes += record.bytes.length;
      if (found.length > 0 && bytes > bytesMax) break;
      if (this.#damaged.has(record.index)) {
        throw damagedError('memory', record.index, 'a damaged record');
      }
      found.push({ ...record, bytes: record.bytes.slice() });
    }
    return found;
  }

  async truncateFrom(from: number): Promise<void> {
    this.#assertOpen();
    assertTruncatable(from, this.#pending);
    if (from > this.#pending.last) return;
    const done = this.#queue.push({ kind: 'truncate', from });
    this.#pending.last = from - 1;
    await done;
  }

  async compactBefore(before: number): Promise<void> {
    this.#assertOpen();
    if (!Number.isSafeInteger(before)) throw new RangeError(`compaction before ${before}`);
    const done = this.#queue.push({ kind: 'compact', before });
    this.#pending = pendingAfterCompaction(this.#pending, before);
    await done;
  }

  /** Loses power: waiting calls never get an answer but ERR_STORAGE_NOT_OPEN; the log is closed. */
  crash(unsynced: UnsyncedFate = 'lost'): void {
    if (this.#unsynced !== null && unsynced === 'kept') this.#content = this.#unsynced;
    if (this.#unsynced !== null && unsynced === 'torn') this.#tornBytes = TORN_BYTES;
    this.#unsynced = null;
    this.#status = 'closed';
    this.#queue.abandon();
    this.#queue = this.#newQueue();
  }

  /** Flips a bit of an entry: it cannot be read, and the log not opened, until it is forgotten. */
  damage(index: number): void {
    this.#damaged.add(index);
  }

  #newQueue(): WriteQueue<Job> {
    const queue: WriteQueue<Job> = new WriteQueue<Job>({
      sizeOf: (job) => (job.kind === 'append' ? bytesOf(job.records) : 1),
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

  async #flush(jobs: readonly Job[], isPowered: () => boolean): Promise<void> {
    if (!isPowered()) throw notOpenError('closed');
    try {
      await this.#persist(jobs, isPowered);
    } catch (error) {
      if (isPowered() && this.#status === 'open') {
        this.#status = 'failed';
        this.#failure = error;
        this.#isWithoutRoom = isCooeeError(error, 'ERR_STORAGE_DISK_FULL');
      }
      throw error;
    }
  }

  async #persist(jobs: readonly Job[], isPowered: () => boolean): Promise<void> {
    await withIoError({ operation: 'writing the log' }, async () => this.#faults.hit('log:write'));
    if (!isPowered()) throw notOpenError('closed');
    const next = jobs.reduce(withJob, this.#content);
    this.#unsynced = next;
    await withIoError({ operation: 'syncing the log', isFatal: true }, async () => {
      this.#faults.hit('log:sync');
      await this.#sync();
    });
    if (!isPowered()) throw notOpenError('closed');
    this.#content = next;
    this.#unsynced = null;
    for (const index of this.#damaged)
      if (index < next.first || index > lastOf(next)) this.#damaged.delete(index);
    try {
      this.#faults.hit('log:synced');
    } catch (cause) {
      throw ioError(cause, { operation: 'acknowledging' });
    }
  }
}

function withJob(content: Content, job: Job): Content {
  const { first, records } = content;
  switch (job.kind) {
    case 'append': {
      const hardState = job.hardState ?? content.hardState;
      return { ...content, records: [...records, ...job.records], hardState };
    }
    case 'mark': {
      const others = [...content.marks].filter(([mark]) => mark !== job.mark);
      const marks = job.index === null ? others : [...others, [job.mark, job.index] as const];
      return { ...content, marks: new Map(marks) };
    }
    case 'truncate':
      return { ...content, records: records.slice(0, Math.max(0, job.from - first)) };
    case 'compact': {
      if (job.before <= first) return content;
      return { ...content, first: job.before, records: records.slice(job.before - first) };
    }
  }
}

function lastOf(content: Content): number {
  return content.first + content.records.length - 1;
}

function bytesOf(records: readonly LogRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.bytes.length;
  return bytes + 1;
}

import {
  CooeeError,
  type HardState,
  type LogMark,
  type LogRecord,
} from '../../protocols/interface/index.ts';
import type { PlacedRecord } from './batch-codec.ts';
import {
  hardStateOf,
  hardStateRecord,
  markOf,
  markRecord,
  RECORD_TYPE,
  recordBytes,
  type StoredRecord,
} from './record-codec.ts';
import { RecordIndex } from './record-index.ts';

/** Hard state of a log that was never written to. */
export const HARD_STATE_NONE: HardState = { term: 0, vote: null, commit: 0 };

/** A vote is a peer id of about 52 characters; this leaves room and still bounds a record. */
const VOTE_CHARS_MAX = 255;

/**
 * What the records of a log amount to, in memory. The same code replays them when the log is opened
 * and follows them as they are written, so that both can only agree.
 */
export class LogState {
  readonly index = new RecordIndex();
  #hardState: HardState = HARD_STATE_NONE;
  readonly #marks = new Map<LogMark, number>();
  #floor = 1;

  get hardState(): HardState {
    return this.#hardState;
  }

  get marks(): ReadonlyMap<LogMark, number> {
    return this.#marks;
  }

  /** What the first batch of a file repeats, so that older files can be dropped. */
  get opening(): readonly StoredRecord[] {
    const marks = [...this.#marks].map(([mark, index]) => markRecord(mark, index));
    return [hardStateRecord(this.#hardState), ...marks];
  }

  /**
   * Entries below were forgotten on purpose; when the first one held is higher, some are missing.
   */
  get floor(): number {
    return this.#floor;
  }

  /** Starts at the oldest segment, whose first entry has the index `first`. */
  start(first: number): void {
    this.index.reset(first);
  }

  /**
   * Takes in one record that is on the disk. False when it cannot follow what came before: a hole.
   *
   * @param segment - number of the file that it stands in
   */
  apply(placed: PlacedRecord, segment: number): boolean {
    const { record, offset } = placed;
    switch (record.type) {
      case RECORD_TYPE.entry:
        if (record.index !== this.index.last + 1) return false;
        this.index.push({ segment, offset, size: recordBytes(record), term: record.term });
        return true;
      case RECORD_TYPE.hardState:
        this.#hardState = hardStateOf(record);
        return true;
      case RECORD_TYPE.truncation:
        this.index.truncateFrom(record.index);
        return true;
      case RECORD_TYPE.floor:
        this.#floor = Math.max(this.#floor, record.index);
        this.index.dropBefore(record.index);
        return true;
      case RECORD_TYPE.mark:
        return this.#mark(record);
    }
  }

  #mark(record: StoredRecord): boolean {
    const found = markOf(record);
    if (found === null) return false;
    if (found.index === null) this.#marks.delete(found.mark);
    else this.#marks.set(found.mark, found.index);
    return true;
  }
}

/** Where the end of the log will be when all that waits is written. */
export interface LogEnd {
  first: number;
  last: number;
}

/**
 * The end after a compaction: what may be forgotten counts as forgotten, and beyond the end the log
 * begins anew.
 */
export function pendingAfterCompaction(end: Readonly<LogEnd>, before: number): LogEnd {
  return { first: Math.max(end.first, before), last: Math.max(end.last, before - 1) };
}

/**
 * Checks that records follow the end of the log.
 *
 * @throws CooeeError ERR_STORAGE_SEQUENCE
 */
export function assertFollows(records: readonly LogRecord[], end: Readonly<LogEnd>): void {
  let expected = end.last + 1;
  for (const { index, term } of records) {
    if (index !== expected || !Number.isSafeInteger(term) || term < 0) {
      throw sequenceError(`record ${index} of term ${term} where ${expected} is next`);
    }
    expected++;
  }
}

/**
 * Checks that entries from `from` on can be forgotten.
 *
 * @throws CooeeError ERR_STORAGE_SEQUENCE below the first index held, which would reach into what
 * was compacted
 */
export function assertTruncatable(from: number, end: Readonly<LogEnd>): void {
  if (!Number.isSafeInteger(from) || from < end.first) {
    throw sequenceError(`truncation from ${from} in a log that begins at ${end.first}`);
  }
}

/**
 * Checks what is asked to be read.
 *
 * @throws CooeeError ERR_STORAGE_COMPACTED
 */
export function assertReadable(from: number, first: number): void {
  if (!(from >= first)) {
    throw new CooeeError('ERR_STORAGE_COMPACTED', `entry ${from}; the log begins at ${first}`, {
      details: { from, firstIndex: first },
    });
  }
}

/**
 * Checks a hard state before it is written.
 *
 * @throws CooeeError ERR_STORAGE_SEQUENCE
 */
export function assertHardState(state: HardState): void {
  const isNumber = Number.isSafeInteger(state.term) && Number.isSafeInteger(state.commit);
  const isVote = state.vote === null || (state.vote !== '' && state.vote.length <= VOTE_CHARS_MAX);
  if (!isNumber || state.term < 0 || state.commit < 0 || !isVote) {
    throw sequenceError('a hard state out of range');
  }
}

/**
 * Checks the index of a mark before it is written.
 *
 * @throws CooeeError ERR_STORAGE_SEQUENCE
 */
export function assertMark(index: number | null): void {
  if (index === null || (Number.isSafeInteger(index) && index >= 0)) return;
  throw sequenceError('a mark out of range');
}

function sequenceError(message: string): CooeeError {
  return new CooeeError('ERR_STORAGE_SEQUENCE', message);
}

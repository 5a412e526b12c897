import {
  type HardState,
  LOG_MARKS,
  type LogMark,
  type LogRecord,
} from '../../protocols/interface/index.ts';
import { crc32c } from './crc32c.ts';

/** Record types of the segment log. Append-only: a number is never given a new meaning. */
export const RECORD_TYPE = {
  /** A Raft entry. */
  entry: 1,
  /** Raft's hard state: `term`, `index` = commit, payload = the vote as UTF-8, empty for none. */
  hardState: 2,
  /** Entries from `index` on are forgotten. */
  truncation: 3,
  /**
   * Entries below `index` are forgotten; when it lies beyond the end, all are, and the log goes on
   * there.
   */
  floor: 4,
  /**
   * A mark is set at `index` (`term` 1) or taken back (`index` and `term` 0); payload = its name as
   * UTF-8. In files of format 2 and later.
   */
  mark: 5,
} as const;

/** A number out of {@link RECORD_TYPE}. */
export type RecordType = (typeof RECORD_TYPE)[keyof typeof RECORD_TYPE];

/** A record as it stands in a segment file; docs/storage.md has the byte table. */
export interface StoredRecord {
  readonly type: RecordType;
  readonly index: number;
  readonly term: number;
  readonly payload: Uint8Array;
}

/** Bytes before the payload: length 4, type 1, zero 3, index 8, term 8, CRC-32C 4. */
export const RECORD_HEADER_BYTES = 28;

const CRC_AT = 24;
const MARK_SET = 1;
const NOTHING = new Uint8Array(0);

/** Bytes that a record takes in the file. */
export function recordBytes(record: StoredRecord): number {
  return RECORD_HEADER_BYTES + record.payload.length;
}

/** A view on the very bytes of an array. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Writes a non-negative safe integer as 8 bytes, big-endian. */
export function writeUint53(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}

/**
 * Reads what {@link writeUint53} wrote; may be beyond the safe integers when the bytes are hostile.
 */
export function readUint53(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}

/**
 * Writes a record at `at`; `target` must be zero there and long enough. Returns the offset after
 * it.
 */
export function encodeRecord(record: StoredRecord, target: Uint8Array, at: number): number {
  const view = viewOf(target);
  const end = at + recordBytes(record);
  view.setUint32(at, record.payload.length);
  view.setUint8(at + 4, record.type);
  writeUint53(view, at + 8, record.index);
  writeUint53(view, at + 16, record.term);
  target.set(record.payload, at + RECORD_HEADER_BYTES);
  view.setUint32(at + CRC_AT, recordCrc(target, at, end));
  return end;
}

/**
 * Reads the record at `at`, which must end at `limit` or before. The payload is a view on `bytes`,
 * not a copy. Null when the bytes are not a whole record with a right checksum.
 */
export function decodeRecord(bytes: Uint8Array, at: number, limit: number): StoredRecord | null {
  if (at + RECORD_HEADER_BYTES > limit) return null;
  const view = viewOf(bytes);
  const end = at + RECORD_HEADER_BYTES + view.getUint32(at);
  if (end > limit || view.getUint32(at + CRC_AT) !== recordCrc(bytes, at, end)) return null;
  const type = view.getUint8(at + 4);
  const index = readUint53(view, at + 8);
  const term = readUint53(view, at + 16);
  if (!isRecordType(type) || !Number.isSafeInteger(index) || !Number.isSafeInteger(term)) {
    return null;
  }
  const payload = bytes.subarray(at + RECORD_HEADER_BYTES, end);
  const record = { type, index, term, payload };
  return type === RECORD_TYPE.mark && markOf(record) === null ? null : record;
}

/** The record of an entry. */
export function entryRecord(record: LogRecord): StoredRecord {
  return {
    type: RECORD_TYPE.entry,
    index: record.index,
    term: record.term,
    payload: record.bytes,
  };
}

/** The record of a hard state. */
export function hardStateRecord(state: HardState): StoredRecord {
  return {
    type: RECORD_TYPE.hardState,
    index: state.commit,
    term: state.term,
    payload: state.vote === null ? NOTHING : new TextEncoder().encode(state.vote),
  };
}

/** The hard state that a record of that type holds. */
export function hardStateOf(record: StoredRecord): HardState {
  const vote = record.payload.length === 0 ? null : new TextDecoder().decode(record.payload);
  return { term: record.term, vote, commit: record.index };
}

/** A record that is its index alone: a truncation or a floor. */
export function markerRecord(type: 3 | 4, index: number): StoredRecord {
  return { type, index, term: 0, payload: NOTHING };
}

/** The record of a mark that is set, or taken back (null). */
export function markRecord(mark: LogMark, index: number | null): StoredRecord {
  return {
    type: RECORD_TYPE.mark,
    index: index ?? 0,
    term: index === null ? 0 : MARK_SET,
    payload: new TextEncoder().encode(mark),
  };
}

/** What a record of that type says; null when this program does not know such a mark. */
export function markOf(
  record: StoredRecord,
): { readonly mark: LogMark; readonly index: number | null } | null {
  const { index, term, payload } = record;
  const name = new TextDecoder().decode(payload);
  const mark = LOG_MARKS.find((it) => it === name);
  if (mark === undefined || term > MARK_SET || (term !== MARK_SET && index !== 0)) return null;
  return { mark, index: term === MARK_SET ? index : null };
}

function recordCrc(bytes: Uint8Array, at: number, end: number): number {
  const header = crc32c(bytes.subarray(at, at + CRC_AT));
  return crc32c(bytes.subarray(at + RECORD_HEADER_BYTES, end), header);
}

function isRecordType(type: number): type is RecordType {
  return type >= RECORD_TYPE.entry && type <= RECORD_TYPE.mark;
}

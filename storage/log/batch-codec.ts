import { crc32c } from './crc32c.ts';
import {
  decodeRecord,
  encodeRecord,
  readUint53,
  recordBytes,
  type StoredRecord,
  viewOf,
  writeUint53,
} from './record-codec.ts';

/** `CBAT`: begins every batch. */
const BATCH_MAGIC = 0x43424154;

/** Header: magic 4, size 4, sequence 8, records 4, blank sectors 4, segment 4, CRC-32C 4. */
export const BATCH_HEADER_BYTES = 32;

/** Batches begin and end at multiples of this, so that a header never lies in two sectors. */
export const BATCH_ALIGN_BYTES = 32;

/** What a disk writes wholly or not at all, at least. */
export const SECTOR_BYTES = 512;

/**
 * Ends every batch. Each byte has two bits set or more: no single flipped bit can make one look
 * like a byte that was never written.
 */
const TRAILER = new TextEncoder().encode('CooeeEnd');

/** Where a batch stands. */
export interface BatchPlace {
  /** Number of the segment file. */
  readonly segment: number;
  /** Offset in the file. */
  readonly offset: number;
  /** Counts all batches of a log from 1: a later one proves that all before were synced. */
  readonly sequence: number;
}

/** A batch ready to be written. */
export interface EncodedBatch {
  readonly bytes: Uint8Array;
  /** Offset in the file of each record. */
  readonly offsets: readonly number[];
}

/** What a batch header says. */
export interface BatchHeader {
  /** All bytes, from header to trailer. */
  readonly size: number;
  readonly sequence: number;
  readonly segment: number;
  readonly recordCount: number;
  /** Sectors that are blank although written; see {@link blankSectors}. */
  readonly blankCount: number;
}

/** A record and its offset in the file. */
export interface PlacedRecord {
  readonly record: StoredRecord;
  readonly offset: number;
}

/** Bytes that these records take as one batch. */
export function batchBytes(records: readonly StoredRecord[]): number {
  let size = BATCH_HEADER_BYTES + TRAILER.length;
  for (const record of records) size += recordBytes(record);
  return Math.ceil(size / BATCH_ALIGN_BYTES) * BATCH_ALIGN_BYTES;
}

/**
 * Encodes records as one batch: what one fdatasync makes durable, and what is lost wholly or not at
 * all.
 */
export function encodeBatch(records: readonly StoredRecord[], place: BatchPlace): EncodedBatch {
  const bytes = new Uint8Array(batchBytes(records));
  const offsets: number[] = [];
  let at = BATCH_HEADER_BYTES;
  for (const record of records) {
    offsets.push(place.offset + at);
    at = encodeRecord(record, bytes, at);
  }
  bytes.set(TRAILER, bytes.length - TRAILER.length);
  const view = viewOf(bytes);
  view.setUint32(0, BATCH_MAGIC);
  view.setUint32(4, bytes.length);
  writeUint53(view, 8, place.sequence);
  view.setUint32(16, records.length);
  view.setUint32(24, place.segment);
  view.setUint32(20, blankSectors(bytes, { start: 0, fileOffset: place.offset, bitsMax: 1 }));
  view.setUint32(28, crc32c(bytes.subarray(0, 28)));
  return { bytes, offsets };
}

/** The header at `at`, or null when there is none with a right checksum. */
export function decodeBatchHeader(bytes: Uint8Array, at: number): BatchHeader | null {
  if (at + BATCH_HEADER_BYTES > bytes.length) return null;
  const view = viewOf(bytes);
  if (view.getUint32(at) !== BATCH_MAGIC) return null;
  if (view.getUint32(at + 28) !== crc32c(bytes.subarray(at, at + 28))) return null;
  return {
    size: view.getUint32(at + 4),
    sequence: readUint53(view, at + 8),
    recordCount: view.getUint32(at + 16),
    blankCount: view.getUint32(at + 20),
    segment: view.getUint32(at + 24),
  };
}

/**
 * The records of the batch whose header stands at `at`, or the offset of the first thing in it that
 * is wrong. Every byte is looked at: records by their checksums, padding must be zero, the trailer
 * must be whole.
 */
export function decodeBatchBody(
  bytes: Uint8Array,
  at: number,
  header: BatchHeader,
): readonly PlacedRecord[] | number {
  const trailerAt = at + header.size - TRAILER.length;
  const records: PlacedRecord[] = [];
  let offset = at + BATCH_HEADER_BYTES;
  for (let i = 0; i < header.recordCount; i++) {
    const record = decodeRecord(bytes, offset, trailerAt);
    if (record === null) return offset;
    records.push({ record, offset });
    offset += recordBytes(record);
  }
  for (; offset < trailerAt; offset++) if (bytes[offset] !== 0) return offset;
  for (const [i, byte] of TRAILER.entries()) {
    if (bytes[trailerAt + i] !== byte) return trailerAt + i;
  }
  return records;
}

/** What {@link blankSectors} looks at. */
export interface BlankScan {
  /** First byte in the array. */
  readonly start: number;
  /** One past the last byte; default the length of the array. */
  readonly end?: number;
  /** Where that byte stands in the file; sectors are counted from the start of the file. */
  readonly fileOffset: number;
  /** A sector with more bits set than this is not blank. */
  readonly bitsMax: 0 | 1;
}

/**
 * Counts the blank sectors (or parts of sectors, at both ends) of a range. When written, those with
 * at most one bit set count, and the number goes into the header; when read, those without any. So
 * a flipped bit can never make the second number larger than the first, while a sector that did not
 * reach the disk does.
 */
export function blankSectors(bytes: Uint8Array, scan: BlankScan): number {
  const end = scan.end ?? bytes.length;
  let count = 0;
  for (let from = scan.start; from < end; ) {
    const inSector = (scan.fileOffset + from - scan.start) % SECTOR_BYTES;
    const to = Math.min(end, from + SECTOR_BYTES - inSector);
    if (isBlank(bytes.subarray(from, to), scan.bitsMax)) count++;
    from = to;
  }
  return count;
}

function isBlank(bytes: Uint8Array, bitsMax: number): boolean {
  let bits = 0;
  for (let byte of bytes) {
    for (; byte !== 0; byte &= byte - 1) bits++;
    if (bits > bitsMax) return false;
  }
  return true;
}

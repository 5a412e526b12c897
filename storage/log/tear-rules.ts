import {
  BATCH_ALIGN_BYTES,
  BATCH_HEADER_BYTES,
  type BatchHeader,
  blankSectors,
  decodeBatchBody,
  decodeBatchHeader,
  type PlacedRecord,
} from './batch-codec.ts';

/** What is expected at a place of a segment. */
export interface BatchExpected {
  readonly segment: number;
  readonly sequence: number;
}

/** What was found there. */
export type BatchFound =
  /** A whole batch. */
  | { readonly kind: 'batch'; readonly records: readonly PlacedRecord[]; readonly size: number }
  /** Nothing was written here, and nothing after it: the end of the log. */
  | { readonly kind: 'end' }
  /** A write that never finished and was never acknowledged: to be zeroed from here up to `end`. */
  | { readonly kind: 'torn'; readonly end: number }
  /** Bytes that were on the disk once have changed. */
  | { readonly kind: 'damaged'; readonly offset: number };

/**
 * Decides what stands at `at`, where the next batch is expected. Files are filled with zeros and
 * synced before use, a batch is written only when the one before is synced, and what was cut is
 * zero again. So only the last batch can be incomplete, and an incomplete one still has the zeros
 * of every sector that did not reach the disk:
 *
 * 1. A later batch header (right checksum, higher sequence) stands behind: this batch was synced.
 *    Damage.
 * 2. The header is all zeros: end of the log when all behind is zero too, else a torn write whose
 *    first sector is missing.
 * 3. The header is not zero and its checksum is wrong: torn when all behind it is zero (a complete
 *    batch ends in a trailer that is not), else damage, since a header lies within one sector.
 * 4. The header is right, the rest is not: torn when the last byte of the trailer is zero, or when
 *    more sectors are all zero than the header says were blank when written; else damage.
 *
 * One flipped bit cannot turn a complete batch into any of the torn forms: a header and a trailer
 * byte have several bits, and blank sectors are counted so that one flip does not add one.
 *
 * @param bytes - the whole segment file
 */
export function findBatch(bytes: Uint8Array, at: number, expected: BatchExpected): BatchFound {
  const header = decodeBatchHeader(bytes, at);
  if (header === null) return withoutHeader(bytes, at, expected);
  if (!isExpected(header, expected) || !hasRoom(bytes, at, header)) {
    return { kind: 'damaged', offset: at };
  }
  const body = decodeBatchBody(bytes, at, header);
  if (typeof body !== 'number') return { kind: 'batch', records: body, size: header.size };
  const end = at + header.size;
  if (hasLaterBatch(bytes, end, expected)) return { kind: 'damaged', offset: body };
  const blank = blankSectors(bytes, { start: at, end, fileOffset: at, bitsMax: 0 });
  const isTorn = bytes[end - 1] === 0 || blank > header.blankCount;
  return isTorn ? { kind: 'torn', end: zerosFrom(bytes, at) } : { kind: 'damaged', offset: body };
}

function withoutHeader(bytes: Uint8Array, at: number, expected: BatchExpected): BatchFound {
  const end = zerosFrom(bytes, at);
  if (end === at) return { kind: 'end' };
  if (hasLaterBatch(bytes, at + BATCH_ALIGN_BYTES, expected)) {
    return { kind: 'damaged', offset: at };
  }
  const headerEnd = Math.min(at + BATCH_HEADER_BYTES, bytes.length);
  const isHeaderBlank = bytes.subarray(at, headerEnd).every((byte) => byte === 0);
  if (isHeaderBlank || end <= headerEnd) return { kind: 'torn', end };
  return { kind: 'damaged', offset: at };
}

function isExpected(header: BatchHeader, expected: BatchExpected): boolean {
  return header.segment === expected.segment && header.sequence === expected.sequence;
}

/**
 * A right checksum makes the size trustworthy, but a fault of our own must not read past the end.
 */
function hasRoom(bytes: Uint8Array, at: number, header: BatchHeader): boolean {
  const isAligned = header.size % BATCH_ALIGN_BYTES === 0;
  return isAligned && header.size > BATCH_HEADER_BYTES && at + header.size <= bytes.length;
}

function hasLaterBatch(bytes: Uint8Array, from: number, expected: BatchExpected): boolean {
  for (let at = from; at + BATCH_HEADER_BYTES <= bytes.length; at += BATCH_ALIGN_BYTES) {
    const header = decodeBatchHeader(bytes, at);
    if (header === null || header.segment !== expected.segment) continue;
    if (header.sequence > expected.sequence) return true;
  }
  return false;
}

/** The offset from which on all bytes are zero, not below `from`. */
function zerosFrom(bytes: Uint8Array, from: number): number {
  let end = bytes.length;
  while (end > from && bytes[end - 1] === 0) end--;
  return end;
}

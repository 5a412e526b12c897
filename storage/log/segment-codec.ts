import { crc32c } from './crc32c.ts';
import { readUint53, viewOf, writeUint53 } from './record-codec.ts';

/** `COOEELOG`: begins every segment file. */
const MAGIC = new TextEncoder().encode('COOEELOG');

/**
 * Version of the format of segment files that this program writes. 1 has no marks: it is read, and
 * written on until the file is full or a mark is due.
 */
export const LOG_FORMAT_VERSION = 2;

/** From this version on a file may hold marks; a program that does not know them refuses it. */
export const LOG_FORMAT_MARKS = 2;

/** Bytes before the first batch: one sector, so that it is never half-written. */
export const SEGMENT_HEADER_BYTES = 512;

/**
 * Bytes of the header that its checksum covers; the same in every version, or a newer one could not
 * be told apart.
 */
const CHECKED_BYTES = 60;

/** Sizes that a segment file may have. */
export const SEGMENT_BYTES_RANGE = { min: 4096, max: 64 * 1024 * 1024 } as const;

/** What the header of a segment file says. */
export interface SegmentHeader {
  /** Format of the file. */
  readonly version: number;
  /** Counts the files of a log from 1, without holes. */
  readonly segment: number;
  /** Size of the file. */
  readonly fileBytes: number;
  /** Sequence of its first batch: proves that the segment before is complete. */
  readonly firstSequence: number;
  /** The last index of the log when the file was made: its first entry is the next one. */
  readonly baseIndex: number;
}

/** What the first bytes of a file are. */
export type SegmentHeaderFound =
  | { readonly kind: 'header'; readonly header: SegmentHeader }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'damaged' };

/** The name of a segment file; names sort like numbers. */
export function segmentFileName(segment: number): string {
  return `${String(segment).padStart(10, '0')}.log`;
}

/** The number in the name of a segment file; null for other names. */
export function parseSegmentFileName(name: string): number | null {
  return /^\d{10}\.log$/.test(name) ? Number(name.slice(0, 10)) : null;
}

/** Encodes the first sector of a segment file. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint32(8, header.version);
  view.setUint32(12, header.segment);
  writeUint53(view, 16, header.fileBytes);
  writeUint53(view, 24, header.firstSequence);
  writeUint53(view, 32, header.baseIndex);
  view.setUint32(CHECKED_BYTES, crc32c(bytes.subarray(0, CHECKED_BYTES)));
  return bytes;
}

/**
 * Reads the first sector of a segment file. A flipped bit in the version is damage, not a newer
 * version.
 */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeaderFound {
  if (bytes.length < SEGMENT_HEADER_BYTES) return { kind: 'damaged' };
  const view = viewOf(bytes);
  const isMagic = MAGIC.every((byte, i) => bytes[i] === byte);
  if (!isMagic || view.getUint32(CHECKED_BYTES) !== crc32c(bytes.subarray(0, CHECKED_BYTES))) {
    return { kind: 'damaged' };
  }
  const version = view.getUint32(8);
  if (version > LOG_FORMAT_VERSION) return { kind: 'newer', version };
  const padding = bytes.subarray(CHECKED_BYTES + 4, SEGMENT_HEADER_BYTES);
  const header = {
    version,
    segment: view.getUint32(12),
    fileBytes: readUint53(view, 16),
    firstSequence: readUint53(view, 24),
    baseIndex: readUint53(view, 32),
  };
  const isSane =
    version >= 1 &&
    header.fileBytes >= SEGMENT_BYTES_RANGE.min &&
    header.fileBytes <= SEGMENT_BYTES_RANGE.max &&
    Number.isSafeInteger(header.firstSequence) &&
    Number.isSafeInteger(header.baseIndex);
  if (!isSane || padding.some((byte) => byte !== 0)) return { kind: 'damaged' };
  return { kind: 'header', header };
}

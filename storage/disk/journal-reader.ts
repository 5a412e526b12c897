import { blankSectors } from '../log/batch-codec.ts';
import { crc32c } from '../log/crc32c.ts';

/** LevelDB's journal is made of blocks; no record crosses the end of one. */
export const JOURNAL_BLOCK_BYTES = 32 * 1024;

/** Of a record: checksum (4), length (2) and type (1), little-endian. */
export const HEADER_BYTES = 7;

/** A record as a whole, or one of its fragments. */
export const RECORD_TYPE = { full: 1, first: 2, middle: 3, last: 4 } as const;

/** What LevelDB adds to a checksum that it stores. */
const MASK_DELTA = 0xa282ead8;

/** Of a batch: its sequence (8) and the number of its writes (4), little-endian. */
const BATCH_HEAD_BYTES = 12;

/**
 * Reads a journal of LevelDB block by block (`doc/log_format.md` of LevelDB), and finds out whether
 * records of it are lost:
 *
 * 1. A record that cannot be read, and the beginning of one in a later block that can: damage.
 *    LevelDB leaves out the rest of the one block, and goes on with the next.
 * 2. Nothing is taken behind it: a write that was cut off when the file ends before it does, or
 *    when a sector (or the part of one) is all zero that did not reach the disk. Else it was
 *    written whole: damage. No other record is looked for in the rest of the block: what others
 *    have written may look like one.
 * 3. Each batch has the sequence that follows from the batch before: whole records that are gone,
 *    as of the end of a file that another one follows, leave a gap.
 */
export class JournalReader {
  readonly #hasBatches: boolean;
  #next: bigint | undefined;
  #lostAt: number | undefined;
  /** Where what cannot be read begins. */
  #brokenAt: number | undefined;
  #isTorn = false;
  /** How the batch begins whose fragments are read. */
  #head: Uint8Array | undefined;
  /** Where the next block stands in the file. */
  #offset = 0;

  /**
   * @param next - the sequence after what is in the journal before this one; null for a manifest,
   * which has the same form, and edits instead of batches
   */
  constructor(next?: bigint | null) {
    this.#next = next ?? undefined;
    this.#hasBatches = next !== null;
  }

  /** The sequence of the next batch; undefined as long as there was none. */
  get next(): bigint | undefined {
    return this.#next;
  }

  /** Where records are known to be lost, and others came after. */
  get lostAt(): number | undefined {
    return this.#lostAt;
  }

  /** Reads the next block; one that is shorter than the others is the last. */
  read(block: Uint8Array): void {
    for (let at = 0; at + HEADER_BYTES <= block.length && this.#lostAt === undefined; ) {
      const size = wholeSize(block, at);
      if (size === undefined) {
        this.#break(block, at);
        break;
      }
      this.#take(block.subarray(at, at + size), this.#offset + at);
      at += size;
    }
    this.#lookForBlanks(block);
    this.#offset += block.length;
  }

  /** There are no more blocks. @returns where something that was written whole is lost */
  end(): number | undefined {
    return this.#isTorn ? undefined : this.#brokenAt;
  }

  /** LevelDB passes over the rest of the block. */
  #break(block: Uint8Array, at: number): void {
    if (this.#brokenAt !== undefined) return;
    this.#brokenAt = this.#offset + at;
    this.#isTorn = isCutOff(block, at);
  }

  #lookForBlanks(block: Uint8Array): void {
    if (this.#brokenAt === undefined || this.#isTorn) return;
    const start = Math.max(0, this.#brokenAt - this.#offset);
    const fileOffset = this.#offset + start;
    this.#isTorn = blankSectors(block, { start, fileOffset, bitsMax: 0 }) > 0;
  }

  #take(record: Uint8Array, at: number): void {
    const type = record[HEADER_BYTES - 1];
    const isNew = type === RECORD_TYPE.full || type === RECORD_TYPE.first;
    if (this.#brokenAt !== undefined) {
      if (isNew) this.#lostAt = this.#brokenAt;
      return;
    }
    if (!this.#hasBatches) return;
    const content = record.subarray(HEADER_BYTES);
    const begun = isNew ? new Uint8Array() : this.#head;
    // A fragment without a beginning, or a beginning without an end: its checksum is right, so it
    // is the sequence that tells.
    if (begun === undefined) return;
    this.#head = headOf(begun, content);
    if (type !== RECORD_TYPE.full && type !== RECORD_TYPE.last) return;
    this.#follow(this.#head, at);
    this.#head = undefined;
  }

  #follow(head: Uint8Array, at: number): void {
    if (head.length < BATCH_HEAD_BYTES) return;
    const view = viewOf(head, 0);
    const sequence = view.getBigUint64(0, true);
    if (this.#next !== undefined && sequence > this.#next) this.#lostAt = at;
    this.#next = sequence + BigInt(view.getUint32(8, true));
  }
}

const viewOf = (bytes: Uint8Array, at: number): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset + at);

/** The size of the record there; undefined when it is not whole. */
function wholeSize(block: Uint8Array, at: number): number | undefined {
  const size = HEADER_BYTES + viewOf(block, at).getUint16(4, true);
  return at + size <= block.length && isRight(block, at, at + size) ? size : undefined;
}

function isRight(block: Uint8Array, at: number, end: number): boolean {
  const crc = crc32c(block.subarray(at + HEADER_BYTES - 1, end));
  return viewOf(block, at).getUint32(0, true) === masked(crc);
}

function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

/** Whether the file ends before the record there, and not only because its length is wrong. */
function isCutOff(block: Uint8Array, at: number): boolean {
  const end = at + HEADER_BYTES + viewOf(block, at).getUint16(4, true);
  const isLast = block.length < JOURNAL_BLOCK_BYTES;
  return isLast && end > block.length && !isWholeByAnyLength(block, at);
}

/** The checksum does not cover the length, so a wrong one shows by another that is right. */
function isWholeByAnyLength(block: Uint8Array, at: number): boolean {
  const stored = viewOf(block, at).getUint32(0, true);
  let crc = 0;
  for (let from = at + HEADER_BYTES - 1; from < block.length; from++) {
    crc = crc32c(block.subarray(from, from + 1), crc);
    if (masked(crc) === stored) return true;
  }
  return false;
}

function headOf(begun: Uint8Array, content: Uint8Array): Uint8Array {
  if (begun.length >= BATCH_HEAD_BYTES) return begun;
  const more = content.subarray(0, BATCH_HEAD_BYTES - begun.length);
  return begun.length === 0 ? more : Buffer.concat([begun, more]);
}

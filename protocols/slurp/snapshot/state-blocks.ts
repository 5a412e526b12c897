import { z } from 'zod';
import { CooeeError, type Hash } from '../../interface/index.ts';
import {
  bytesUpTo,
  cidOf,
  cidText,
  count,
  decodeAs,
  encodeCanonical,
  timeMs,
} from '../../wire/index.ts';
import { BUCKET_COUNT, bucketOf } from '../machine/bucket.ts';

/** A block, encoded: two of them fit into one answer. */
export const BLOCK_BYTES_MAX = 500 * 1024;
/** Rows in one block: what is encoded in one go takes less than 10 ms. */
export const BLOCK_ROWS_MAX = 2_048;
/** Blocks of one bucket. */
const BUCKET_BLOCKS_MAX = 4_096;
/** Four blocks in each bucket take 250 KB; a list must fit into one answer. */
export const LIST_BYTES_MAX = 960 * 1024;
/** Around each row: the lengths of name and value, and the list of the two. */
const ROW_OVERHEAD_BYTES = 12;
const BLOCK_OVERHEAD_BYTES = 64;
/** A value of the state and its name. */
const VALUE_BYTES_MAX = 64 * 1024;
const NAME_LENGTH_MAX = 4_096;

/** One row of the state: `<table>/<key>` and the value's canonical bytes. */
export type StateRow = readonly [name: string, value: Uint8Array];

/** A block with the id that its bytes have. */
export interface Block {
  readonly cid: string;
  readonly bytes: Uint8Array;
}

/** What the state's CID is the CID of: equal on all nodes whose state at that index is equal. */
export interface StateList {
  readonly index: number;
  /** Term and agreed time of the entry at that index. */
  readonly term: number;
  readonly timeMs: number;
  /** For each bucket the CIDs of its blocks, in order; none when it is empty. */
  readonly buckets: readonly (readonly string[])[];
}

const blockSchema = z.strictObject({
  v: z.literal(1),
  bucket: count.max(BUCKET_COUNT - 1),
  rows: z
    .array(z.tuple([z.string().min(2).max(NAME_LENGTH_MAX), bytesUpTo(VALUE_BYTES_MAX)]))
    .min(1)
    .max(BLOCK_ROWS_MAX),
});

const listSchema = z.strictObject({
  v: z.literal(1),
  index: count.min(1),
  term: count,
  timeMs,
  buckets: z.array(z.array(cidText).max(BUCKET_BLOCKS_MAX)).length(BUCKET_COUNT),
});

/** In the order in which a bucket's rows are encoded: by UTF-16 units. */
export function byName([a]: StateRow, [b]: StateRow): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Divides the rows of one bucket into those of its blocks: as many as a block takes, in order. The
 * same rows are always divided alike.
 *
 * @param rows by name
 */
export function* splitRows(rows: readonly StateRow[]): Iterable<readonly StateRow[]> {
  let start = 0;
  let bytes = BLOCK_OVERHEAD_BYTES;
  for (const [i, [name, value]] of rows.entries()) {
    // A unit of UTF-16 takes three bytes of UTF-8 at most.
    const size = ROW_OVERHEAD_BYTES + 3 * name.length + value.length;
    if (i > start && (i - start === BLOCK_ROWS_MAX || bytes + size > BLOCK_BYTES_MAX)) {
      yield rows.slice(start, i);
      start = i;
      bytes = BLOCK_OVERHEAD_BYTES;
    }
    bytes += size;
  }
  if (start < rows.length) yield rows.slice(start);
}

/** One block of a bucket. */
export function encodeBlock(sha256: Hash, bucket: number, rows: readonly StateRow[]): Block {
  const bytes = encodeCanonical({ v: 1, bucket, rows });
  return { cid: cidOf(sha256, bytes), bytes };
}

/**
 * Rows of a block that belongs to a bucket. Whoever asked for it by its CID knows that the bytes
 * are the right ones; this shows that whoever made them did it as this program does.
 *
 * @throws CooeeError ERR_WIRE_*
 */
export function decodeBlock(bytes: Uint8Array, bucket: number): readonly StateRow[] {
  const block = decodeAs(blockSchema, bytes, BLOCK_BYTES_MAX);
  let last = '';
  for (const [name] of block.rows) {
    if (block.bucket !== bucket || bucketOf(name) !== bucket || name <= last) {
      throw new CooeeError('ERR_WIRE_MALFORMED', 'a row of the state is not in its place');
    }
    last = name;
  }
  return block.rows;
}

/** The list block, whose CID is the state's. */
export function encodeList(sha256: Hash, list: StateList): Block {
  const { index, term, timeMs: time, buckets } = list;
  const bytes = encodeCanonical({ v: 1, index, term, timeMs: time, buckets });
  return { cid: cidOf(sha256, bytes), bytes };
}

/** @throws CooeeError ERR_WIRE_* */
export function decodeList(bytes: Uint8Array): StateList {
  return decodeAs(listSchema, bytes, LIST_BYTES_MAX);
}

import { z } from 'zod';
import { CooeeError } from '../../../interface/index.ts';
import { count, decodeAs, encodeCanonical } from '../../../wire/index.ts';
import { BLOCK_BYTES_MAX, LIST_BYTES_MAX, type StateList } from '../state-blocks.ts';

/*
 * A snapshot's file: the header, the blocks in the order of the list, the list, an index of their
 * sizes, the footer. Nothing of it but the blocks and the list, which have their CIDs, is proof of
 * anything: it only says where to look.
 */

/** What a file begins with: its kind and version 1. */
export const FILE_HEADER = new TextEncoder().encode('cooee snapshot 1');

const FOOTER_MARK = new TextEncoder().encode('cooee end');
const LENGTH_BYTES = 4;

/** Length of the index, then the mark: a file that was cut does not end like this. */
export const FOOTER_BYTES = LENGTH_BYTES + FOOTER_MARK.length;

/** Sizes of as many blocks as a list can hold. */
const INDEX_BYTES_MAX = 256 * 1024;

const indexSchema = z.strictObject({
  v: z.literal(1),
  // Whoever reads one makes as much room.
  list: count.min(1).max(LIST_BYTES_MAX),
  blocks: z.array(count.min(1).max(BLOCK_BYTES_MAX)),
});

/** Where a block lies in its file. */
export interface BlockPlace {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** What stands behind the blocks of a file. */
export interface FileTail {
  /** Sizes of the blocks, in order. */
  readonly blocks: readonly number[];
  /** Size of the list. */
  readonly list: number;
}

/** Index and footer, which come behind the list. */
export function encodeTail(tail: FileTail): Uint8Array {
  const index = encodeCanonical({ v: 1, ...tail });
  const bytes = new Uint8Array(index.length + FOOTER_BYTES);
  bytes.set(index);
  new DataView(bytes.buffer).setUint32(index.length, index.length);
  bytes.set(FOOTER_MARK, index.length + LENGTH_BYTES);
  return bytes;
}

/**
 * How long the index is that stands before a footer.
 *
 * @param sizeBytes of the file
 * @throws CooeeError ERR_STORAGE_DAMAGED
 */
export function indexBytesOf(footer: Uint8Array, sizeBytes: number): number {
  if (footer.length !== FOOTER_BYTES || !endsWith(footer, FOOTER_MARK)) throw damaged('its end');
  const indexBytes = new DataView(footer.buffer, footer.byteOffset).getUint32(0);
  const isPossible =
    indexBytes <= INDEX_BYTES_MAX && FILE_HEADER.length + indexBytes + FOOTER_BYTES <= sizeBytes;
  if (!isPossible) throw damaged('its end');
  return indexBytes;
}

/**
 * The index of a file.
 *
 * @param sizeBytes of the file, which must be what the sizes of its parts come to
 * @throws CooeeError ERR_STORAGE_DAMAGED, ERR_WIRE_*
 */
export function decodeIndex(index: Uint8Array, sizeBytes: number): FileTail {
  const { list, blocks } = decodeAs(indexSchema, index, INDEX_BYTES_MAX);
  const content = blocks.reduce((sum, size) => sum + size, FILE_HEADER.length + list);
  if (content + index.length + FOOTER_BYTES !== sizeBytes) throw damaged('its length');
  return { list, blocks };
}

/**
 * Where the list and its blocks lie, by CID.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED when these are not the sizes of that list's blocks
 */
export function placesOf(
  { stateCid, list }: { readonly stateCid: string; readonly list: StateList },
  tail: FileTail,
): ReadonlyMap<string, BlockPlace> {
  const cids = list.buckets.flat();
  if (cids.length !== tail.blocks.length) throw damaged('its index');
  const places = new Map<string, BlockPlace>();
  let offset = FILE_HEADER.length;
  for (const [i, sizeBytes] of tail.blocks.entries()) {
    places.set(cids[i] ?? '', { offset, sizeBytes });
    offset += sizeBytes;
  }
  return places.set(stateCid, { offset, sizeBytes: tail.list });
}

/** What a file that cannot be used gets as its error. */
export function damaged(what: string): CooeeError {
  return new CooeeError('ERR_STORAGE_DAMAGED', `${what} is not that of a whole snapshot`);
}

function endsWith(bytes: Uint8Array, end: Uint8Array): boolean {
  return end.every((byte, i) => bytes[bytes.length - end.length + i] === byte);
}

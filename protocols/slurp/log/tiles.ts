import { z } from 'zod';
import type { Hash, LogRecord, StoreWrite } from '../../interface/index.ts';
import {
  bytesOf,
  decodeAs,
  encodeCanonical,
  leafHash,
  type MerkleFrontier,
  nodeHash,
} from '../../wire/index.ts';

/** Entries under one stored node of the Merkle tree. */
export const TILE_ENTRIES = 256;

const rowSchema = z.strictObject({
  /** Root of the 256 entries that end here. */
  tile: bytesOf(32).optional(),
  /** Root of the largest complete subtree that ends here: as many entries as the lowest set bit. */
  peak: bytesOf(32),
});

/** Inner nodes of the Merkle tree at the end of a tile. */
export type TileRow = z.output<typeof rowSchema>;

/** Rows of the namespace `tile`: what audit paths are made of without reading the whole log. */
export const tileRow = {
  key: (end: number): string => String(end).padStart(16, '0'),
  encode: (row: TileRow): Uint8Array => encodeCanonical(row),
  /** @throws CooeeError ERR_WIRE_MALFORMED, ERR_WIRE_TOO_LARGE */
  decode: (bytes: Uint8Array): TileRow => decodeAs(rowSchema, bytes, 128),
};

/** How many entries are under the last peak of a log of that size: its lowest set bit. */
export function lastPeakSize(size: number): number {
  let entries = 1;
  for (let rest = size; rest % 2 === 0 && rest > 0; rest /= 2) entries *= 2;
  return entries;
}

/** The rows that a run of entries completes. */
export function tileWrites(
  sha256: Hash,
  start: MerkleFrontier,
  run: {
    readonly records: readonly LogRecord[];
    readonly frontiers: readonly MerkleFrontier[];
  },
): StoreWrite[] {
  const writes: StoreWrite[] = [];
  for (const [i, frontier] of run.frontiers.entries()) {
    if (frontier.size % TILE_ENTRIES !== 0) continue;
    const record = run.records[i];
    const peak = frontier.peaks.at(-1);
    if (record === undefined || peak === undefined) continue;
    const tile = tileRoot(sha256, run.frontiers[i - 1] ?? start, leafHash(sha256, record.bytes));
    writes.push(rowWrite(frontier.size, { tile, peak }));
  }
  return writes;
}

/**
 * The rows of the peaks of a frontier: for a log that goes on behind a snapshot, whose tiles this
 * node never saw.
 */
export function peakWrites(frontier: MerkleFrontier): StoreWrite[] {
  const writes: StoreWrite[] = [];
  let rest = frontier.size;
  for (const peak of [...frontier.peaks].reverse()) {
    if (rest % TILE_ENTRIES === 0) writes.push(rowWrite(rest, { peak }));
    rest -= lastPeakSize(rest);
  }
  return writes;
}

function rowWrite(end: number, row: TileRow): StoreWrite {
  return { namespace: 'tile', key: tileRow.key(end), value: tileRow.encode(row) };
}

/** Before the last leaf of a tile its subtrees of 128, 64 … 1 entries are the last eight peaks. */
function tileRoot(sha256: Hash, before: MerkleFrontier, leaf: Uint8Array): Uint8Array {
  let root = leaf;
  for (let i = 1; 2 ** i <= TILE_ENTRIES; i++) {
    const left = before.peaks.at(-i);
    if (left === undefined) throw new RangeError('the frontier does not end before a tile');
    root = nodeHash(sha256, left, root);
  }
  return root;
}

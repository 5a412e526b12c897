import { describe, expect, it } from 'vitest';
import {
  lastPeakSize,
  peakWrites,
  type TileRow,
  tileRow,
  tileWrites,
} from '../../../../protocols/slurp/log/tiles.ts';
import {
  appendLeaf,
  EMPTY_FRONTIER,
  leafHash,
  type MerkleFrontier,
  merkleRoot,
} from '../../../../protocols/wire/index.ts';
import { crypto } from '../mesh-world.ts';

const { sha256 } = crypto;
const records = Array.from({ length: 2_100 }, (_, i) => ({
  index: i + 1,
  term: 1,
  bytes: Uint8Array.of(i % 256, i >> 8),
}));
const frontiers: MerkleFrontier[] = [];
for (const { bytes } of records) {
  frontiers.push(appendLeaf(sha256, frontiers.at(-1) ?? EMPTY_FRONTIER, leafHash(sha256, bytes)));
}
const rootOf = (low: number, high: number) => {
  let frontier = EMPTY_FRONTIER;
  for (const { bytes } of records.slice(low, high)) {
    frontier = appendLeaf(sha256, frontier, leafHash(sha256, bytes));
  }
  return merkleRoot(sha256, frontier);
};
const rowsOf = (writes: ReturnType<typeof tileWrites>) =>
  new Map<number, TileRow>(
    writes.map(({ key, value }) => [Number(key), tileRow.decode(value as Uint8Array)]),
  );

describe('tiles', () => {
  it.each([1, 64, 255, 256, 300, 2_100])('are written as they end, in runs of %i', (length) => {
    const writes: ReturnType<typeof tileWrites> = [];
    for (let from = 0; from < records.length; from += length) {
      writes.push(
        ...tileWrites(sha256, frontiers[from - 1] ?? EMPTY_FRONTIER, {
          records: records.slice(from, from + length),
          frontiers: frontiers.slice(from, from + length),
        }),
      );
    }
    const rows = rowsOf(writes);
    expect([...rows.keys()]).toEqual([256, 512, 768, 1_024, 1_280, 1_536, 1_792, 2_048]);
    for (const [end, { tile, peak }] of rows) {
      expect(tile).toEqual(rootOf(end - 256, end));
      expect(peak).toEqual(rootOf(end - lastPeakSize(end), end));
    }
  });

  it('of a log that begins behind a snapshot are the peaks of its frontier', () => {
    const rows = rowsOf(peakWrites(frontiers[1_791] as MerkleFrontier));
    expect(new Map([...rows].map(([end, { peak }]) => [end, peak]))).toEqual(
      new Map([
        [1_792, rootOf(1_536, 1_792)],
        [1_536, rootOf(1_024, 1_536)],
        [1_024, rootOf(0, 1_024)],
      ]),
    );
    expect(peakWrites(EMPTY_FRONTIER)).toEqual([]);
  });
});

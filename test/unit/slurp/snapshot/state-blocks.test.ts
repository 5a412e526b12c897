import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUCKET_COUNT, bucketOf, bucketText } from '../../../../protocols/slurp/machine/bucket.ts';
import {
  BLOCK_BYTES_MAX,
  BLOCK_ROWS_MAX,
  byName,
  decodeBlock,
  decodeList,
  encodeBlock,
  encodeList,
  type StateRow,
  splitRows,
} from '../../../../protocols/slurp/snapshot/state-blocks.ts';
import { cidOf, encodeCanonical } from '../../../../protocols/wire/index.ts';
import { crypto } from '../mesh-world.ts';

const { sha256 } = crypto;
const malformed = expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' });

describe('buckets', () => {
  it('are a part of the format: these never change', () => {
    expect(['mesh/mesh', 'member/12D3KooW', 'agent/äöü', 'host/😀'].map(bucketOf)).toEqual([
      706, 504, 400, 828,
    ]);
    expect([0, 10, 1023].map(bucketText)).toEqual(['000', '00a', '3ff']);
  });

  it('are filled evenly by names that are alike', () => {
    const counts = new Array<number>(BUCKET_COUNT).fill(0);
    for (let i = 0; i < 64 * BUCKET_COUNT; i++) {
      const bucket = bucketOf(`submitted/${String(i).padStart(12, '0')}`);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(24);
    expect(Math.max(...counts)).toBeLessThan(128);
  });
});

const rowsIn = (bucket: number, count: number, bytes = 8): StateRow[] => {
  const rows: StateRow[] = [];
  for (let i = 0; rows.length < count; i++) {
    const name = `host/${i}`;
    if (bucketOf(name) === bucket) rows.push([name, new Uint8Array(bytes)]);
  }
  return rows.sort(byName);
};

describe('state blocks', () => {
  it('come back as they were, and have the id of their bytes', () => {
    const rows = rowsIn(7, 5);
    const block = encodeBlock(sha256, 7, rows);
    expect(block.cid).toBe(cidOf(sha256, block.bytes));
    expect(decodeBlock(block.bytes, 7)).toEqual(rows);
    const buckets = Array.from({ length: BUCKET_COUNT }, (_, i) => (i === 7 ? [block.cid] : []));
    const list = { index: 9, term: 2, timeMs: 5, buckets };
    expect(decodeList(encodeList(sha256, list).bytes)).toMatchObject(list);
    expect(encodeList(sha256, { ...list, term: 3 }).cid).not.toBe(encodeList(sha256, list).cid);
  });

  it('are refused with rows of another bucket, in another order, or twice', () => {
    const [one, two] = rowsIn(7, 2) as [StateRow, StateRow];
    const [foreign] = rowsIn(8, 1) as [StateRow];
    for (const rows of [[two, one], [one, one], [one, foreign], []]) {
      const bytes = encodeCanonical({ v: 1, bucket: 7, rows });
      expect(() => decodeBlock(bytes, 7)).toThrow(malformed);
    }
    expect(() => decodeBlock(encodeBlock(sha256, 7, [one]).bytes, 8)).toThrow(malformed);
    expect(() => decodeList(encodeCanonical({ v: 1, index: 1 }))).toThrow(malformed);
  });

  it('are split where they are full, whatever the rows', () => {
    const row = fc.tuple(
      fc.string({ minLength: 2, maxLength: 40 }),
      fc.integer({ min: 0, max: 64 * 1024 }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(row, { selector: ([name]) => name, maxLength: 60 }), (drawn) => {
        const rows: StateRow[] = drawn
          .map(([name, bytes]): StateRow => [name, new Uint8Array(bytes)])
          .sort(byName);
        const parts = [...splitRows(rows)];
        expect(parts.flat()).toEqual(rows);
        for (const part of parts) {
          expect(part.length).toBeGreaterThan(0);
          expect(encodeBlock(sha256, 1, part).bytes.length).toBeLessThanOrEqual(BLOCK_BYTES_MAX);
        }
      }),
      { numRuns: 30 },
    );
    const many = Array.from(
      { length: BLOCK_ROWS_MAX + 1 },
      (_, i): StateRow => [`t/${i}`, new Uint8Array(1)],
    );
    expect([...splitRows(many)].map(({ length }) => length)).toEqual([BLOCK_ROWS_MAX, 1]);
  });
});

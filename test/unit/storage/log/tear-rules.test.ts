import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, SECTOR_BYTES } from '../../../../storage/log/batch-codec.ts';
import { entryRecord, type StoredRecord } from '../../../../storage/log/record-codec.ts';
import { SEGMENT_HEADER_BYTES } from '../../../../storage/log/segment-codec.ts';
import { type BatchFound, findBatch } from '../../../../storage/log/tear-rules.ts';

// Goal: no flipped bit in what was synced is taken for a torn write, and no torn write for damage.
const FILE_BYTES = 8192;
const SEGMENT = 7;

const makeFile = (batches: readonly (readonly StoredRecord[])[]) => {
  const file = new Uint8Array(FILE_BYTES);
  const starts: number[] = [];
  let offset = SEGMENT_HEADER_BYTES;
  for (const [i, records] of batches.entries()) {
    const { bytes } = encodeBatch(records, { segment: SEGMENT, offset, sequence: i + 1 });
    file.set(bytes, offset);
    starts.push(offset);
    offset += bytes.length;
  }
  return { file, starts, end: offset };
};

/** Whole batches, and what ended them. */
const scan = (file: Uint8Array): { readonly whole: number; readonly last: BatchFound } => {
  let at = SEGMENT_HEADER_BYTES;
  for (let whole = 0; ; whole++) {
    const last = findBatch(file, at, { segment: SEGMENT, sequence: whole + 1 });
    if (last.kind !== 'batch') return { whole, last };
    at += last.size;
  }
};

const entry = (index: number, bytes: Uint8Array): StoredRecord =>
  entryRecord({ index, term: 1, bytes });

const dense = fc.uint8Array({ minLength: 0, maxLength: 1500 });
/** Payloads that look like what was never written: zeros with hardly a bit in them. */
const sparse = fc.tuple(fc.nat(1500), fc.nat(1500), fc.nat(7)).map(([size, at, bit]) => {
  const bytes = new Uint8Array(size);
  if (at < size) bytes[at] = 1 << bit;
  return bytes;
});
const payloads = fc.array(fc.oneof(dense, sparse), { minLength: 1, maxLength: 2 });

describe('the rules of torn and damaged', () => {
  it('name every single flipped bit of every batch as damage, at its batch', () => {
    const { file, starts, end } = makeFile([
      [entry(1, new Uint8Array(20).fill(5)), entry(2, new Uint8Array(0))],
      [entry(3, new Uint8Array(45))],
      [entry(4, new Uint8Array(700).fill(9, 300, 310))],
    ]);
    expect(scan(file)).toEqual({ whole: 3, last: { kind: 'end' } });
    for (let at = SEGMENT_HEADER_BYTES; at < end; at++) {
      const batch = starts.findLastIndex((start) => start <= at);
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Uint8Array.from(file);
        flipped[at]! ^= 1 << bit;
        const { whole, last } = scan(flipped);
        expect([at, bit, whole, last.kind]).toEqual([at, bit, batch, 'damaged']);
        const { offset } = last as { offset: number };
        expect(offset).toBeGreaterThanOrEqual(starts[batch]!);
        expect(offset).toBeLessThan(starts[batch + 1] ?? end);
      }
    }
  });

  it('name a flipped bit in the last batch whatever it carries', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), fc.nat(7), (many, where, bit) => {
        const last = many.map((bytes, i) => entry(i + 2, bytes));
        const { file, starts, end } = makeFile([[entry(1, new Uint8Array(9))], last]);
        const from = starts[1]!;
        file[from + (where % (end - from))]! ^= 1 << bit;
        expect(scan(file)).toMatchObject({ whole: 1, last: { kind: 'damaged' } });
      }),
      { numRuns: 500 },
    );
  });

  it('name the flip of the only bit of a sector as damage: it looks as if never written', () => {
    const bytes = new Uint8Array(2000);
    for (const at of [700, 1300]) bytes[at] = 0x40;
    const { file, starts } = makeFile([[entry(1, new Uint8Array(9))], [entry(2, bytes)]]);
    const bits = [...file.keys()].filter((at) => at > starts[1]! + 100 && file[at] === 0x40);
    expect(bits.length).toBe(2);
    for (const at of bits) {
      const flipped = Uint8Array.from(file);
      flipped[at] = 0;
      expect(scan(flipped)).toMatchObject({ whole: 1, last: { kind: 'damaged' } });
    }
  });

  it('take every beginning of the last batch for a torn write, whatever it carries', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), (many, where) => {
        const last = many.map((bytes, i) => entry(i + 2, bytes));
        const { file, starts, end } = makeFile([[entry(1, new Uint8Array(9))], last]);
        const cut = starts[1]! + 1 + (where % (end - starts[1]! - 1));
        file.fill(0, cut);
        const found = scan(file);
        expect(found).toMatchObject({ whole: 1, last: { kind: 'torn' } });
        expect(file.subarray((found.last as { end: number }).end).every((byte) => byte === 0)).toBe(
          true,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('take a last batch that lacks any set of its sectors for a torn write', () => {
    const ordinary = fc.uint8Array({ minLength: 1600, maxLength: 3000, min: 1 });
    fc.assert(
      fc.property(ordinary, fc.integer({ min: 1, max: 255 }), (bytes, lost) => {
        const { file, starts, end } = makeFile([[entry(1, new Uint8Array(9))], [entry(2, bytes)]]);
        const firstSector = Math.floor(starts[1]! / SECTOR_BYTES);
        const sectors = Math.floor((end - 1) / SECTOR_BYTES) - firstSector + 1;
        const isLost = (sector: number) => ((lost >> (sector % 8)) & 1) === 1;
        let count = 0;
        for (let sector = 0; sector < sectors; sector++) {
          if (!isLost(sector)) continue;
          count++;
          const at = (firstSector + sector) * SECTOR_BYTES;
          file.fill(0, Math.max(starts[1]!, at), at + SECTOR_BYTES);
        }
        const kind = count === 0 ? 'end' : count === sectors ? 'end' : 'torn';
        expect(scan(file)).toMatchObject({ whole: count === 0 ? 2 : 1, last: { kind } });
      }),
      { numRuns: 300 },
    );
  });

  it('take a batch for damaged when a later one stands behind, whatever is gone', () => {
    const { file, starts } = makeFile([
      [entry(1, new Uint8Array(900).fill(3))],
      [entry(2, new Uint8Array(5))],
    ]);
    for (let from = starts[0]!; from < starts[1]!; from += 16) {
      const gone = Uint8Array.from(file).fill(0, from, starts[1]!);
      expect(scan(gone)).toMatchObject({ whole: 0, last: { kind: 'damaged' } });
    }
  });

  it('do not read beyond the file when a header with a right checksum lies', () => {
    const offset = FILE_BYTES - 64;
    const { bytes } = encodeBatch([entry(1, new Uint8Array(500))], {
      segment: SEGMENT,
      offset,
      sequence: 1,
    });
    const file = new Uint8Array(FILE_BYTES);
    file.set(bytes.subarray(0, 64), offset);
    const found = findBatch(file, offset, { segment: SEGMENT, sequence: 1 });
    expect(found).toEqual({ kind: 'damaged', offset });
  });
});

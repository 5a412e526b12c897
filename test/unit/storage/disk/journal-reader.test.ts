import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { JOURNAL_BLOCK_BYTES, JournalReader } from '../../../../storage/disk/journal-reader.ts';
import { changed, type WrittenJournal, writeJournal } from './written-journal.ts';

// Goal: what a journal of LevelDB lost is told from a last write that was cut off. Method: journals
// that LevelDB wrote, changed in memory at each place.

const SECTOR_BYTES = 512;
/** A whole record (of type 1) without content. */
const EMPTY_RECORD = Buffer.from('052b2843000001', 'hex');

let root: string;
let small: WrittenJournal;
/** With batches over several blocks. */
let large: WrittenJournal;
/** Whose last batch is over several blocks. */
let ending: WrittenJournal;
/** The same with a value that is made of whole records of a journal, as a peer may send one. */
let forging: WrittenJournal;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'cooee-journal-'));
  small = await writeJournal(join(root, 'small'), [40, 700, 1_300, 90]);
  large = await writeJournal(join(root, 'large'), [500, 100_000, 30, 20_000, 3, 70_000, 900, 600]);
  ending = await writeJournal(join(root, 'ending'), [10, 90_000]);
  forging = await writeJournal(join(root, 'forging'), [10, 90_000], EMPTY_RECORD);
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Where something is lost. */
function lostIn(bytes: Uint8Array): number | undefined {
  const reader = new JournalReader();
  for (let at = 0; at < bytes.length; at += JOURNAL_BLOCK_BYTES) {
    reader.read(bytes.subarray(at, at + JOURNAL_BLOCK_BYTES));
  }
  return reader.lostAt ?? reader.end();
}

/** Where each batch begins. */
const beginnings = ({ ends }: WrittenJournal): readonly number[] => [0, ...ends];

/** Those changes with which nothing is found. */
function unseen(
  bytes: Buffer,
  range: { readonly from: number; readonly to: number; readonly step: number },
  change: (at: number) => Uint8Array,
): readonly number[] {
  const places: number[] = [];
  for (let at = range.from; at < range.to; at += range.step) {
    if (lostIn(change(at)) === undefined) places.push(at);
  }
  expect(range.to).toBeLessThanOrEqual(bytes.length);
  return places;
}

it('finds nothing wrong in what LevelDB wrote, and knows what comes next', () => {
  for (const { bytes, ends } of [small, large, ending]) {
    expect(lostIn(bytes)).toBeUndefined();
    const reader = new JournalReader();
    reader.read(bytes.subarray(0, Math.min(ends[0] ?? 0, JOURNAL_BLOCK_BYTES)));
    expect(reader.next).toBe(2n);
  }
});

it('finds any byte in which a bit changed', () => {
  const { bytes } = small;
  const flip = (at: number) => changed(bytes, at, [(bytes[at] ?? 0) ^ (1 << (at % 8))]);
  expect(unseen(bytes, { from: 0, to: bytes.length, step: 1 }, flip)).toEqual([]);
});

it('names the record that is the first to be lost', () => {
  const [, second = 0, third = 0] = beginnings(small);
  expect(lostIn(changed(small.bytes, third - 1, [0]))).toBe(second);
});

it('finds bytes that were written over in large batches, at either end too', () => {
  const { bytes } = large;
  const over = (at: number) => changed(bytes, at, Array(8).fill(0xff));
  expect(unseen(bytes, { from: 0, to: bytes.length - 8, step: 1_001 }, over)).toEqual([]);
});

it.each([SECTOR_BYTES, JOURNAL_BLOCK_BYTES])('finds %i zeros that a block comes behind', (size) => {
  const { bytes } = large;
  // In the last one LevelDB takes nothing behind them: no hole, and it may be a write cut off.
  const to = Math.floor(bytes.length / JOURNAL_BLOCK_BYTES) * JOURNAL_BLOCK_BYTES - size;
  const blank = (at: number) => changed(bytes, at, Array(size).fill(0));
  expect(unseen(bytes, { from: 0, to, step: size }, blank)).toEqual([]);
});

it('takes a last write that was cut off anywhere for no damage', () => {
  for (const [written, step] of [
    [small, 1],
    [ending, 97],
    [forging, 97],
  ] as const) {
    const { bytes } = written;
    for (let at = written.ends.at(-2) ?? 0; at <= bytes.length; at += step) {
      expect([at, lostIn(bytes.subarray(0, at))]).toEqual([at, undefined]);
    }
  }
});

it('takes a last write of which sectors are missing for no damage', () => {
  const { bytes, ends } = ending;
  const begin = ends[0] ?? 0;
  expect(lostIn(Buffer.from(bytes).fill(0, begin))).toBeUndefined();
  const first = Math.ceil(begin / SECTOR_BYTES) * SECTOR_BYTES;
  for (let at = first; at < bytes.length; at += SECTOR_BYTES) {
    const end = Math.min(at + SECTOR_BYTES, bytes.length);
    expect([at, lostIn(Buffer.from(bytes).fill(0, at))]).toEqual([at, undefined]);
    expect([at, lostIn(Buffer.from(bytes).fill(0, at, end))]).toEqual([at, undefined]);
  }
});

it('finds a batch that is gone without a trace', () => {
  const { bytes } = small;
  const [, second = 0, third = 0] = beginnings(small);
  const without = Buffer.concat([bytes.subarray(0, second), bytes.subarray(third)]);
  expect(lostIn(without)).toBe(second);
});

import { describe, expect, it } from 'vitest';
import { compactionPoint, isSnapshotDue } from '../../../../protocols/slurp/snapshot/compaction.ts';

describe('the compaction policy', () => {
  it('keeps what no signed snapshot stands for, and the last entries', () => {
    const point = (signed: number, applied: number) => compactionPoint({ signed, applied }, 8_192);
    expect(point(0, 100_000)).toBe(1);
    expect(point(8_192, 8_200)).toBe(7_177);
    expect(point(8_192, 20_000)).toBe(8_192);
    expect(point(8_192, 500)).toBe(1);
    expect(compactionPoint({ signed: 32, applied: 40 }, 16)).toBe(25);
  });

  it('offers a snapshot to who needs what is gone, or is far behind', () => {
    const due = (from: number, first = 1) => isSnapshotDue(from, { signed: 8_192, first }, 8_192);
    expect([1, 4_096, 4_097, 8_192, 8_193].map((from) => due(from))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect([7_000, 7_177].map((from) => due(from, 7_177))).toEqual([true, false]);
    expect(isSnapshotDue(1, { signed: 0, first: 1 }, 8_192)).toBe(false);
    expect(isSnapshotDue(8, { signed: 16, first: 1 }, 16)).toBe(true);
    expect(isSnapshotDue(9, { signed: 16, first: 1 }, 16)).toBe(false);
  });
});

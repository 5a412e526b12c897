import { describe, expect, it } from 'vitest';
import type { StateReader } from '../../../../protocols/interface/index.ts';
import { MeshState } from '../../../../protocols/slurp/machine/state.ts';
import {
  compactionPoint,
  isSnapshotDue,
  isSnapshotTaken,
} from '../../../../protocols/slurp/snapshot/compaction.ts';

const EVERY = 8_192;

/** A state with so many submissions; the n-th came with the entry `indexOf(n)`. */
function stateOf(submissions: number, indexOf: (n: number) => number): StateReader {
  const asked: Record<string, (key: string) => unknown> = {
    cursor: () => submissions,
    submitted: (key) => `${Number(key)}`,
    submission: (id) => ({ index: indexOf(Number(id)) }),
  };
  return { get: (table: string, key: string) => asked[table]?.(key) } as unknown as StateReader;
}

describe('the policy of snapshots', () => {
  it('takes one at each mark while the state is small', () => {
    for (const mark of [1, 2, 3, 9]) {
      expect(isSnapshotTaken(new MeshState(), mark * EVERY, EVERY)).toBe(true);
      expect(
        isSnapshotTaken(
          stateOf(65_535, () => 1),
          mark * EVERY,
          EVERY,
        ),
      ).toBe(true);
    }
  });

  it('takes one of a large state when submissions have doubled, and at each eighth mark', () => {
    // Sixteen with each entry, as under load; and with half as many as there were before.
    const rush = (n: number) => Math.ceil(n / 16);
    const taken = Array.from({ length: 16 }, (_, i) => i + 1).filter((mark) =>
      isSnapshotTaken(stateOf(mark * EVERY * 16, rush), mark * EVERY, EVERY),
    );
    // 131,072 a mark: beyond 65,536 with the first, 262,144 with the second, and so on.
    expect(taken).toEqual([1, 2, 4, 8, 16]);
    const quiet = stateOf(400_000, () => 1);
    const later = Array.from({ length: 15 }, (_, i) => i + 2);
    expect(later.filter((mark) => isSnapshotTaken(quiet, mark * EVERY, EVERY))).toEqual([8, 16]);
  });
});

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
    // With marks that are further apart too.
    const far = (from: number) => isSnapshotDue(from, { signed: 65_536, first: 1 }, 65_536);
    expect([61_440, 61_441].map(far)).toEqual([true, false]);
    expect([7_000, 7_177].map((from) => due(from, 7_177))).toEqual([true, false]);
    expect(isSnapshotDue(1, { signed: 0, first: 1 }, 8_192)).toBe(false);
    expect(isSnapshotDue(8, { signed: 16, first: 1 }, 16)).toBe(true);
    expect(isSnapshotDue(9, { signed: 16, first: 1 }, 16)).toBe(false);
  });
});

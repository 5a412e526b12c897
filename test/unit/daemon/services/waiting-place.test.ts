import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rowsBehind } from '../../../../daemon/services/waiting-place.ts';

// Goal: behind a place comes all that is older, whatever has gone from the list meanwhile.

interface TimedRow {
  readonly id: string;
  readonly ms: number;
}

const timeMsOf = ({ ms }: TimedRow): number => ms;

it('gives what comes behind a row, and all without one', () => {
  const rows = ['c', 'b', 'a'].map((id) => ({ id, ms: 7 }));
  expect(rowsBehind(rows, undefined, timeMsOf)).toEqual(rows);
  expect(rowsBehind(rows, { id: 'b', timeMs: 7 }, timeMsOf)).toEqual(rows.slice(2));
  expect(rowsBehind(rows, { id: 'a', timeMs: 7 }, timeMsOf)).toEqual([]);
});

it('misses none of the older ones, whichever rows have gone', () => {
  const times = fc.array(fc.nat(9), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(times, fc.nat(), fc.infiniteStream(fc.boolean()), (list, place, isKept) => {
      const rows = list.toSorted((a, b) => b - a).map((ms, n): TimedRow => ({ id: String(n), ms }));
      const at = place % rows.length;
      const { id, ms: timeMs } = rows[at] as TimedRow;
      const kept = rows.filter(() => isKept.next().value);
      const behind = rowsBehind(kept, { id, timeMs }, timeMsOf);
      const wanted = kept.filter((row) => Number(row.id) > at);
      expect(behind).toEqual(expect.arrayContaining(wanted));
      const newer = behind.filter((row) => row.ms > timeMs);
      expect(newer).toEqual([]);
    }),
  );
});

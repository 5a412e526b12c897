import { expect, it } from 'vitest';
import { longestWaitMs, type Usage } from './starvation.ts';

// Goal: a test that was too slow is laid to the machine only when the machine was at fault.

const usages = (rows: readonly (readonly [number, number, number])[]): Map<number, Usage> =>
  new Map(rows.map(([pid, waitedMs, ranMs]) => [pid, { waitedMs, ranMs }]));

it('tells how long the one waited that waited longest, from the beginning on', () => {
  const before = usages([
    [1, 900, 50],
    [2, 10, 50],
  ]);
  const now = usages([
    [1, 950, 80],
    [2, 310, 90],
    // Began since.
    [3, 200, 20],
  ]);
  expect(longestWaitMs(before, now, 2_000)).toBe(300);
  expect(longestWaitMs(before, new Map(), 2_000)).toBe(0);
});

it('tells of none that waited for each other', () => {
  const now = usages([
    [1, 900, 600],
    [2, 900, 500],
  ]);
  expect(longestWaitMs(new Map(), now, 2_000)).toBe(0);
  expect(longestWaitMs(new Map(), now, 4_000)).toBe(900);
});

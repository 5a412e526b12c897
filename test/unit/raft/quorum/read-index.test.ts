import { expect, it } from 'vitest';
import { ReadIndex } from '../../../../protocols/raft/quorum/read-index.ts';

it('confirms all up to an id, asks once for each, and forgets what was answered', () => {
  const reads = new ReadIndex();
  expect([reads.waiting, reads.isUnasked]).toEqual([0, false]);
  reads.add(3, 7);
  reads.add(5, 8);
  expect([reads.waiting, reads.newest, reads.isUnasked]).toEqual([5, 5, true]);
  reads.asked();
  expect(reads.isUnasked).toBe(false);
  expect(reads.confirm(2)).toEqual([]);
  expect(reads.confirm(4)).toEqual([{ id: 3, index: 7 }]);
  reads.add(6, 9);
  expect(reads.isUnasked).toBe(true);
  expect(reads.confirm(Number.POSITIVE_INFINITY)).toEqual([
    { id: 5, index: 8 },
    { id: 6, index: 9 },
  ]);
  expect([reads.waiting, reads.newest, reads.isUnasked]).toEqual([0, 6, false]);
});

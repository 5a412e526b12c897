import fc from 'fast-check';
import { expect, it } from 'vitest';
import { majorityOf, quorumValue } from '../../../../protocols/raft/quorum/quorum.ts';

it('a majority is more than half', () => {
  expect([1, 2, 3, 4, 5, 7].map(majorityOf)).toEqual([1, 2, 2, 3, 3, 4]);
});

it('finds the highest value that a majority has reached', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (values) => {
      const voters = values.map((_, at) => String(at));
      const found = quorumValue(voters, (voter) => values[Number(voter)]!);
      const count = (value: number) => values.filter((it) => it >= value).length;
      expect(count(found)).toBeGreaterThanOrEqual(majorityOf(values.length));
      expect(count(found + 1)).toBeLessThan(majorityOf(values.length));
    }),
  );
  expect(quorumValue([], () => 7)).toBe(0);
});

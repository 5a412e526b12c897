import { expect, it } from 'vitest';
import { decodeHead, lostStateProblem } from '../../../../protocols/slurp/index.ts';
import { headBy, some } from './voters.ts';

const three = some(1, 2, 3);
const [one, two, third] = three.map(({ peer }) => peer) as [string, string, string];
const signed = decodeHead(
  headBy(some(1, 2), { index: 10, term: 4, root: new Uint8Array(32), by: three }),
);

it.each([
  ['a log that ends before', { lastIndex: 9, term: 4 }, 'index'],
  ['a term from before', { lastIndex: 10, term: 3 }, 'term'],
  ['both', { lastIndex: 0, term: 0 }, 'index'],
])('a voter that claims %s has lost its state', (_name, claim, lost) => {
  const head = { index: 10, term: 4 };
  expect(lostStateProblem(one, claim, signed)).toEqual({ lost, head, claim });
});

it('a voter that has all it signed for has not, nor one that did not sign', () => {
  expect(lostStateProblem(two, { lastIndex: 10, term: 4 }, signed)).toBeUndefined();
  expect(lostStateProblem(two, { lastIndex: 99, term: 5 }, signed)).toBeUndefined();
  expect(lostStateProblem(third, { lastIndex: 0, term: 0 }, signed)).toBeUndefined();
  expect(lostStateProblem(one, { lastIndex: 0, term: 0 }, undefined)).toBeUndefined();
});

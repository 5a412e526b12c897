import { describe, expect, it } from 'vitest';
import {
  isConfiguration,
  isMember,
  isSingleChange,
} from '../../../protocols/raft/configuration.ts';

const of = (voters: string, learners = '') => ({
  voters: [...voters],
  learners: [...learners],
});

describe('isConfiguration', () => {
  it.each([
    [of('a'), true],
    [of('abc', 'd'), true],
    [of(''), false],
    [of('', 'a'), false],
    [of('aa'), false],
    [of('ab', 'b'), false],
    [{ voters: [''], learners: [] }, false],
    [{ voters: 'ab', learners: [] } as never, false],
    [of('a', String.fromCodePoint(...Array.from({ length: 1_024 }, (_, i) => 300 + i))), false],
  ])('%o: %s', (configuration, expected) => {
    expect(isConfiguration(configuration)).toBe(expected);
  });
});

describe('isSingleChange', () => {
  it.each([
    ['abc', 'abc', true],
    ['abc', 'abcd', true],
    ['abc', 'ab', true],
    ['abc', 'abd', false],
    ['abc', 'a', false],
    ['abc', 'abcde', false],
    ['a', 'b', false],
  ])('%s to %s: %s', (from, to, expected) => {
    expect(isSingleChange(of(from), of(to, 'xyz'))).toBe(expected);
  });
});

it('members are voters and learners', () => {
  expect(['a', 'b', 'c'].map((peer) => isMember(of('a', 'b'), peer))).toEqual([true, true, false]);
});

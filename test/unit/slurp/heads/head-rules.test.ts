import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import {
  electorateAt,
  isSameVoters,
  joinSignatures,
  majorityOf,
  reasonOf,
  refuseHead,
  verifyHead,
} from '../../../../protocols/slurp/heads/head-rules.ts';
import { decodeHead } from '../../../../protocols/slurp/index.ts';
import { crypto, MESH } from '../mesh-world.ts';
import { headBy, names, refused, some } from './voters.ts';

const one = some(1);
const three = some(1, 2, 3);
const four = some(1, 2, 3, 4);
const sets = [
  { index: 1, voters: names(one) },
  { index: 5, voters: names(three) },
  { index: 9, voters: names(four) },
];
const root = new Uint8Array(32).fill(7);

describe('reasonOf', () => {
  it('names what is wrong with a head, and nothing else', () => {
    expect(reasonOf(refuseHead('too-few'))).toBe('too-few');
    expect(reasonOf(new CooeeError('ERR_SLURP_ANCHOR'))).toBe('anchor');
    for (const other of [new CooeeError('ERR_STORAGE_IO'), new Error('fork'), undefined]) {
      expect(reasonOf(other)).toBeUndefined();
    }
  });
});

describe('electorateAt', () => {
  it.each([
    [1, one, one, false],
    [4, one, one, false],
    [5, one, three, true],
    [6, three, three, false],
    [9, three, four, true],
    [1_000_000, four, four, false],
  ])('at %i', (index, signers, voters, isLink) => {
    const expected = { signers: names(signers), voters: names(voters), isLink };
    expect(electorateAt(sets, index)).toEqual(expected);
  });

  it('takes the first voters for what is before them, and says nothing of the head’s own', () => {
    const electorate = electorateAt(sets.slice(1), 3);
    expect(electorate).toEqual({ signers: names(three), voters: undefined, isLink: false });
  });
});

describe('verifyHead', () => {
  const place = (index: number) => ({
    mesh: MESH,
    epoch: 0,
    electorate: electorateAt(sets, index),
  });
  const check = (index: number, bytes: Uint8Array) => () =>
    verifyHead(crypto, decodeHead(bytes), place(index));

  it.each([
    ['two of three', 6, some(1, 3)],
    ['three of four', 10, some(2, 3, 4)],
    ['the old voters at a change', 9, some(1, 2)],
  ])('takes a majority: %s', (_name, index, signers) => {
    const by = index < 9 ? three : four;
    expect(check(index, headBy(signers, { index, root, by }))).not.toThrow();
  });

  it.each([
    ['half of four', 'too-few', 10, some(1, 2), four, {}],
    ['one of three', 'too-few', 6, some(2), three, {}],
    ['nobody', 'too-few', 6, [], three, {}],
    ['a stranger among enough', 'foreign', 6, some(1, 2, 7), three, {}],
    ['a later voter', 'foreign', 6, some(1, 4), three, {}],
    ['the new voters alone at a change', 'foreign', 9, some(3, 4), four, {}],
    ['one voter twice', 'repeated', 6, some(1, 1), three, {}],
    ['another mesh', 'mesh', 6, some(1, 2), three, { mesh: `bafyrei${'b'.repeat(52)}` }],
    ['another epoch', 'epoch', 6, some(1, 2), three, { epoch: 1 }],
    ['voters of its own choice', 'chain', 6, some(1, 2), some(1, 2, 5), {}],
  ])('refuses %s: %s', (_name, reason, index, signers, by, other) => {
    expect(check(index, headBy(signers, { index, root, by, ...other }))).toThrow(refused(reason));
  });

  it('refuses a signature that was given for another head', () => {
    const old = decodeHead(headBy(three, { index: 6, root, by: three, timeMs: 1 }));
    const { body } = decodeHead(headBy([], { index: 6, root, by: three }));
    expect(check(6, joinSignatures(body, old.signatures))).toThrow(refused('signature'));
  });
});

it('puts a head together the same way whoever answered first', () => {
  const { body, signatures } = decodeHead(headBy(three, { index: 6, root, by: three }));
  const again = joinSignatures(body, [...signatures].reverse());
  expect(again).toEqual(joinSignatures(body, signatures));
});

it('knows majorities, and voters in any order', () => {
  expect([1, 2, 3, 4, 5, 9].map(majorityOf)).toEqual([1, 2, 2, 3, 3, 5]);
  expect(isSameVoters(['a', 'b'], ['b', 'a'])).toBe(true);
  expect(isSameVoters(['a', 'b'], ['a'])).toBe(false);
  expect(isSameVoters(['a', 'b'], ['a', 'c'])).toBe(false);
});

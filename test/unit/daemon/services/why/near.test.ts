import { describe, expect, it } from 'vitest';
import { isOneEditAway, nearbyThings } from '../../../../../daemon/services/why/near.ts';
import type { StateReader } from '../../../../../protocols/interface/index.ts';

const members = new Map(
  ['alpha', 'alphb', 'beta', 'gone'].map((name, at) => [
    `peer-${at}`,
    { name, removedIndex: name === 'gone' ? 3 : null },
  ]),
);
const state = {
  get: (_: string, token: string) => (token === '40803' ? {} : undefined),
  entries: () => members,
} as unknown as StateReader;

describe('nearbyThings', () => {
  it.each([
    ['40804', ['40803']],
    ['4O8O3X', ['40803']],
    ['alpah', ['alpha']],
    ['alphx', ['alpha', 'alphb']],
    ['betta', ['beta']],
    ['gon', []],
    ['something else', []],
  ])('%s', (text, near) => {
    expect(nearbyThings(state, text)).toEqual(near);
  });
});

describe('isOneEditAway', () => {
  it.each([
    ['beta', 'beta', true],
    ['beta', 'BETA', true],
    ['beta', 'bet', true],
    ['beta', 'eta', true],
    ['beta', 'betas', true],
    ['beta', 'bera', true],
    ['beta', 'ebta', true],
    ['beta', 'beat', true],
    ['beta', 'bt', false],
    ['beta', 'bxtb', false],
    ['beta', 'ateb', false],
    ['ab', 'ac', false],
    ['beta', '', false],
  ])('%s, %s: %s', (name, text, isNear) => {
    expect(isOneEditAway(name, text)).toBe(isNear);
  });
});

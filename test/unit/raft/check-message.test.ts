import { describe, expect, it } from 'vitest';
import {
  INDEX_MAX,
  isIndex,
  isSequence,
  isWellFormed,
} from '../../../protocols/raft/check-message.ts';
import type { RaftEntry, RaftMessage } from '../../../protocols/raft/index.ts';

const ends = { from: 'b', to: 'a', term: 3 };
const entry = (index: number, term: number): RaftEntry => ({
  index,
  term,
  bytes: new Uint8Array(),
});

const GOOD: readonly RaftMessage[] = [
  { ...ends, type: 'pre-vote', lastIndex: 4, lastTerm: 2, isTransfer: false },
  { ...ends, type: 'vote', lastIndex: 0, lastTerm: 0, isTransfer: true },
  { ...ends, type: 'vote-answer', isGranted: true },
  { ...ends, type: 'append', prevIndex: 0, prevTerm: 0, count: 0, commit: 9 },
  { ...ends, type: 'append', prevIndex: 4, prevTerm: 3, count: 0, commit: 0, acknowledged: 4 },
  { ...ends, type: 'append-answer', index: 4, isRefused: false, hintTerm: 0, lastIndex: 4 },
  { ...ends, type: 'heartbeat', commit: INDEX_MAX, read: Number.MAX_SAFE_INTEGER },
  { ...ends, type: 'heartbeat-answer', read: 0 },
  { ...ends, type: 'snapshot', index: 1, indexTerm: 3 },
  { ...ends, type: 'timeout-now' },
];

const BAD: readonly object[] = [
  { ...ends, type: 'nonsense' },
  { ...ends, type: 'timeout-now', to: 'c' },
  { ...ends, type: 'timeout-now', from: 'a' },
  { ...ends, type: 'timeout-now', from: '' },
  { ...ends, type: 'timeout-now', term: 0 },
  { ...ends, type: 'timeout-now', term: INDEX_MAX + 1 },
  { ...ends, type: 'timeout-now', term: '3' },
  { ...ends, type: 'vote', lastIndex: 1, lastTerm: 3, isTransfer: false },
  { ...ends, type: 'vote', lastIndex: 0, lastTerm: 1, isTransfer: false },
  { ...ends, type: 'append', prevIndex: -1, prevTerm: 1, count: 0, commit: 0 },
  { ...ends, type: 'append', prevIndex: 1, prevTerm: 4, count: 0, commit: 0 },
  { ...ends, type: 'append', prevIndex: 1, prevTerm: 1, count: 1, commit: 0 },
  { ...ends, type: 'append', prevIndex: 1, prevTerm: 1, count: 0, commit: 0.5 },
  { ...ends, type: 'append', prevIndex: 1, prevTerm: 1, count: 0, commit: 0, acknowledged: -1 },
  { ...ends, type: 'append-answer', index: 5, isRefused: false, hintTerm: 0, lastIndex: 4 },
  { ...ends, type: 'heartbeat', commit: undefined, read: 0 },
  { ...ends, type: 'heartbeat-answer', read: -1 },
  { ...ends, type: 'snapshot', index: 0, indexTerm: 0 },
  { ...ends, type: 'snapshot', index: 4, indexTerm: 4 },
];

describe('isWellFormed', () => {
  it.each(GOOD)('takes %o', (message) => {
    expect(isWellFormed('a', message, [])).toBe(true);
  });

  it.each(BAD)('refuses %o', (message) => {
    expect(isWellFormed('a', message as RaftMessage, [])).toBe(false);
  });

  it('looks at the entries of an append', () => {
    const append = { ...ends, type: 'append', prevIndex: 4, prevTerm: 2, commit: 0 } as const;
    const isTaken = (entries: readonly RaftEntry[]) =>
      isWellFormed('a', { ...append, count: entries.length }, entries);
    expect(isTaken([entry(5, 2), entry(6, 3)])).toBe(true);
    expect(isTaken([entry(6, 2)])).toBe(false);
    expect(isTaken([entry(5, 1)])).toBe(false);
    expect(isTaken([entry(5, 4)])).toBe(false);
    const nobody = { ...entry(5, 2), configuration: { voters: [], learners: [] } };
    expect(isTaken([nobody])).toBe(false);
  });
});

it('an index is a whole number that leaves room for sums', () => {
  expect([0, INDEX_MAX].every(isIndex)).toBe(true);
  expect([-1, 0.5, INDEX_MAX + 1, Number.NaN, '1', undefined].some(isIndex)).toBe(false);
  expect(isSequence([], 7, 7)).toBe(true);
});

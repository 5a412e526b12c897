import { describe, expect, it } from 'vitest';
import { Votes } from '../../../../protocols/raft/quorum/votes.ts';

const nobody: ReadonlySet<string> = new Set();

function resultOf(answers: Readonly<Record<string, boolean>>, lost = nobody): string {
  const votes = new Votes(['a', 'b', 'c']);
  for (const [peer, isGranted] of Object.entries(answers)) votes.record(peer, isGranted);
  return votes.result(lost);
}

describe('Votes', () => {
  it.each([
    [{}, 'open'],
    [{ a: true }, 'open'],
    [{ a: true, b: true }, 'won'],
    [{ a: true, b: false }, 'open'],
    [{ a: true, b: false, c: false }, 'lost'],
    [{ a: true, x: true, y: true }, 'open'],
  ])('%o: %s', (answers, expected) => {
    expect(resultOf(answers)).toBe(expected);
  });

  it('expects no answer of those who are lost, but counts the one they gave', () => {
    expect(resultOf({ a: true, b: false }, new Set(['c']))).toBe('lost');
    expect(resultOf({ a: true, c: true }, new Set(['c']))).toBe('won');
    expect(resultOf({ a: true }, new Set(['c']))).toBe('open');
  });

  it('counts the first answer of each', () => {
    const votes = new Votes(['a', 'b']);
    votes.record('a', true);
    votes.record('b', false);
    votes.record('b', true);
    expect(votes.result(nobody)).toBe('lost');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertRecovery,
  awayVoters,
  type Epoch,
  FIRST_EPOCH,
  judgeRecovery,
  type MemberReport,
  type RecoveryFacts,
} from '../../../../protocols/slurp/recovery/recovery-rules.ts';

const report = (peer: string, other: Partial<MemberReport> = {}): MemberReport => ({
  ...{ peer, epoch: FIRST_EPOCH, canVote: true, isLed: false, term: 4 },
  ...{ tail: { index: 20, term: 4 }, headIndex: 18, knownIndex: 18 },
  ...other,
});

const facts = (other: Partial<RecoveryFacts> = {}): RecoveryFacts => ({
  self: report('c'),
  reports: [],
  voters: ['a', 'b', 'c'],
  lost: ['a', 'b'],
  isChoosing: false,
  isBehind: false,
  unproved: [],
  ...other,
});

const reasonFor = (it: RecoveryFacts): string => {
  try {
    assertRecovery(it);
    return 'ok';
  } catch (error) {
    const { code, details } = error as { code: string; details: { reason?: string } };
    return details.reason ?? code;
  }
};

describe('judgeRecovery', () => {
  const at = (epoch: number, id: string): Epoch => ({ epoch, id });

  it.each([
    [FIRST_EPOCH, at(1, 'x'), 'news'],
    [at(1, 'x'), at(1, 'x'), 'known'],
    [at(1, 'x'), at(1, 'y'), 'rival'],
    [at(2, 'x'), at(1, 'y'), 'old'],
    [at(1, 'x'), at(3, 'y'), 'news'],
  ])('%o meets %o: %s', (known, found, verdict) => {
    expect(judgeRecovery(known, found)).toBe(verdict);
  });

  it('leads all nodes to one epoch, or all that meet both to a halt, in whatever order', () => {
    const one = fc.record({
      epoch: fc.integer({ min: 1, max: 4 }),
      id: fc.constantFrom('x', 'y', 'z'),
    });
    const arrivals = fc
      .array(one, { minLength: 1, maxLength: 12 })
      .chain((list) =>
        fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
      );
    const follow = (list: readonly Epoch[]): string => {
      let known = FIRST_EPOCH;
      let rivalEpoch = 0;
      for (const found of list) {
        const verdict = judgeRecovery(known, found);
        if (verdict === 'news') known = found;
        if (verdict === 'rival') rivalEpoch = found.epoch;
      }
      return rivalEpoch === known.epoch ? `halt ${known.epoch}` : `${known.epoch} ${known.id}`;
    };
    fc.assert(
      fc.property(arrivals, ([list, shuffled]) => {
        expect(follow(shuffled)).toBe(follow(list));
      }),
    );
  });
});

describe('assertRecovery', () => {
  it('lets the last voter go on when the others are named', () => {
    expect(reasonFor(facts())).toBe('ok');
    expect(awayVoters(facts())).toEqual(['a', 'b']);
  });

  it('lets a replica go on, whose voters are all lost', () => {
    const self = report('d', { canVote: false });
    expect(reasonFor(facts({ self, lost: ['a', 'b', 'c'] }))).toBe('ok');
  });

  it.each([
    ['a majority answers', { reports: [report('a')] }, 'ERR_SLURP_QUORUM'],
    [
      'a majority answers behind a replica',
      { self: report('d', { canVote: false }), reports: [report('a'), report('b')] },
      'ERR_SLURP_QUORUM',
    ],
    [
      'a member hears of a leader',
      { reports: [report('a', { canVote: false, isLed: true })] },
      'ERR_SLURP_QUORUM',
    ],
    ['a voter is not named', { lost: ['a'] }, 'lost'],
    [
      'a member proves more than is here',
      { reports: [report('d', { canVote: false, headIndex: 21 })] },
      'longer',
    ],
    [
      'a voter holds more than is here',
      {
        voters: ['a', 'b', 'c', 'd', 'e'],
        lost: ['a', 'b', 'd'],
        reports: [report('e', { tail: { index: 21, term: 4 } })],
      },
      'longer',
    ],
    [
      'a voter holds a later term',
      {
        voters: ['a', 'b', 'c', 'd', 'e'],
        lost: ['a', 'b', 'd'],
        reports: [report('e', { tail: { index: 9, term: 5 } })],
      },
      'longer',
    ],
    ['a later epoch is followed elsewhere', { isBehind: true }, 'epoch'],
    [
      'a voter before a change that is not signed for is not named',
      { ...{ reports: [report('a')], voters: ['a', 'c', 'e'] }, unproved: ['b', 'c'], lost: ['e'] },
      'lost',
    ],
  ])('refuses when %s', (_name, other, reason) => {
    expect(reasonFor(facts(other))).toBe(reason);
  });

  it('takes no word for an epoch that is not shown', () => {
    const reports = [report('d', { canVote: false, epoch: { epoch: 9, id: 'x' } })];
    expect(reasonFor(facts({ reports }))).toBe('ok');
  });

  it('lets a leader go past a change of voters that nobody can sign for any more', () => {
    const self = report('c', { isLed: true });
    const given = { self, reports: [report('a', { isLed: true })], lost: ['b'] };
    expect(reasonFor(facts(given))).toBe('ERR_SLURP_QUORUM');
    expect(reasonFor(facts({ ...given, unproved: ['b', 'c'] }))).toBe('ok');
    const longer = [report('a', { tail: { index: 21, term: 4 } })];
    expect(reasonFor(facts({ ...given, reports: longer, unproved: ['b', 'c'] }))).toBe('longer');
  });

  it('does not count a voter that forgot what it promised', () => {
    const reports = [report('a', { canVote: false, tail: { index: 99, term: 9 } })];
    expect(reasonFor(facts({ reports, lost: ['b'] }))).toBe('ok');
  });

  it('never passes over a majority that can vote, a longer log, or an unnamed voter', () => {
    const peers = ['a', 'b', 'c', 'd', 'e'];
    const anyReport = fc.record({
      canVote: fc.boolean(),
      isLed: fc.boolean(),
      headIndex: fc.integer({ min: 0, max: 30 }),
      tail: fc.record({
        index: fc.integer({ min: 0, max: 30 }),
        term: fc.integer({ min: 1, max: 6 }),
      }),
    });
    const anyFacts = fc.record({
      reports: fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'd', 'e', 'f'), anyReport), {
        selector: ([peer]) => peer,
      }),
      lost: fc.subarray(peers),
      canVote: fc.boolean(),
    });
    let allowed = 0;
    fc.assert(
      fc.property(anyFacts, ({ reports, lost, canVote }) => {
        const given = facts({
          self: report('c', { canVote }),
          reports: reports.map(([peer, it]) => report(peer, it)),
          voters: peers,
          lost,
        });
        if (reasonFor(given) !== 'ok') return;
        allowed += 1;
        const able = [given.self, ...given.reports].filter(
          (it) => it.canVote && peers.includes(it.peer),
        );
        expect(able.length).toBeLessThan(3);
        expect(given.reports.every((it) => it.headIndex <= 20 && !it.isLed)).toBe(true);
        expect(awayVoters(given).every((peer) => lost.includes(peer))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    // Most of what is drawn must not be: what is left is still enough to mean something.
    expect(allowed).toBeGreaterThan(50);
  });
});

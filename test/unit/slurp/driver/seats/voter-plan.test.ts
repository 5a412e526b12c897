import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  LEARNER_AWAY_MS,
  planVoters,
  type Seat,
  type VoterPlanInput,
  votersWanted,
} from '../../../../../protocols/slurp/driver/seats/voter-plan.ts';

const AWAY_MS = 600_000;
const seat = (peer: string, change: Partial<Seat> = {}): Seat => ({
  peer,
  isCaughtUp: true,
  silentMs: 0,
  hasLostState: false,
  ...change,
});

/** A mesh in which A leads; all members are connected unless listed as away. */
function input(
  members: string,
  seats: { readonly voters: string; readonly learners?: string },
  change: Partial<VoterPlanInput> & { readonly away?: string } = {},
): VoterPlanInput {
  const { voters, learners = '' } = seats;
  return {
    self: 'A',
    configuration: { voters: [...voters], learners: [...learners] },
    target: 'auto',
    members: [...members].map((peer, i) => ({
      peer,
      addedIndex: i,
      isConnected: !(change.away ?? '').includes(peer),
    })),
    seats: [...voters, ...learners].filter((peer) => peer !== 'A').map((peer) => seat(peer)),
    voterAwayMs: AWAY_MS,
    isUnlinked: false,
    ...change,
  };
}

const planned = (it: VoterPlanInput): string => {
  const next = planVoters(it);
  return next === undefined ? '-' : `${next.voters.join('')}+${next.learners.join('')}`;
};

describe('votersWanted', () => {
  it.each([
    ['auto', [1, 1, 3, 3, 3, 3, 5, 5, 5]],
    [1, [1, 1, 1, 1, 1, 1, 1, 1, 1]],
    [3, [1, 1, 3, 3, 3, 3, 3, 3, 3]],
    [5, [1, 1, 3, 3, 5, 5, 5, 5, 5]],
  ] as const)('with the target %s', (target, expected) => {
    expect(expected.map((_, i) => votersWanted(target, i + 1))).toEqual(expected);
  });
});

describe('planVoters', () => {
  it.each([
    ['one or two members: nothing to do', input('AB', { voters: 'A' }), '-'],
    ['a third member: both others learn first', input('ABC', { voters: 'A' }), 'A+BC'],
    ['the oldest members are asked first', input('ABCDE', { voters: 'A' }), 'A+BC'],
    ['who is away is not asked', input('ABCD', { voters: 'A' }, { away: 'B' }), 'A+CD'],
    [
      'both caught up: the first gets its vote',
      input('ABC', { voters: 'A', learners: 'BC' }),
      'AB+C',
    ],
    ['from two on the next follows at once', input('ABC', { voters: 'AB', learners: 'C' }), 'ABC+'],
    ['three of three: at rest', input('ABC', { voters: 'ABC' }), '-'],
    ['five from seven on', input('ABCDEFG', { voters: 'ABC' }), 'ABC+DE'],
    ['fewer wanted: one goes', input('ABC', { voters: 'ABC' }, { target: 1 }), 'AC+B'],
    ['and the next', input('ABC', { voters: 'AC', learners: 'B' }, { target: 1 }), 'A+BC'],
    ['and both are let go', input('ABC', { voters: 'A', learners: 'BC' }, { target: 1 }), 'A+'],
    [
      'but not before they have signed for those who stay',
      input('ABC', { voters: 'A', learners: 'BC' }, { target: 1, isUnlinked: true }),
      '-',
    ],
    ['a removed member loses its seat', input('ABD', { voters: 'ABC' }), 'AB+'],
    ['and its place among the learners', input('ABC', { voters: 'ABC', learners: 'D' }), 'ABC+'],
  ])('%s', (_, given, expected) => {
    expect(planned(given)).toBe(expected);
  });

  it('waits until both learners are caught up and answer', () => {
    const seats = [seat('B'), seat('C', { isCaughtUp: false })];
    expect(planned(input('ABC', { voters: 'A', learners: 'BC' }, { seats }))).toBe('-');
  });

  it('replaces a learner that is gone', () => {
    const seats = [seat('B', { isCaughtUp: false, silentMs: LEARNER_AWAY_MS }), seat('C')];
    const given = input('ABCD', { voters: 'A', learners: 'BC' }, { seats, away: 'B' });
    expect(planned(given)).toBe('A+CD');
  });

  it('gives the seat of a voter that is away for long to another, by way of a learner', () => {
    const gone = seat('C', { isCaughtUp: false, silentMs: AWAY_MS });
    const first = input('ABCD', { voters: 'ABC' }, { seats: [seat('B'), gone], away: 'C' });
    expect(planned(first)).toBe('ABC+D');
    const seats = [seat('B'), gone, seat('D')];
    const second = input('ABCD', { voters: 'ABC', learners: 'D' }, { seats, away: 'C' });
    expect(planned(second)).toBe('AB+D');
    const third = input('ABCD', { voters: 'AB', learners: 'D' }, { away: 'C' });
    expect(planned(third)).toBe('ABD+');
  });

  it('leaves a voter that is away its seat while nobody can take it', () => {
    const seats = [seat('B'), seat('C', { isCaughtUp: false, silentMs: AWAY_MS * 9 })];
    expect(planned(input('ABC', { voters: 'ABC' }, { seats, away: 'C' }))).toBe('-');
  });

  it('lets a learner that lost its state go, and adds it anew at once', () => {
    const seats = [seat('B', { hasLostState: true, isCaughtUp: false }), seat('C')];
    expect(planned(input('ABC', { voters: 'A', learners: 'BC' }, { seats }))).toBe('A+C');
    expect(planned(input('ABC', { voters: 'A', learners: 'C' }))).toBe('A+CB');
  });

  it('asks those last that did not answer before', () => {
    const members = [...'ABCD'].map((peer, addedIndex) => ({
      ...{ peer, addedIndex, isConnected: true, isLast: peer === 'B' },
    }));
    expect(planned(input('ABCD', { voters: 'A' }, { members }))).toBe('A+CD');
    expect(planned(input('ABC', { voters: 'A' }, { members: members.slice(0, 3) }))).toBe('A+CB');
  });

  it('makes a voter that lost its state a learner, and a voter again', () => {
    const seats = [seat('B'), seat('C', { hasLostState: true })];
    expect(planned(input('ABC', { voters: 'ABC' }, { seats }))).toBe('AB+C');
    expect(planned(input('ABC', { voters: 'AB', learners: 'C' }))).toBe('ABC+');
  });

  it('changes one voter at most, keeps one, and seats members only', () => {
    const peers = fc.uniqueArray(fc.constantFrom(...'BCDEFGH'), { maxLength: 7 });
    const anySeat = fc.record({
      isCaughtUp: fc.boolean(),
      silentMs: fc.constantFrom(0, LEARNER_AWAY_MS, AWAY_MS),
      hasLostState: fc.boolean(),
    });
    fc.assert(
      fc.property(
        peers,
        peers,
        peers,
        fc.array(anySeat, { minLength: 8, maxLength: 8 }),
        fc.constantFrom('auto' as const, 1 as const, 3 as const, 5 as const),
        (members, voters, others, facts, target) => {
          const learners = others.filter((peer) => !voters.includes(peer));
          const given = input(`A${members.join('')}`, {
            voters: `A${voters.join('')}`,
            learners: learners.join(''),
          });
          const seats = given.seats.map((it, i) => ({ ...it, ...facts[i] }));
          const next = planVoters({ ...given, target, seats });
          if (next === undefined) return;
          const before = new Set(given.configuration.voters);
          const after = new Set(next.voters);
          const changed = [...before, ...after].filter((it) => before.has(it) !== after.has(it));
          expect(changed.length).toBeLessThanOrEqual(1);
          expect(after.has('A')).toBe(true);
          const known = new Set(given.members.map(({ peer }) => peer));
          for (const peer of next.learners) {
            expect(after.has(peer)).toBe(false);
            if (!learners.includes(peer) && !before.has(peer)) expect(known.has(peer)).toBe(true);
          }
          expect(next).not.toEqual(given.configuration);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ['another learns', input('AB', { voters: 'A' }), 'A+B'],
    ['and gets a vote when it holds the log', input('AB', { voters: 'A', learners: 'B' }), 'AB+'],
    ['a leader that leaves hands over, and changes nothing', input('AB', { voters: 'AB' }), '-'],
    ['the next leader takes its vote', input('AB', { voters: 'AB' }, { self: 'B' }), 'B+A'],
    ['and lets it go', input('AB', { voters: 'B', learners: 'A' }, { self: 'B' }), 'B+'],
    [
      'but not before its signature is there',
      input('AB', { voters: 'B', learners: 'A' }, { self: 'B', isUnlinked: true }),
      '-',
    ],
    ['with nobody else it stays', input('A', { voters: 'A' }), '-'],
    ['nor with one that is away', input('AB', { voters: 'A' }, { away: 'B' }), '-'],
  ] as const)('of a last voter that leaves: %s', (_name, it, expected) => {
    expect(planned({ ...it, leaving: new Set(['A']) })).toBe(expected);
  });
});

import { describe, expect, it } from 'vitest';
import type { Configuration, RaftStatus } from '../../../../../protocols/raft/index.ts';
import { OwnSeat } from '../../../../../protocols/slurp/driver/seats/own-seat.ts';
import type { EpochBook } from '../../../../../protocols/slurp/recovery/epoch-book.ts';

// Goal: a seat is taken only by who has one by the log and has forgotten nothing; two recoveries
// halt a voter without making it forget that it is one. Method: one row for each thing that counts.

interface Facts {
  /** What the state says. */
  readonly applied: Configuration;
  /** What the end of the log says, where Raft is driven. */
  readonly raft?: { readonly configuration: Configuration; readonly canVote: boolean };
  readonly hasLostState: boolean;
  readonly isOut: boolean;
  readonly isBehind: boolean;
  readonly isHalted: boolean;
  readonly retired?: 'seat' | 'all';
}

const VOTER: Configuration = { voters: ['a', 'self'], learners: [] };
const LEARNER: Configuration = { voters: ['a'], learners: ['self'] };
const NONE: Configuration = { voters: ['a'], learners: ['b'] };

function seatOf(facts: Partial<Facts>): OwnSeat {
  const { applied = VOTER, raft, retired } = facts;
  const rival = facts.isHalted === true ? ({ id: 'rival' } as EpochBook['rival']) : undefined;
  const seat = new OwnSeat({
    self: 'self',
    meshLog: { configuration: () => ({ configuration: applied, configurationIndex: 1 }) },
    epochs: { isBehind: facts.isBehind ?? false, rival },
    status: () => raft && ({ self: 'self', ...raft } as RaftStatus),
    hasLostState: () => facts.hasLostState ?? false,
    isOut: () => facts.isOut ?? false,
  });
  if (retired !== undefined) seat.retire(retired);
  return seat;
}

const driven = (configuration: Configuration, canVote = true): Pick<Facts, 'raft'> => ({
  raft: { configuration, canVote },
});

describe('the own seat', () => {
  it.each<[string, Partial<Facts>, boolean]>([
    ['a voter', {}, true],
    ['a learner', { applied: LEARNER }, true],
    ['a member without a seat', { applied: NONE }, false],
    ['one that has it at the end of the log only', { applied: NONE, ...driven(VOTER) }, true],
    ['one that had it in the state, not at the end of the log', driven(NONE), true],
    ['one that lost its state', { hasLostState: true }, false],
    ['one whose seat was given away', { isOut: true }, false],
    ['one behind a recovery', { isBehind: true }, false],
    ['one that runs twice', { retired: 'seat' }, false],
    ['one that was removed', { retired: 'all' }, false],
    ['one that two recoveries halt', { isHalted: true }, true],
  ])('can be taken, or not, by %s', (_name, facts, canTake) => {
    expect(seatOf(facts).canTake).toBe(canTake);
  });

  it.each<[string, Partial<Facts>, boolean]>([
    ['a voter that does not drive Raft', {}, false],
    ['a voter', driven(VOTER), true],
    ['a voter that Raft found to have lost its log', driven(VOTER, false), false],
    ['a learner', { applied: LEARNER, ...driven(LEARNER) }, false],
    ['a voter that two recoveries halt', { isHalted: true }, true],
    ['a learner that two recoveries halt', { applied: LEARNER, isHalted: true }, false],
    ['a halted voter that lost its state', { isHalted: true, hasLostState: true }, false],
  ])('has a vote, or not, of %s', (_name, facts, canVote) => {
    expect(seatOf(facts).canVote).toBe(canVote);
  });

  it.each<[string, Partial<Facts>, boolean]>([
    ['a voter', {}, false],
    ['one that runs twice', { retired: 'seat' }, false],
    ['one that was removed', { retired: 'all' }, true],
    ['one that two recoveries halt', { isHalted: true }, true],
  ])('leaves at rest, or not, %s', (_name, facts, isAtRest) => {
    expect(seatOf(facts).isAtRest).toBe(isAtRest);
  });
});

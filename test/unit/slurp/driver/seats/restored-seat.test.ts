import { beforeEach, describe, expect, it } from 'vitest';
import { type StateReader, silentLogger } from '../../../../../protocols/interface/index.ts';
import { RestoredSeat } from '../../../../../protocols/slurp/driver/seats/restored-seat.ts';
import type { SeenLog } from '../../../../../protocols/slurp/driver/seats/seat-watch.ts';
import { ManualClock } from '../../mesh-world.ts';

// Goal: a restored node takes no part by itself, but for the only voter of a mesh, which nobody can
// add anew: it leads on when the members that it reaches know nothing that it does not.

const ROUND_MS = 1_000;
const FOLLOW = { isLead: false, index: null };

let voters: string[];
let members: string[];
let applied: number;
let isLost: boolean;
let seen: SeenLog | undefined;
let isPassed: boolean;
let conditions: Set<string>;
let clock: ManualClock;
let seat: RestoredSeat;

beforeEach(() => {
  voters = ['a'];
  members = ['a', 'b'];
  applied = 10;
  isLost = false;
  seen = { index: 10, chainIndex: 1, voters: ['a'] };
  isPassed = false;
  conditions = new Set();
  clock = new ManualClock();
  const records = { entries: () => members.map((peer) => [peer, { removedIndex: null }]) };
  seat = new RestoredSeat({
    self: 'a',
    clock,
    logger: silentLogger,
    health: {
      raise: ({ code }) => conditions.add(code),
      clear: (code) => conditions.delete(code),
      list: () => [],
    },
    state: records as unknown as StateReader,
    voters: () => voters,
    appliedIndex: () => applied,
    isPassed: () => isPassed,
    hasLostState: () => isLost,
    lose: async () => {
      isLost = true;
    },
    regain: () => {
      isLost = false;
    },
    ask: async () => {
      if (seen === undefined) throw new Error('nobody is there');
      return seen;
    },
  });
  seat.start();
});

async function rounds(count: number): Promise<boolean> {
  await clock.advance(count * ROUND_MS);
  return isLost;
}

describe('the seat of a restored node', () => {
  it('is as it was when nothing was restored', async () => {
    await seat.open(undefined);
    expect(isLost).toBe(false);
  });

  it('is given up among other voters, whatever was asked for, for good', async () => {
    voters = ['a', 'b', 'c'];
    await seat.open({ ...FOLLOW, isLead: true });
    expect(isLost).toBe(true);
    expect(await rounds(20)).toBe(true);
    expect([...conditions]).toEqual([]);
  });

  it('is given up by one without a vote: it may have got one since', async () => {
    voters = ['b'];
    await seat.open(FOLLOW);
    expect(isLost).toBe(true);
    expect(await rounds(20)).toBe(true);
  });

  it('is kept in a mesh of one, which nobody else has', async () => {
    members = ['a'];
    await seat.open(FOLLOW);
    expect(isLost).toBe(false);
  });

  it('is kept by the only voter that is told to lead', async () => {
    await seat.open({ ...FOLLOW, isLead: true });
    expect(isLost).toBe(false);
  });

  it('is taken back by the only voter when no member knows more, three times over', async () => {
    await seat.open(FOLLOW);
    expect(isLost).toBe(true);
    expect(await rounds(2)).toBe(true);
    expect(await rounds(1)).toBe(false);
  });

  it('is not taken back before what members know is here', async () => {
    seen = { index: 14, chainIndex: 1, voters: ['a'] };
    await seat.open(FOLLOW);
    expect(await rounds(10)).toBe(true);
    applied = 14;
    expect(await rounds(3)).toBe(false);
  });

  it('is not taken back when others vote by now', async () => {
    seen = { index: 10, chainIndex: 9, voters: ['b'] };
    await seat.open(FOLLOW);
    expect(await rounds(10)).toBe(true);
  });

  it('is not taken back while one who may vote by now says that it is further', async () => {
    isPassed = true;
    await seat.open(FOLLOW);
    expect(await rounds(10)).toBe(true);
    expect([...conditions]).toEqual(['restored-alone']);
    isPassed = false;
    expect(await rounds(2)).toBe(true);
    expect(await rounds(1)).toBe(false);
    expect([...conditions]).toEqual([]);
  });

  it('waits for a member, and says so', async () => {
    seen = undefined;
    await seat.open(FOLLOW);
    expect(await rounds(10)).toBe(true);
    expect([...conditions]).toEqual(['restored-alone']);
    seen = { index: 10, chainIndex: 1, voters: ['a'] };
    expect(await rounds(1)).toBe(true);
    expect([...conditions]).toEqual([]);
    expect(await rounds(2)).toBe(false);
    seat.stop();
  });
});

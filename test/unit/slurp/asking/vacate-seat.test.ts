import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { isSeatNeeded } from '../../../../protocols/membership/index.ts';
import { MeshState, vacateSeat } from '../../../../protocols/slurp/index.ts';
import { codeOf, ManualClock } from '../mesh-world.ts';

/** A mesh of admins, or of members when their names are small letters. */
function world(members: string, voters: string) {
  const state = new MeshState();
  const clock = new ManualClock();
  const seats = (now: string, learners = ''): void => {
    const value = { votersTarget: 'auto', voters: [...now], learners: [...learners] };
    state.merge([{ table: 'mesh', key: 'mesh', value: value as never }]);
  };
  seats(voters);
  const put = (peer: string, removedIndex: number | null): void => {
    const role = peer === peer.toUpperCase() ? 'admin' : 'member';
    const value = { peer, role, removedIndex };
    state.merge([{ table: 'member', key: peer, value: value as never }]);
  };
  const remove = (peer: string): void => put(peer, 9);
  for (const peer of members) put(peer, null);
  const asked: string[] = [];
  const run = async (peer: string, answer: () => void = () => undefined): Promise<string> => {
    const vacate = async (it: string): Promise<void> => {
      asked.push(it);
      answer();
    };
    const isNeeded = (it: string): boolean => isSeatNeeded(state, it);
    const done = codeOf(vacateSeat({ state, clock, isNeeded, vacate }, peer));
    for (let at = 0; at < 20_000; at += 100) await clock.advance(100);
    return await done;
  };
  return { seats, remove, asked, run };
}

const noLeader = (): never => {
  throw new CooeeError('ERR_SLURP_NO_LEADER');
};

describe('vacateSeat', () => {
  it('asks until another votes', async () => {
    const { seats, asked, run } = world('AB', 'A');
    const answers = [noLeader, () => undefined, () => seats('B')];
    expect(await run('A', () => answers.shift()?.())).toBe('ok');
    expect(asked).toEqual(['A', 'A', 'A']);
  });

  it('asks too when another of three was removed, and has its seat still', async () => {
    const { seats, remove, asked, run } = world('ABC', 'ABC');
    remove('C');
    expect(await run('A', () => seats('B'))).toBe('ok');
    expect(asked).toEqual(['A']);
  });

  it('asks too when it is a learner: it signs for those that vote now', async () => {
    const { seats, asked, run } = world('AB', 'B');
    seats('B', 'A');
    const answers = [() => undefined, () => seats('B')];
    expect(await run('A', () => answers.shift()?.())).toBe('ok');
    expect(asked).toEqual(['A', 'A']);
  });

  it.each([
    ['no voter', 'AB', 'B'],
    ['one of three', 'ABC', 'ABC'],
    ['the last member', 'A', 'A'],
    ['the last admin', 'Ab', 'A'],
  ])('leaves it to the log when it is %s', async (_name, members, voters) => {
    const { asked, run } = world(members, voters);
    expect(await run('A')).toBe('ok');
    expect(asked).toEqual([]);
  });

  it('leaves it to the log when the leader says that this member may not', async () => {
    const { asked, run } = world('AB', 'A');
    const no = (): never => {
      throw new CooeeError('ERR_MEMBERSHIP_FORBIDDEN');
    };
    expect(await run('A', no)).toBe('ok');
    expect(asked).toEqual(['A']);
  });

  it.each([
    ['nobody takes the seat', () => undefined],
    ['the voter is away', noLeader],
  ])('gives up after a while when %s', async (_name, answer) => {
    const { asked, run } = world('AB', 'A');
    expect(await run('A', answer)).toBe('ERR_MEMBERSHIP_LAST_VOTER');
    expect(asked.length).toBeGreaterThan(5);
  });
});

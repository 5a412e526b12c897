import { describe, expect, it } from 'vitest';
import type { VoterSet } from '../../../../protocols/slurp/heads/head-rules.ts';
import { VoterHistory } from '../../../../protocols/slurp/heads/voter-history.ts';
import { Machine } from '../mesh-world.ts';
import { recoverOn } from '../recovery/recovery-world.ts';
import { batchesWith, some } from './voters.ts';

const setAt = (
  index: number,
  epoch: number,
  ...voters: string[]
): VoterSet & { epoch: number } => ({
  ...{ index, epoch, voters },
});
const recoveryTo = (index: number, epoch: number, ...voters: string[]) => ({
  ...setAt(index, epoch, ...voters),
  isRecovered: true,
});
const indices = (history: VoterHistory) => history.sets().map(({ index }) => index);

/** A node without a state. */
async function empty(index = 1): Promise<VoterHistory> {
  const { meshLog } = await Machine.open({ empty: true });
  return new VoterHistory(meshLog, { index, voters: ['a'] });
}

/** A node with a log of that length, in which the voters change at 3 and 5. */
async function applied(length: number) {
  const machine = await Machine.open();
  const changes = new Map([
    [3, some(1, 2)],
    [5, some(1, 2, 3)],
  ]);
  await machine.take(batchesWith(changes, length).slice(0, length - 1));
  const [signer] = some(1);
  const again = async () => await recoverOn(machine, signer as never, { term: 7 });
  return { history: new VoterHistory(machine.meshLog, { index: 1, voters: ['a'] }), again };
}

describe('a recovery that is heard of', () => {
  it('ends all that links alone have told, also behind the place where it begins', async () => {
    const history = await empty();
    history.extend(setAt(10, 0, 'a', 'b'));
    history.recover(recoveryTo(20, 1, 'b'));
    history.extend(setAt(25, 1, 'b', 'c'));
    // The rival of the one at 20 goes on.
    history.recover(recoveryTo(40, 2, 'd'));
    expect(indices(history)).toEqual([1, 40]);
    expect([1, 2, 10, 22, 39, 40, 50].map((index) => history.isUnknown(index))).toEqual([
      ...[false, true, true, true, true, false, false],
    ]);
  });

  it('is led to by links, from the anchor on', async () => {
    const history = await empty(5);
    const to = recoveryTo(40, 2, 'd');
    history.recover(to);
    history.extend(setAt(44, 2, 'd', 'e'));
    const gap = history.gap();
    expect(gap).toMatchObject({ base: { index: 5 }, isOwn: false, to });
    if (gap === undefined) throw new Error('there is a gap');
    const other = { ...gap, to: recoveryTo(40, 2, 'd') };
    history.fill(other, [setAt(10, 0, 'a', 'b')]);
    expect(indices(history)).toEqual([5, 40, 44]);
    history.fill(gap, [setAt(10, 0, 'a', 'b'), recoveryTo(20, 1, 'b')]);
    expect(indices(history)).toEqual([5, 10, 20, 40, 44]);
    expect([history.gap(), history.isUnknown(30)]).toEqual([undefined, false]);
  });

  it('leaves no gap behind an anchor that is later', async () => {
    const history = await empty(50);
    history.recover(recoveryTo(40, 2, 'd'));
    expect([indices(history), history.gap()]).toEqual([[50], undefined]);
    expect(history.last()).toMatchObject({ epoch: 2, voters: ['a'] });
  });
});

describe('the state of a node that hears of a recovery', () => {
  it('is certain as far as it goes', async () => {
    const { history } = await applied(20);
    history.recover(recoveryTo(30, 1, 'd'));
    expect(history.gap()).toMatchObject({ base: { index: 5 }, via: undefined, isOwn: true });
    expect([4, 20, 21, 29, 30].map((index) => history.isUnknown(index))).toEqual([
      ...[false, false, true, true, false],
    ]);
  });

  it('leaves no gap when it goes up to there', async () => {
    const { history } = await applied(29);
    history.recover(recoveryTo(30, 1, 'd'));
    expect([history.gap(), indices(history)]).toEqual([undefined, [1, 3, 5, 30]]);
  });

  it('is of one epoch or of its rival, which links must tell', async () => {
    const { history, again } = await applied(20);
    await again();
    history.recover(recoveryTo(30, 2, 'd'));
    expect(history.gap()).toMatchObject({ base: { index: 5 }, via: { index: 21, epoch: 1 } });
  });
});

describe('a step between two sets of voters', () => {
  it('is told by links alone: neither by the state nor by the operator', async () => {
    const { history } = await applied(6);
    history.extend(setAt(20, 0, 'c'));
    history.extend(setAt(30, 0, 'd'));
    history.recover(recoveryTo(40, 1, 'e'));
    expect(history.step(25)).toBeUndefined();
    const links = (await applied(6)).history;
    links.extend(setAt(20, 0, 'c'));
    links.extend(setAt(30, 0, 'd'));
    const ends = [4, 5, 19, 20, 29, 30].map((index) => links.step(index)?.next.index);
    expect(ends).toEqual([undefined, 20, 20, 30, 30, undefined]);
    expect(links.step(25)?.before.index).toBe(20);
  });

  it('has others put in between, as long as it leads where it did', async () => {
    const history = await empty();
    const [near, far] = [setAt(20, 0, 'a', 'c'), setAt(30, 0, 'd')];
    history.extend(near);
    history.extend(far);
    history.insert(far, [setAt(24, 0, 'a'), setAt(27, 0, 'd', 'a')]);
    history.insert(near, [setAt(10, 0, 'a', 'b')]);
    expect(indices(history)).toEqual([1, 10, 20, 24, 27, 30]);
    history.recover(recoveryTo(40, 1, 'e'));
    history.insert(far, [setAt(28, 0, 'a')]);
    expect(indices(history)).toEqual([1, 40]);
  });
});

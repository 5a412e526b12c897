import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { blockProtocol } from '../../../../protocols/slurp/snapshot/records.ts';
import { batchOf, founder, issue, MESH } from '../mesh-world.ts';
import { batch, EVERY, SnapNode, stateOf, Wires } from './snapshot-world.ts';

/** Two nodes of one log; `bad` gets blocks from the other only while that is reachable. */
async function pair() {
  const wires = new Wires();
  const good = await SnapNode.open('good', wires);
  const bad = await SnapNode.open('bad', wires);
  bad.sources = ['good'];
  const link = { isDown: false };
  wires.onAnswer = (_peer, protocol, answer) => {
    if (link.isDown && protocol === blockProtocol(MESH)) throw new CooeeError('ERR_WIRE_TIMEOUT');
    return answer;
  };
  /** Both apply the entries up to that one; at marks the state of `good` is signed. */
  const grow = async (to: number, make = batch): Promise<void> => {
    for (let seq = good.meshLog.appliedIndex + 1; seq <= to; seq++) {
      for (const node of [good, bad]) await node.run(node.machine.take([make(seq)]));
      if (seq % EVERY !== 0) continue;
      await good.rest(400);
      await bad.rest(400);
      const head = await good.sign();
      await bad.run(bad.book.accept(head));
      await bad.rest(100);
    }
  };
  return { good, bad, link, grow };
}

/** Takes a row of the state from the disk, behind everybody's back. */
async function lose(node: SnapNode, table: string): Promise<void> {
  const key = Object.keys(await stateOf(node)).find((it) => it.includes(`/${table}/`));
  if (key === undefined) throw new Error(`no row of ${table}`);
  await node.machine.store.batch([{ namespace: 'state', key }]);
}

describe('Divergence, with nobody to help for a while', () => {
  it('wants the state of the newest mark: nobody keeps the older ones', async () => {
    const { good, bad, link, grow } = await pair();
    await grow(2 * EVERY + 2);
    expect(bad.machine.log.firstIndex).toBeGreaterThan(1);
    await lose(bad, 'invite');
    link.isDown = true;
    await grow(3 * EVERY);
    expect(bad.snapshots.isSound).toBe(false);
    await grow(6 * EVERY + 2);
    expect(bad.snapshots.isSound).toBe(false);
    link.isDown = false;
    await bad.rest(60_000);
    expect(bad.snapshots.isSound).toBe(true);
    expect(bad.conditions).toEqual([]);
    expect(await stateOf(bad)).toEqual(await stateOf(good));
    // Once for all the marks.
    expect(bad.machine.counted.filter((it) => it.includes('diverged'))).toHaveLength(1);
    await grow(7 * EVERY);
    expect(bad.snapshots.latest()).toEqual(good.snapshots.latest());
  });

  it('is done when the entries that came since have put it right', async () => {
    const { good, bad, link, grow } = await pair();
    await grow(3 * EVERY - 1);
    await lose(bad, 'mesh');
    link.isDown = true;
    // Writes nothing where a row is gone.
    await grow(3 * EVERY, (seq) => batchOf(founder, { seq }, [issue(20)]));
    expect(bad.snapshots.isSound).toBe(false);
    await grow(4 * EVERY);
    expect(bad.snapshots.isSound).toBe(true);
    expect(bad.conditions).toEqual([]);
    expect(await stateOf(bad)).toEqual(await stateOf(good));
    // Nothing is put in its place any more.
    link.isDown = false;
    await bad.rest(60_000);
    expect(bad.meshLog.appliedIndex).toBe(4 * EVERY);
    expect(bad.snapshots.latest()).toEqual(good.snapshots.latest());
  });
});

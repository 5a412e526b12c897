import { describe, expect, it } from 'vitest';
import { forgetState, mendInstall } from '../../../../protocols/slurp/snapshot/install.ts';
import { INSTALL_KEY } from '../../../../protocols/slurp/snapshot/records.ts';
import { codeOf, crypto, dump, recordsOf } from '../mesh-world.ts';
import {
  batch,
  batches,
  breakDisk,
  EVERY,
  rootAt,
  SnapNode,
  stateOf,
  Wires,
} from './snapshot-world.ts';

async function leaderOf(wires: Wires): Promise<SnapNode> {
  const leader = await SnapNode.open('leader', wires);
  await leader.grow(2, EVERY + 3);
  await leader.signLast();
  return leader;
}

/** From the n-th write to a disk on every write fails. */
const breakAt = (node: SnapNode, n: number) =>
  breakDisk(node, n, (point) => point.endsWith(':write') || point.endsWith(':written'));

describe('installing a snapshot', () => {
  for (const kept of [0, 10_000]) {
    it(`comes to the same end after a crash at any write (${kept} batches kept)`, async () => {
      const wires = new Wires();
      const leader = await leaderOf(wires);
      const expected = await stateOf(leader);
      let crashes = 0;
      for (let n = 1; ; n++) {
        const node = await SnapNode.open(`node ${n}`, wires, { empty: true });
        node.sources = ['leader'];
        const probe = breakAt(node, n);
        const pull = node.replica.pull().catch(() => undefined);
        await node.rest(600);
        probe.mend();
        if (probe.isReached) {
          crashes++;
          await node.restart({ log: 'kept', storeBatches: kept });
          await node.run(node.replica.pull());
        } else await node.run(pull);
        expect(node.meshLog.appliedIndex, `write ${n}`).toBe(EVERY + 3);
        expect(await stateOf(node), `write ${n}`).toEqual(expected);
        expect(dump(node.meshLog.state)).toEqual(dump(leader.meshLog.state));
        expect(await node.machine.store.get('snapshot', INSTALL_KEY)).toBeUndefined();
        await node.snapshots.stop();
        if (!probe.isReached) break;
      }
      expect(crashes).toBeGreaterThan(40);
    });
  }

  it('goes on by itself when the disk has room again', async () => {
    const wires = new Wires();
    const leader = await leaderOf(wires);
    const node = await SnapNode.open('node', wires, { empty: true });
    node.sources = ['leader'];
    // Somewhere in the middle: the marker is written.
    const probe = breakAt(node, 20);
    const pull = node.replica.pull();
    await node.rest(3_000);
    expect(probe.isReached).toBe(true);
    expect(() => node.snapshots.assertSound()).toThrow(
      expect.objectContaining({ code: 'ERR_API_STARTING' }),
    );
    probe.mend();
    await node.run(pull);
    await node.run(node.replica.pull());
    expect(() => node.snapshots.assertSound()).not.toThrow();
    expect(await stateOf(node)).toEqual(await stateOf(leader));
  });

  it('keeps what follows from it in the log, and drops what does not', async () => {
    const wires = new Wires();
    const leader = await leaderOf(wires);
    const offer = leader.snapshots.offerFor(1);
    if (offer === undefined) throw new Error('no offer');
    const same = await SnapNode.open('same', wires);
    const other = await SnapNode.open('other', wires);
    const late = batches(2, EVERY + 2);
    await same.meshLog.append(recordsOf(late, 2), 1);
    await other.meshLog.append(recordsOf(late, 2, { term: 1 }), 1);
    for (const node of [same, other]) {
      expect(await node.run(node.snapshots.install('leader', offer))).toBe(true);
      expect(node.meshLog.appliedIndex).toBe(EVERY);
    }
    expect(same.machine.log).toMatchObject({ firstIndex: 1, lastIndex: EVERY + 2 });
    expect(other.machine.log).toMatchObject({ firstIndex: EVERY + 1, lastIndex: EVERY });
    expect(other.meshLog.tailIndex).toBe(EVERY);
    await same.run(same.meshLog.commitTo(EVERY + 2));
    expect(same.meshLog.appliedRoot()).toEqual(rootAt(leader, EVERY + 2));
  });

  it('writes no older vote over one that is on its way to the disk', async () => {
    const wires = new Wires();
    const leader = await leaderOf(wires);
    const offer = leader.snapshots.offerFor(1);
    if (offer === undefined) throw new Error('no offer');
    const node = await SnapNode.open('node', wires);
    // Of another leader, never committed.
    await node.meshLog.append(recordsOf(batches(2, EVERY + 2), 2, { term: 1 }), 1);
    const { log } = node.machine;
    const vote = { term: 4, vote: 'candidate', commit: 1 };
    const termOf = log.termOf.bind(log);
    let voted: Promise<void> | undefined;
    log.termOf = (index) => {
      // Raft goes on meanwhile, and writes whenever it likes: here at the worst moment.
      if (index === EVERY) voted ??= log.append([], vote);
      return termOf(index);
    };
    expect(await node.run(node.snapshots.install('leader', offer))).toBe(true);
    await voted;
    expect(voted).toBeDefined();
    expect(log.hardState).toMatchObject({ term: 4, vote: 'candidate' });
  });

  it('calls a snapshot that was begun and is damaged by its name', async () => {
    const wires = new Wires();
    await leaderOf(wires);
    const node = await SnapNode.open('node', wires, { empty: true });
    node.sources = ['leader'];
    await node.run(node.replica.pull());
    const { store, log } = node.machine;
    const latest = node.snapshots.latest();
    const key = String(latest?.index).padStart(16, '0');
    const record = await store.get('snapshot', key);
    await store.batch([
      { namespace: 'snapshot', key: INSTALL_KEY, value: record ?? new Uint8Array() },
    ]);
    await store.batch([
      { namespace: 'block', key: latest?.stateCid ?? '', value: new Uint8Array(9) },
    ]);
    const mending = mendInstall({ store, log, crypto });
    expect(await codeOf(mending)).toBe('ERR_STORAGE_DAMAGED');
  });

  it('forgets a state so that the log is applied anew, whatever was left of it', async () => {
    const node = await SnapNode.open('node');
    await node.run(node.machine.take([batch(2), batch(3)]));
    const before = await stateOf(node);
    await node.run(node.meshLog.replace(() => forgetState(node.machine.store)));
    expect(node.meshLog.appliedIndex).toBe(3);
    expect(await stateOf(node)).toEqual(before);
    await node.machine.store.batch([{ namespace: 'meta', key: 'applied' }], { sync: true });
    await node.restart({ log: 'kept' });
    expect(node.meshLog.appliedIndex).toBe(3);
    expect(await stateOf(node)).toEqual(before);
  });
});

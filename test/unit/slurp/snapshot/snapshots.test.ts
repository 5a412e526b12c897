import { describe, expect, it } from 'vitest';
import { pullRequest, replicaProtocol } from '../../../../protocols/slurp/protocol.ts';
import { blockProtocol, blockRequest } from '../../../../protocols/slurp/snapshot/records.ts';
import { systemError } from '../../../../storage/faults.ts';
import { some } from '../heads/voters.ts';
import { codeOf, dump, MESH } from '../mesh-world.ts';
import { GENESIS_BODY, recoveryAt } from '../recovery/recovery-world.ts';
import {
  batches,
  EVERY,
  follower,
  headAt,
  leaderOf,
  rootAt,
  rowsIn,
  SnapNode,
  stateOf,
  Wires,
} from './snapshot-world.ts';

/** Changes a value of the state on the disk by one bit, behind everybody's back. */
async function flip(node: SnapNode, table: string): Promise<void> {
  for await (const [key, value] of node.machine.store.entries('state')) {
    if (!key.includes(`/${table}/`)) continue;
    const changed = value.slice();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    await node.machine.store.batch([{ namespace: 'state', key, value: changed }]);
    return;
  }
  throw new Error(`no row of ${table}`);
}

/** Both come to the second mark, each by the log; then the leader's state there is signed. */
async function followToMark(leader: SnapNode, node: SnapNode): Promise<void> {
  await leader.run(leader.machine.take(batches(leader.meshLog.appliedIndex + 1, 2 * EVERY)));
  await leader.signLast();
  await node.run(node.replica.pull());
  await leader.rest();
  await node.rest();
  await leader.sign();
}

describe('Snapshots', () => {
  it('takes one at each mark, keeps two, and forgets the blocks of the others', async () => {
    const leader = await leaderOf(3 * EVERY + 2);
    const kept: string[] = [];
    for await (const [key] of leader.machine.store.entries('snapshot')) kept.push(key);
    expect(kept.map(Number)).toEqual([2 * EVERY, 3 * EVERY]);
    expect(leader.snapshots.latest()).toMatchObject({
      index: 3 * EVERY,
      root: rootAt(leader, 3 * EVERY),
    });
    expect(leader.snapshots.cidAt(EVERY)).toBeUndefined();
    expect(leader.snapshots.cidAt(2 * EVERY)).toMatch(/^bafyrei/u);
    const files = (await leader.machine.files.list()).map(({ name }) => name);
    const cids = [2 * EVERY, 3 * EVERY].map((index) => leader.snapshots.cidAt(index));
    expect(files).toEqual(cids.sort());
    expect(await rowsIn(leader, 'block')).toEqual([]);
  });

  it('comes to the same CID however entries are grouped and whenever it restarts', async () => {
    const one = await leaderOf(2 * EVERY);
    const other = await SnapNode.open('other');
    await other.run(other.machine.take(batches(2, 5)));
    await other.restart({ log: 'kept' });
    await other.run(other.machine.take(batches(6, EVERY)));
    await other.rest();
    await other.restart({ log: 'kept', storeBatches: 3 });
    await other.run(other.machine.take(batches(EVERY + 1, 2 * EVERY)));
    await other.rest();
    expect(other.snapshots.latest()).toEqual(one.snapshots.latest());
  });

  it('takes the snapshot of a mark that an earlier start did not get done', async () => {
    const node = await SnapNode.open('leader');
    await node.machine.take(batches(2, EVERY));
    expect(node.snapshots.latest()).toBeUndefined();
    node.machine.faults.fail('store:write', systemError('ENOSPC'));
    await node.rest();
    expect(node.snapshots.latest()).toBeUndefined();
    node.machine.faults.mend();
    await node.restart({ log: 'kept' });
    await node.rest();
    expect(node.snapshots.latest()?.index).toBe(EVERY);
  });

  it('encodes a large state in slices, from one moment, while the log goes on', async () => {
    const node = await SnapNode.open('leader');
    const writes = Array.from({ length: 10_000 }, (_, i) => ({
      namespace: 'state' as const,
      key: `${(i % 1024).toString(16).padStart(3, '0')}/host/${i}`,
      value: new Uint8Array(300),
    }));
    await node.machine.store.batch(writes);
    await node.machine.take(batches(2, EVERY));
    const changed = node.machine.take(batches(EVERY + 1, EVERY + 4));
    await node.rest(4_000);
    await changed;
    expect(Math.max(...node.slices)).toBeLessThanOrEqual(2_048);
    // The last one is not told.
    expect(node.slices.length).toBeGreaterThanOrEqual(4);
    expect(node.snapshots.latest()?.index).toBe(EVERY);
  });

  it('takes each of two marks that come close, with the state of its own moment', async () => {
    const apart = await SnapNode.open('leader');
    const cids: (string | undefined)[] = [];
    for (const mark of [1, 2, 3]) {
      await apart.run(
        apart.machine.take(batches(Math.max(2, (mark - 1) * EVERY + 1), mark * EVERY)),
      );
      await apart.rest();
      cids.push(apart.snapshots.cidAt(mark * EVERY));
    }
    const node = await SnapNode.open('leader');
    // All in one turn: the first is not encoded yet when the others come.
    await node.run(node.machine.take(batches(2, 3 * EVERY)));
    await node.rest(4_000);
    expect(node.snapshots.cidAt(2 * EVERY)).toBe(cids[1]);
    expect(node.snapshots.cidAt(3 * EVERY)).toBe(cids[2]);
    expect(cids.every((cid) => cid !== undefined)).toBe(true);
  });

  it('lets the log forget what a signed snapshot stands for, and no more', async () => {
    const node = await SnapNode.open('leader');
    await node.run(node.machine.take(batches(2, EVERY)));
    await node.rest();
    await node.run(node.machine.take(batches(EVERY + 1, 2 * EVERY - 1)));
    expect(node.machine.log.firstIndex).toBe(1);
    await node.sign();
    // As many as a mark is apart stay for who is a little behind.
    expect(node.machine.log.firstIndex).toBe(EVERY);
    expect(node.compacted).toEqual([EVERY - 1]);
    await node.restart({ log: 'kept', storeBatches: 1_000 });
    expect(node.meshLog.appliedIndex).toBe(2 * EVERY - 1);
    expect(await codeOf(node.meshLog.read(1, 1, 1))).toBe('ERR_STORAGE_COMPACTED');
  });

  it('brings a newcomer to the end with a snapshot and the entries behind it', async () => {
    const wires = new Wires();
    const leader = await leaderOf(3 * EVERY + 5, wires);
    const late = await follower('late', wires, ['leader']);
    await late.run(late.replica.pull());
    expect(late.meshLog.appliedIndex).toBe(3 * EVERY + 5);
    expect(late.machine.log.firstIndex).toBe(3 * EVERY + 1);
    expect(dump(late.meshLog.state)).toEqual(dump(leader.meshLog.state));
    expect(await stateOf(late)).toEqual(await stateOf(leader));
    expect(late.meshLog.appliedRoot()).toEqual(leader.meshLog.appliedRoot());
    expect(late.meshLog.appliedTerm).toBe(leader.meshLog.appliedTerm);
    expect(late.meshLog.appliedTimeMs).toBe(leader.meshLog.appliedTimeMs);
    expect(late.conditions).toEqual([]);
    // It goes on as everybody does: the next mark comes out alike.
    await leader.grow(3 * EVERY + 6, 4 * EVERY);
    await leader.signLast();
    await late.run(late.replica.pull());
    await late.rest();
    expect(late.snapshots.latest()).toEqual(leader.snapshots.latest());
    expect(late.snapshots.isSound).toBe(true);
  });

  it('hands everything on to one who reaches nobody else', async () => {
    const wires = new Wires();
    const leader = await leaderOf(2 * EVERY + 3, wires);
    const replica = await follower('replica', wires, ['leader']);
    await replica.run(replica.replica.pull());
    wires.cut('leader');
    const newcomer = await follower('newcomer', wires, ['leader', 'replica']);
    await newcomer.run(newcomer.replica.pull());
    expect(newcomer.meshLog.appliedIndex).toBe(2 * EVERY + 3);
    expect(await stateOf(newcomer)).toEqual(await stateOf(leader));
  });

  it('fetches only what it lacks, and goes on where it was broken off', async () => {
    const wires = new Wires();
    await leaderOf(2 * EVERY, wires);
    const late = await follower('late', wires, ['leader']);
    let left = 2;
    wires.onAnswer = (_peer, protocol, answer) => {
      if (protocol === blockProtocol(MESH) && left-- <= 0) throw new Error('the link broke');
      return answer;
    };
    expect(await late.run(codeOf(late.replica.pull()))).toBe('ERR_SLURP_SNAPSHOT');
    let held = 0;
    for await (const _ of late.machine.store.entries('block')) held++;
    expect(held).toBeGreaterThan(1);
    expect(late.meshLog.appliedIndex).toBe(0);
    await late.restart({ storeBatches: 1_000 });
    let asked = 0;
    wires.onAnswer = (_peer, protocol, answer) => {
      if (protocol === blockProtocol(MESH)) asked++;
      return answer;
    };
    await late.run(late.replica.pull());
    expect(late.meshLog.appliedIndex).toBe(2 * EVERY);
    let all = 0;
    for await (const _ of late.machine.store.entries('block')) all++;
    expect(asked).toBeLessThan(Math.ceil(all / 32) + 2);
    expect(asked).toBeGreaterThan(0);
  });

  it('takes blocks from several, and none that was not asked for or was changed', async () => {
    const wires = new Wires();
    await leaderOf(2 * EVERY, wires);
    const good = await follower('good', wires, ['leader']);
    await good.run(good.replica.pull());
    const late = await follower('late', wires, ['leader', 'good']);
    wires.onAnswer = (peer, protocol, answer) => {
      if (protocol !== blockProtocol(MESH) || peer !== 'leader') return answer;
      const bad = answer.slice();
      bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1;
      return bad;
    };
    await late.run(late.replica.pull());
    expect(await stateOf(late)).toEqual(await stateOf(good));
    for await (const [cid] of late.machine.store.entries('block')) {
      expect(await good.machine.store.get('block', cid)).toBeDefined();
    }
    const asked = wires.requester('late').request('good', blockProtocol(MESH), new Uint8Array(3));
    expect(await codeOf(asked)).toBe('ERR_WIRE_MALFORMED');
    const many = blockRequest.encode(Array.from({ length: 33 }, () => MESH));
    expect(await codeOf(wires.requester('late').request('good', blockProtocol(MESH), many))).toBe(
      'ERR_WIRE_MALFORMED',
    );
  });

  it('refuses an offer whose head is not signed, names no state or another log', async () => {
    const wires = new Wires();
    const leader = await leaderOf(2 * EVERY, wires);
    const late = await follower('late', wires, ['leader']);
    const offer = leader.snapshots.offerFor(1);
    if (offer === undefined) throw new Error('no offer');
    const root = rootAt(leader, 2 * EVERY);
    const install = (head: Uint8Array, peaks = offer.peaks) =>
      late.run(codeOf(late.snapshots.install('leader', { head, peaks })));
    const broken = offer.head.slice();
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    expect(await install(broken)).toMatch(/^ERR_(SLURP_HEAD|WIRE_MALFORMED)$/u);
    expect(await install(headAt(2 * EVERY, root))).toBe('ERR_SLURP_HEAD');
    expect(await install(offer.head, [new Uint8Array(32)])).toBe('ERR_SLURP_HEAD');
    expect(await install(offer.head, [])).toBe('ERR_SLURP_HEAD');
    expect(late.meshLog.appliedIndex).toBe(0);
    expect(await install(offer.head)).toBe('ok');
    expect(late.meshLog.appliedIndex).toBe(2 * EVERY);
  });

  it('leaves a state alone when a recovery that leaves it out is heard of meanwhile', async () => {
    const wires = new Wires();
    await leaderOf(2 * EVERY, wires);
    const node = await follower('new', wires, ['leader']);
    wires.onAnswer = (_peer, protocol, answer) => {
      if (protocol === blockProtocol(MESH)) {
        void node.book.recover(recoveryAt({ index: 5, voters: some(7), genesis: GENESIS_BODY }));
      }
      return answer;
    };
    expect(await node.run(codeOf(node.replica.pull()))).toBe('ERR_SLURP_HEAD');
    expect(node.book.epochs.current.epoch).toBe(1);
    expect(node.meshLog.appliedIndex).toBe(0);
    expect(node.meshLog.halted).toBeUndefined();
  });
});

describe('Divergence', () => {
  it('finds out at the next mark, says so, serves nothing, and rebuilds itself', async () => {
    const wires = new Wires();
    const leader = await leaderOf(EVERY + 2, wires);
    const node = await follower('node', wires, ['leader']);
    await node.run(node.replica.pull());
    await flip(node, 'member');
    await followToMark(leader, node);
    const seen: boolean[] = [];
    node.snapshots.onSoundness((isSound) => seen.push(isSound));
    wires.onAnswer = (_peer, protocol, answer) => {
      if (protocol === blockProtocol(MESH)) throw new Error('nobody serves blocks now');
      return answer;
    };
    await node.run(node.replica.pull());
    await node.rest(1_000);
    expect(node.snapshots.isSound).toBe(false);
    expect(node.conditions).toContain('state-diverged');
    expect(() => node.snapshots.assertSound()).toThrow(
      expect.objectContaining({ code: 'ERR_SLURP_DIVERGED' }),
    );
    expect(node.snapshots.latest()).toBeUndefined();
    const asked = wires.requester('x');
    const blocks = asked.request('node', blockProtocol(MESH), blockRequest.encode([MESH]));
    expect(await codeOf(blocks)).toBe('ERR_SLURP_DIVERGED');
    const pull = asked.request('node', replicaProtocol(MESH), pullRequest.encode(1));
    expect(await codeOf(pull)).toBe('ERR_SLURP_DIVERGED');
    // Nor does it sign for a state.
    expect(node.snapshots.cidAt(2 * EVERY)).toBeUndefined();
    wires.onAnswer = (_peer, _protocol, answer) => answer;
    await node.rest(5_000);
    expect(seen).toEqual([false, true]);
    expect(node.conditions).toEqual([]);
    expect(await stateOf(node)).toEqual(await stateOf(leader));
    expect(dump(node.meshLog.state)).toEqual(dump(leader.meshLog.state));
    expect(node.snapshots.latest()?.stateCid).toBe(leader.snapshots.latest()?.stateCid);
  });

  it('finds what was changed while it was down', async () => {
    const wires = new Wires();
    const leader = await leaderOf(EVERY, wires);
    const node = await follower('node', wires, ['leader']);
    await node.run(node.replica.pull());
    await flip(node, 'invite');
    await node.restart({ log: 'kept', storeBatches: 1_000 });
    await followToMark(leader, node);
    await node.run(node.replica.pull());
    await node.rest(5_000);
    expect(node.machine.counted).toContain('cooee_slurp_state_diverged_total ');
    expect(node.snapshots.isSound).toBe(true);
    expect(await stateOf(node)).toEqual(await stateOf(leader));
  });

  it('builds its state from its own log when nobody has it', async () => {
    const wires = new Wires();
    const leader = await leaderOf(3, wires);
    const node = await follower('node', wires, ['leader']);
    await node.run(node.replica.pull());
    await flip(node, 'mesh');
    // No mark is signed yet, so it pulls the entries.
    await leader.run(leader.machine.take(batches(4, EVERY)));
    await leader.rest();
    await leader.signLast();
    await node.run(node.replica.pull());
    await node.rest(1_000);
    expect(node.machine.log.firstIndex).toBe(1);
    const head = await leader.sign();
    wires.cut('leader');
    await node.run(node.book.accept(head));
    await node.rest(30_000);
    expect(node.snapshots.isSound).toBe(true);
    expect(await stateOf(node)).toEqual(await stateOf(leader));
  });
});

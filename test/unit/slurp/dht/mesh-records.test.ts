import { describe, expect, it } from 'vitest';
import {
  agentDhtRecord,
  decodeHead,
  hashKey,
  headDhtRecord,
  headKey,
  tokenKey,
} from '../../../../protocols/slurp/index.ts';
import { change, some } from '../heads/voters.ts';
import { MESH, rename } from '../mesh-world.ts';
import { grantOf, Node, retireOf } from './dht-world.ts';

const textOf = (key: Uint8Array): string => new TextDecoder().decode(key);

/** Another node that finds what the first one put. */
async function reader(from: Node): Promise<Node> {
  const node = await Node.open();
  for (const [key, values] of from.dht.values) node.dht.values.set(key, [...values]);
  return node;
}

const find = async (node: Node, token: string) =>
  await node.records.resolver.find({ kind: 'token', token });

describe("a node's records", () => {
  it('are put once a head proves them, and verify on a node whose replica is emptied', async () => {
    const node = await Node.open();
    node.records.start();
    await node.machine.clock.advance(1_000);
    expect(node.dht.keys()).toEqual([]);
    await node.write([grantOf(['alpha', 'beta'], 1)]);
    await node.machine.clock.advance(100);
    await node.sign();
    await node.machine.clock.advance(5_000);
    const { token, tinyHash } = node.agent('alpha');
    const keys = node.dht.keys();
    expect(keys).toContain(textOf(tokenKey(MESH, token)));
    expect(keys).toContain(textOf(hashKey(MESH, tinyHash)));
    const other = await reader(node);
    expect(other.records.resolver.isBehind).toBe(false);
    expect(await find(other, token)).toEqual(node.agent('alpha'));
    expect(await other.records.resolver.find({ kind: 'hash', tinyHash })).toEqual(
      node.agent('alpha'),
    );
    expect(await find(other, '458RV')).toBeUndefined();
    expect(other.metrics.read('cooee_dht_resolved_total', { outcome: 'found' })).toBe(2);
    await node.records.stop();
  });

  it('follow what happens to the agent', async () => {
    const node = await Node.open();
    node.records.start();
    await node.write([grantOf(['alpha'], 1)]);
    await node.sign();
    await node.machine.clock.advance(3_000);
    const { token } = node.agent('alpha');
    const index = await node.write([retireOf(token)]);
    await node.sign();
    await node.machine.clock.advance(3_000);
    expect(await find(await reader(node), token)).toMatchObject({ retiredIndex: index });
    const again = await node.write([grantOf(['alpha'], 2)]);
    await node.sign();
    await node.machine.clock.advance(3_000);
    expect(await find(await reader(node), token)).toMatchObject({ retiredIndex: null });
    const { value } = node.dht.puts.findLast(({ key }) => key.includes('/token/')) ?? {};
    expect(agentDhtRecord.decode(value as Uint8Array).index).toBe(again);
    await node.records.stop();
  });

  it('can be proved through a restart, and when the log has forgotten their entry', async () => {
    const before = await Node.open();
    const index = await before.write([grantOf(['alpha'], 1)]);
    before.records.start();
    await before.fill(600);
    await before.machine.clock.advance(1_000);
    await before.records.stop();
    const { machine } = before;
    await machine.log.compactBefore(512);
    const node = await Node.open(machine);
    await node.sign();
    node.records.start();
    await machine.clock.advance(5_000);
    const value = node.dht.values.get(textOf(tokenKey(MESH, node.agent('alpha').token)))?.[0];
    expect(agentDhtRecord.decode(value as Uint8Array)).toMatchObject({ index });
    expect(await find(await reader(node), node.agent('alpha').token)).toEqual(node.agent('alpha'));
    await node.records.stop();
  });

  it('are taken over out of the log of an older home, and rows of no use dropped', async () => {
    const before = await Node.open();
    await before.write([grantOf(['alpha'], 1)]);
    const { token } = before.agent('alpha');
    const kept = async (): Promise<string[]> => {
      const keys: string[] = [];
      for await (const [key] of before.machine.store.entries('dht')) keys.push(key);
      return keys;
    };
    expect(await kept()).toEqual([`change/${token}`, 'entry/0000000000000002']);
    await before.machine.store.batch([
      { namespace: 'dht', key: `change/${token}` },
      { namespace: 'dht', key: 'entry/0000000000000002' },
      { namespace: 'dht', key: 'entry/0000000000000099', value: Uint8Array.of(1) },
    ]);
    await Node.open(before.machine);
    expect(await kept()).toEqual([`change/${token}`, 'entry/0000000000000002']);
  });

  it('include the head on the leader alone, and the state where there is a snapshot', async () => {
    const node = await Node.open();
    node.isLeader = false;
    await node.write([grantOf(['alpha'], 1)]);
    await node.sign();
    node.records.start();
    await node.machine.clock.advance(5_000);
    expect(node.dht.keys()).not.toContain(textOf(headKey(MESH)));
    expect(node.dht.provided).toEqual([]);
    node.isLeader = true;
    node.stateCid = 'bafystate';
    node.records.onMark();
    node.records.onLeadership();
    await node.machine.clock.advance(1_000);
    expect(node.dht.keys()).toContain(textOf(headKey(MESH)));
    expect(node.dht.provided).toEqual(['bafystate']);
    await node.records.stop();
  });

  it('lead to new voters as soon as those before have signed for them', async () => {
    const node = await Node.open();
    node.records.start();
    await node.sign();
    await node.machine.clock.advance(5_000);
    const index = await node.write([change(some(1, 2))]);
    const heads = (): number[] =>
      node.dht.puts
        .filter(({ key }) => key === textOf(headKey(MESH)))
        .map(({ value }) => decodeHead(headDhtRecord.decode(value).head).head.index);
    await node.machine.clock.advance(10_000);
    expect(heads()).toEqual([1]);
    await node.trust.learn([await node.headAt(index, some(1), some(1, 2))]);
    await node.write([rename('after')]);
    await node.trust.accept(await node.headAt(index + 1, some(1, 2)));
    await node.machine.clock.advance(20_000);
    expect(heads()).toEqual([1, index + 1]);
    const { value } = node.dht.puts.findLast(({ key }) => key === textOf(headKey(MESH))) ?? {};
    expect(headDhtRecord.decode(value as Uint8Array).links).toHaveLength(1);
    await node.records.stop();
  });

  it('are put by the node that they belong to, and by no other', async () => {
    const owner = await Node.open();
    const other = await Node.open(owner.machine, '12D3KooWother');
    await owner.write([grantOf(['alpha'], 1)]);
    await other.sign();
    other.isLeader = false;
    other.records.start();
    await other.machine.clock.advance(5_000);
    expect(other.dht.puts).toEqual([]);
    await other.records.stop();
  });
});

describe('a node that asks the DHT', () => {
  it('takes the newest of what verifies, and passes over what does not', async () => {
    const node = await Node.open();
    node.records.start();
    await node.write([grantOf(['alpha'], 1)]);
    const { token } = node.agent('alpha');
    const key = textOf(tokenKey(MESH, token));
    await node.sign();
    await node.machine.clock.advance(3_000);
    const old = node.dht.values.get(key)?.[0] as Uint8Array;
    await node.write([retireOf(token)]);
    await node.sign();
    await node.machine.clock.advance(3_000);
    const young = node.dht.values.get(key)?.[0] as Uint8Array;
    for (const values of [
      [old, young],
      [young, old],
      [Uint8Array.of(1), young, old],
    ]) {
      const other = await reader(node);
      other.dht.values.set(key, values);
      expect((await find(other, token))?.retiredIndex).not.toBeNull();
    }
    await node.records.stop();
  });

  it('gets nothing where nobody answers, and does not fail', async () => {
    const node = await Node.open();
    node.dht.get = () => Promise.reject(new Error('nobody'));
    expect(await find(node, '458RV')).toBeUndefined();
    expect(node.metrics.read('cooee_dht_resolved_total', { outcome: 'missing' })).toBe(1);
  });
});

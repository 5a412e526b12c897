import { expect, it } from 'vitest';
import {
  Courier,
  decodeBatch,
  Outbox,
  Submit,
  submitRequest,
  submitResponse,
} from '../../../../protocols/slurp/index.ts';
import { RaftWorld } from '../driver/raft-world.ts';
import { crypto, MESH } from '../mesh-world.ts';
import { name } from './outbox-fixture.ts';

type Batches = readonly Uint8Array[];

const DELIVERIES_MAX = 20;

/**
 * A member whose only way to the leader is a relay, which hands on what it likes of the rows that
 * it is given.
 */
async function start(choose: (batches: Batches) => Batches) {
  const world = await RaftWorld.start();
  const leader = await world.leader();
  const member = [...world.nodes.values()].find((it) => it !== leader);
  if (member === undefined) throw new Error('nobody follows');
  const { machine, signer } = member;
  const { meshLog } = machine;
  const outbox = new Outbox({ ...machine, signer, crypto }, { meshId: MESH, boot: 60 });
  await outbox.open(meshLog.state);
  meshLog.addHook((entry) => outbox.writesFor(entry));
  meshLog.onApplied((entry) => outbox.onApplied(entry));
  const rows: number[][] = [];
  const submit = new Submit({
    ...{ meshId: MESH, self: signer.peer, leader: () => leader.signer.peer },
    requester: {
      request: async (_peer, _protocol, body) => {
        const { batches } = submitRequest.decode(body);
        rows.push(batches.map((batch) => decodeBatch(batch).value.seq));
        return submitResponse.encode(await leader.consensus.propose(choose(batches), false));
      },
    },
    responder: { handle: async () => undefined, unhandle: async () => undefined },
    ...{ connected: () => ['relay'], voters: () => [], isLeader: () => false },
    propose: () => Promise.reject(new Error('does not lead')),
  });
  const courier = new Courier({
    ...{ ...machine, meshLog, outbox },
    random: { bytes: (count) => new Uint8Array(count), fraction: () => 1 },
    deliver: (batches) => submit.deliver(batches),
    follow: (index) => member.consensus.follow(index),
  });
  return { world, leader, outbox, courier, rows };
}

/** Accepted in batches of their own, before any is sent. */
async function acceptAll(outbox: Outbox, texts: readonly string[]) {
  const all = [];
  for (const text of texts) {
    const { id, accepted, decided } = outbox.submit('mesh.settings', name(text), { alone: true });
    await accepted;
    all.push({ id, decided });
  }
  return all;
}

it.each([
  ['the last of a row', (row: Batches) => row.slice(-1)],
  ['all but the first', (row: Batches) => (row.length > 1 ? row.slice(1) : row)],
  ['a row from its end', (row: Batches) => [...row].reverse()],
])('what a relay overtakes, since it hands on %s, is decided, once', async (_what, choose) => {
  const { world, leader, outbox, courier, rows } = await start(choose);
  const all = await acceptAll(outbox, ['one', 'two', 'three', 'four']);
  courier.start();
  await world.until(() => outbox.waitingCount === 0, 60_000);
  for (const { decided } of all) expect(await decided).toMatchObject({ outcome: { ok: true } });
  const decided = leader.applied.flatMap(({ decisions }) => decisions.map((it) => it.command.id));
  for (const { id } of all) expect(decided.filter((it) => it === id)).toHaveLength(1);
  expect(rows.length).toBeLessThan(DELIVERIES_MAX);
  await courier.stop();
});

import { describe, expect, it } from 'vitest';
import {
  encodeHeadBody,
  isHeadSignature,
} from '../../../../../protocols/slurp/heads/head-rules.ts';
import type { Head, HeadSigner } from '../../../../../protocols/slurp/index.ts';
import { systemError } from '../../../../../storage/faults.ts';
import { codeOf, crypto, MESH, rootOf, START_MS } from '../../mesh-world.ts';
import { recoverOn } from '../../recovery/recovery-world.ts';
import { expectNoUnhandled } from '../../unhandled.ts';
import { batchesWith, logWith, names, nodes, refused, some } from '../voters.ts';
import { SigningMesh, type SigningNode } from './signers.ts';

expectNoUnhandled();

const three = some(1, 2, 3);
const changes = new Map([
  [4, some(1, 2)],
  [5, three],
]);
const batches = batchesWith(changes, 60);
const records = logWith(changes, 60);
const [leader, voter, , outsider] = nodes as [
  (typeof nodes)[0],
  (typeof nodes)[0],
  (typeof nodes)[0],
  (typeof nodes)[0],
];

const bodyAt = (index: number, other: Partial<Head> = {}): Uint8Array =>
  encodeHeadBody({
    mesh: MESH,
    epoch: 0,
    term: 2,
    index,
    root: rootOf(records.slice(0, index)),
    voters: names(three),
    timeMs: START_MS,
    ...other,
  });

async function signing(length = 20): Promise<{ mesh: SigningMesh; node: SigningNode }> {
  const mesh = await SigningMesh.of(some(1, 2, 4), batches.slice(0, length - 1));
  mesh.lead(leader);
  const node = mesh.node(voter);
  await node.heads.open();
  return { mesh, node };
}

const isBy = (body: Uint8Array, s: Uint8Array) =>
  isHeadSignature(crypto, body, { voter: voter.peer, s });

describe('HeadSigner.sign', () => {
  it('signs what is applied here, for the leader of its term', async () => {
    const { node } = await signing();
    expect(isBy(bodyAt(20), await node.heads.sign(leader.peer, bodyAt(20)))).toBe(true);
    expect(node.heads.signed).toMatchObject({ index: 20, term: 2 });
  });

  it('signs the link of a change, as one of the old voters', async () => {
    const { mesh } = await signing();
    const node = mesh.node(leader);
    await node.heads.sign(leader.peer, bodyAt(4, { voters: names(some(1, 2)) }));
    // The second voter came with that change: it does not sign for it.
    const other = mesh.node(voter).heads;
    const body = bodyAt(4, { voters: names(some(1, 2)) });
    await expect(other.sign(leader.peer, body)).rejects.toThrow(refused('voters'));
    await other.sign(leader.peer, bodyAt(5));
  });

  it.each<[string, string, Partial<Head>, number]>([
    ['another mesh', 'mesh', { mesh: `bafyrei${'b'.repeat(52)}` }, 20],
    ['another epoch', 'epoch', { epoch: 1 }, 20],
    ['a term from before', 'leader', { term: 1 }, 20],
    ['a term to come', 'leader', { term: 3 }, 20],
    ['another root', 'root', { root: new Uint8Array(32) }, 20],
    ['other voters', 'voters', { voters: names(some(1, 2)) }, 20],
    ['a state that it does not know', 'state', { stateCid: `bafyrei${'a'.repeat(52)}` }, 20],
    ['a time of tomorrow', 'time', { timeMs: START_MS + 86_400_000 }, 20],
  ])('refuses %s: %s', async (_name, reason, other, index) => {
    const { node } = await signing();
    const signed = node.heads.sign(leader.peer, bodyAt(index, other));
    await expect(signed).rejects.toThrow(refused(reason));
    expect(node.heads.signed).toBeUndefined();
  });

  it('refuses who does not lead, and to sign without a vote', async () => {
    const { mesh, node } = await signing();
    await expect(node.heads.sign(voter.peer, bodyAt(20))).rejects.toThrow(refused('leader'));
    const { heads } = mesh.node(outsider);
    await expect(heads.sign(leader.peer, bodyAt(20))).rejects.toThrow(refused('voters'));
    expect(await codeOf(node.heads.sign(leader.peer, new Uint8Array(9)))).toBe(
      'ERR_WIRE_MALFORMED',
    );
  });

  it('signs for its own state at a mark', async () => {
    const { node } = await signing();
    const stateCid = `bafyrei${'a'.repeat(52)}`;
    const root = rootOf(records.slice(0, 10));
    node.marks.set({ index: 10, stateCid, root, timeMs: START_MS });
    await node.heads.sign(leader.peer, bodyAt(10, { stateCid }));
    const other = bodyAt(10, { stateCid: `bafyrei${'c'.repeat(52)}` });
    await expect(node.heads.sign(leader.peer, other)).rejects.toThrow(refused('state'));
  });

  it('signs at the mark before too when its frontier is kept no more', async () => {
    const { node } = await signing();
    const stateCid = `bafyrei${'a'.repeat(52)}`;
    for (const index of [10, 16]) {
      const root = rootOf(records.slice(0, index));
      node.marks.set({ index, stateCid, root, timeMs: START_MS });
    }
    node.machine.meshLog.frontierAt = () => undefined;
    expect(await node.heads.sign(leader.peer, bodyAt(10, { stateCid }))).toHaveLength(64);
  });

  it('signs nothing of an epoch that is over, as soon as it has heard of the next', async () => {
    const { mesh, node } = await signing();
    const { heads, machine } = mesh.node(leader);
    const link = await recoverOn(machine, leader, { term: 3 });
    mesh.lead(leader, 3);
    const before = bodyAt(20, { term: 3 });
    await expect(heads.sign(leader.peer, before)).rejects.toThrow(refused('epoch'));
    const root = machine.meshLog.appliedRoot();
    const behind = bodyAt(21, { term: 3, epoch: 1, root, voters: [leader.peer] });
    expect(await heads.sign(leader.peer, behind)).toHaveLength(64);
    // The other one is in the epoch before until it hears of that.
    expect(await node.heads.sign(leader.peer, before)).toHaveLength(64);
    await node.book.recover(link);
    await expect(node.heads.sign(leader.peer, before)).rejects.toThrow(refused('epoch'));
  });

  it('waits a second for what is not applied yet', async () => {
    const { node } = await signing();
    const { machine } = node;
    const signed = node.heads.sign(leader.peer, bodyAt(22));
    await machine.clock.advance(900);
    await machine.take(batches.slice(19, 21));
    expect(isBy(bodyAt(22), await signed)).toBe(true);
    const late = codeOf(node.heads.sign(leader.peer, bodyAt(23)));
    await machine.clock.advance(1_100);
    expect(await late).toBe('ERR_SLURP_HEAD');
  });

  it('does not sign for a leader that was replaced while it waited', async () => {
    const { mesh, node } = await signing();
    const signed = node.heads.sign(leader.peer, bodyAt(21));
    mesh.lead(outsider, 3);
    await node.machine.take(batches.slice(19, 20));
    await expect(signed).rejects.toThrow(refused('leader'));
  });

  it('lets no more than a few wait', async () => {
    const { node } = await signing();
    const waiting = Array.from({ length: 16 }, () =>
      codeOf(node.heads.sign(leader.peer, bodyAt(30))),
    );
    expect(await codeOf(node.heads.sign(leader.peer, bodyAt(30)))).toBe('ERR_API_BUSY');
    await node.machine.clock.advance(1_500);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['ERR_SLURP_HEAD']));
  });

  it('does not sign for a root that it cannot tell any more', async () => {
    const { node } = await signing();
    await node.machine.restart({ storeBatches: 1_000, log: 'kept' });
    const again = node.newSigner();
    await again.sign(leader.peer, bodyAt(20));
    await expect(again.sign(leader.peer, bodyAt(12))).rejects.toThrow(refused('behind'));
    // The root at a change of voters was put down.
    await again.sign(leader.peer, bodyAt(5));
  });
});

describe('what was signed', () => {
  const reopen = async (node: SigningNode): Promise<HeadSigner> => {
    const again = node.newSigner();
    await again.open();
    return again;
  };

  it('is on the disk before the signature leaves', async () => {
    const { node } = await signing();
    await node.heads.sign(leader.peer, bodyAt(20));
    node.machine.store.crash(0);
    await node.machine.store.open();
    expect((await reopen(node)).signed).toMatchObject({ index: 20, term: 2 });
    node.machine.faults.fail('store:write', systemError('ENOSPC'));
    await node.machine.take([]);
    const { mesh } = await signing();
    const failing = mesh.node(voter);
    failing.machine.faults.fail('store:write', systemError('ENOSPC'));
    expect(await codeOf(failing.heads.sign(leader.peer, bodyAt(20)))).toBe('ERR_STORAGE_DISK_FULL');
    expect(failing.heads.signed).toBeUndefined();
  });

  it('keeps the highest, and lets an older link be signed', async () => {
    const { node } = await signing();
    await node.heads.sign(leader.peer, bodyAt(20));
    await node.heads.sign(leader.peer, bodyAt(5));
    expect(node.heads.signed).toMatchObject({ index: 20, term: 2 });
  });

  it('is never signed with another root, not even by a node with another log', async () => {
    const { node } = await signing();
    await node.heads.sign(leader.peer, bodyAt(20));
    const other = await SigningMesh.of(
      [voter],
      batchesWith(new Map([...changes, [20, some(1, 2)]]), 25),
    );
    const stranger = other.node(voter);
    const mark = await node.machine.store.get('head', 'signed');
    await stranger.machine.store.batch([
      { namespace: 'head', key: 'signed', value: mark as Uint8Array },
    ]);
    await stranger.heads.open();
    other.lead(voter);
    const logThere = logWith(new Map([...changes, [20, some(1, 2)]]), 25);
    const body = bodyAt(20, { voters: names(some(1, 2)), root: rootOf(logThere.slice(0, 20)) });
    await expect(stranger.heads.sign(voter.peer, body)).rejects.toThrow(refused('fork'));
  });

  it('shows that a log went back, and then nothing is signed', async () => {
    const { node } = await signing();
    await node.heads.sign(leader.peer, bodyAt(20));
    const mark = await node.machine.store.get('head', 'signed');
    const { mesh } = await signing(15);
    const restored = mesh.node(voter);
    await restored.machine.store.batch([
      { namespace: 'head', key: 'signed', value: mark as Uint8Array },
    ]);
    await restored.heads.open();
    expect(restored.heads.isStateLost).toBe(true);
    await expect(restored.heads.sign(leader.peer, bodyAt(15))).rejects.toThrow(refused('lost'));
    await restored.machine.take(batches.slice(14, 20));
    expect(restored.heads.isStateLost).toBe(false);
  });
});

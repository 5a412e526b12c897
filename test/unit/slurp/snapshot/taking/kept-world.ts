import { expect } from 'vitest';
import { SnapshotFiles } from '../../../../../protocols/slurp/snapshot/files/snapshot-files.ts';
import {
  blockProtocol,
  blockRequest,
  blockResponse,
} from '../../../../../protocols/slurp/snapshot/records.ts';
import { crypto, MESH } from '../../mesh-world.ts';
import { batches, EVERY, filesOf, rowsIn, SnapNode } from '../snapshot-world.ts';

/** CIDs of a node that nothing befell, by index. */
export const expected = new Map<number, string>();

export async function grown(to: number): Promise<SnapNode> {
  const node = await SnapNode.open('node');
  await node.grow(2, to);
  return node;
}

/** Takes a mark without a signature. */
export async function mark(node: SnapNode, to: number): Promise<void> {
  await node.run(node.machine.take(batches(node.meshLog.appliedIndex + 1, to)));
  await node.rest(400);
}

/** Indices of the records in the store. */
export const recordsOf = async (node: SnapNode): Promise<number[]> =>
  (await rowsIn(node, 'snapshot')).map(Number);

/** Every record has its file and every file its record, and all is what its CID says. */
export async function assertWhole(node: SnapNode, indices: readonly number[]): Promise<void> {
  expect(await recordsOf(node)).toEqual(indices);
  const cids = indices.map((index) => expected.get(index) ?? '');
  expect(await filesOf(node)).toEqual([...cids].sort());
  const files = new SnapshotFiles({ files: node.machine.files, crypto });
  const found = await files.reset();
  for (const [i, stateCid] of cids.entries()) {
    const at = { index: indices[i] ?? 0, sizeBytes: found.get(stateCid) ?? 0 };
    const { list } = await files.open(stateCid, at);
    const blocks = list.buckets.flat();
    let read = 0;
    for await (const _ of files.blocks(stateCid, blocks)) read++;
    expect(read).toBe(blocks.length);
  }
  expect(await node.machine.files.list()).toHaveLength(indices.length);
}

/** Fills {@link expected}. */
export async function expectAll(): Promise<void> {
  const node = await grown(3 * EVERY);
  const take = (index: number) => expected.set(index, node.snapshots.cidAt(index) ?? '');
  take(2 * EVERY);
  take(3 * EVERY);
  await node.grow(3 * EVERY + 1, 5 * EVERY);
  take(4 * EVERY);
  take(5 * EVERY);
  const other = await grown(EVERY);
  expected.set(EVERY, other.snapshots.cidAt(EVERY) ?? '');
  await assertWhole(node, [4 * EVERY, 5 * EVERY]);
}

/** Asks a node for every block of its files; how many it gave. */
export async function readAll(node: SnapNode): Promise<number> {
  const files = new SnapshotFiles({ files: node.machine.files, crypto });
  let given = 0;
  for (const [stateCid, sizeBytes] of await files.reset()) {
    const index = [...expected].find(([, cid]) => cid === stateCid)?.[0] ?? 0;
    const { list } = await files.open(stateCid, { index, sizeBytes });
    given += (await ask(node, [stateCid, ...list.buckets.flat()])).length;
  }
  await node.rest(100);
  return given;
}

/** What a node gives when it is asked for blocks. */
export async function ask(node: SnapNode, cids: readonly string[]): Promise<readonly Uint8Array[]> {
  const given: Uint8Array[] = [];
  for (let at = 0; at < cids.length; at += 32) {
    const body = blockRequest.encode(cids.slice(at, at + 32));
    const requester = node.wires.requester('somebody');
    const answer = await requester.request('node', blockProtocol(MESH), body);
    given.push(...blockResponse.decode(answer).blocks);
  }
  return given;
}

/** Puts the blocks of all its snapshots where a node without files had them. */
export async function toRows(node: SnapNode): Promise<string[]> {
  const files = new SnapshotFiles({ files: node.machine.files, crypto });
  const all: string[] = [];
  for (const [stateCid, sizeBytes] of await files.reset()) {
    const index = [...expected].find(([, cid]) => cid === stateCid)?.[0] ?? 0;
    const { list } = await files.open(stateCid, { index, sizeBytes });
    for (const cid of [stateCid, ...list.buckets.flat()]) {
      const value = (await files.read(cid)) ?? new Uint8Array();
      await node.machine.store.batch([{ namespace: 'block', key: cid, value }]);
      all.push(cid);
    }
    await files.remove(stateCid);
  }
  return [...new Set(all)].sort();
}

export const KEPT_ALL = { log: 'kept', storeBatches: 10_000, files: 'kept' } as const;

/** What a node said that it should not have to say. */
export const warnings = (node: SnapNode): string[] =>
  node.machine.logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);

import { beforeAll, describe, expect, it } from 'vitest';
import { Snapshotter } from '../../../../../protocols/slurp/snapshot/taking/snapshotter.ts';
import { crypto, Machine } from '../../mesh-world.ts';
import { batches, contentOf, EVERY, filesOf, headAt, SnapNode } from '../snapshot-world.ts';

/** More rows than are looked through again with each snapshot: most of them are copied. */
async function largeNode(): Promise<SnapNode> {
  const node = await SnapNode.open('node');
  const writes = Array.from({ length: 40_000 }, (_, i) => ({
    namespace: 'state' as const,
    key: `${(i % 1024).toString(16).padStart(3, '0')}/host/${i}`,
    value: new Uint8Array(40).fill(i % 251),
  }));
  await node.machine.store.batch(writes);
  return node;
}

async function mark(node: SnapNode, to: number): Promise<string | undefined> {
  await node.run(node.machine.take(batches(Math.max(2, node.meshLog.appliedIndex + 1), to)));
  await node.rest(4_000);
  return node.snapshots.cidAt(to);
}

const warnings = (node: SnapNode): string[] =>
  node.machine.logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);

/** What one comes to that copies nothing, since it starts at each mark. */
let expected: readonly (string | undefined)[];
beforeAll(async () => {
  const node = await largeNode();
  const cids = [await mark(node, EVERY)];
  for (const to of [2 * EVERY, 3 * EVERY]) {
    // Its file is gone: there is nothing to be copied from.
    for (const name of await filesOf(node)) await node.machine.files.remove(name);
    cids.push(await mark(node, to));
  }
  expected = cids;
});

describe('Snapshotter of a large state', () => {
  it('comes to the same by copying, and also when what is to be copied is damaged', async () => {
    expect(expected.every((cid) => cid !== undefined)).toBe(true);
    for (const isDamaged of [false, true]) {
      const node = await largeNode();
      const first = (await mark(node, EVERY)) ?? '';
      node.machine.faults.hits.length = 0;
      // What is looked through again comes first; this lies in a bucket behind it.
      const { length } = await contentOf(node, first);
      node.machine.faults.hits.length = 0;
      if (isDamaged) node.machine.files.flip(first, length - 400_000);
      const cids = [first, await mark(node, 2 * EVERY), await mark(node, 3 * EVERY)];
      expect(node.machine.faults.hits).toContain('file:read');
      expect(cids).toEqual(expected);
      const said = isDamaged ? ['a snapshot is damaged and is forgotten'] : [];
      expect(warnings(node)).toEqual(said);
      await node.snapshots.stop();
    }
  });

  it('copies nothing from one that was forgotten, nor from the one before that', async () => {
    const node = await largeNode();
    await mark(node, EVERY);
    const second = (await mark(node, 2 * EVERY)) ?? '';
    // As when a member asks for a block that turns out to be damaged.
    const bytes = await contentOf(node, second);
    for (let at = 100; at < bytes.length - 200; at += 5_000) bytes[at] = (bytes[at] ?? 0) ^ 1;
    node.machine.files.put(second, bytes);
    expect(await mark(node, 3 * EVERY)).toBe(expected[2]);
    expect(await filesOf(node)).not.toContain(second);
  });
});

describe('Snapshotter.forgetUnsigned', () => {
  it('leaves what a majority signed for, and says why the others go', async () => {
    const machine = await Machine.open({ snapshotEveryEntries: EVERY });
    const { meshLog, files, logger } = machine;
    const made = new Snapshotter({ ...machine, meshLog, crypto });
    await machine.run(made.open());
    const grow = async (from: number, to: number): Promise<void> => {
      await machine.run(machine.take(batches(from, to)));
      await machine.run(made.idle());
    };
    await grow(2, EVERY);
    const head = headAt(EVERY, meshLog.appliedRoot(), made.records[0]?.stateCid);
    await machine.run(made.keepHead(EVERY, head));
    await grow(EVERY + 1, 2 * EVERY);
    const cids = made.records.map(({ stateCid }) => stateCid);
    expect(cids).toHaveLength(2);
    logger.lines.length = 0;
    made.forgetUnsigned();
    await machine.run(made.stop());
    expect(made.records.map(({ index }) => index)).toEqual([EVERY]);
    expect((await files.list()).map(({ name }) => name)).toEqual(cids.slice(0, 1));
    expect(logger.lines).toMatchObject([
      { level: 'warn', message: 'a snapshot of a wrong state is forgotten' },
    ]);
    await machine.restart({ log: 'kept', storeBatches: 10_000 });
    const again = new Snapshotter({ ...machine, meshLog: machine.meshLog, crypto });
    await machine.run(again.open());
    expect(again.records.map(({ index }) => index)).toEqual([EVERY]);
  });
});

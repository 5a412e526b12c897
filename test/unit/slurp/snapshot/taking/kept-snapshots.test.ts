import { beforeAll, describe, expect, it } from 'vitest';
import { SnapshotShelf } from '../../../../../protocols/slurp/snapshot/fetching/block-fetcher.ts';
import { KeptSnapshots } from '../../../../../protocols/slurp/snapshot/taking/kept-snapshots.ts';
import { systemError } from '../../../../../storage/faults.ts';
import { crypto, MESH } from '../../mesh-world.ts';
import { contentOf, EVERY, filesOf, rowsIn } from '../snapshot-world.ts';
import {
  ask,
  assertWhole,
  expectAll,
  expected,
  grown,
  KEPT_ALL,
  mark,
  readAll,
  recordsOf,
  toRows,
  warnings,
} from './kept-world.ts';

beforeAll(expectAll);

describe('snapshots that are kept', () => {
  it('are there after a restart, and serve all their blocks', async () => {
    const node = await grown(3 * EVERY + 1);
    const before = await readAll(node);
    expect(before).toBeGreaterThan(20);
    await node.restart(KEPT_ALL);
    await assertWhole(node, [2 * EVERY, 3 * EVERY]);
    expect(await readAll(node)).toBe(before);
    expect(warnings(node)).toEqual([]);
  });

  it('are forgotten when their file is not there, as in a copy without them', async () => {
    const node = await grown(3 * EVERY);
    await node.machine.files.remove(expected.get(2 * EVERY) ?? '');
    await node.restart(KEPT_ALL);
    await assertWhole(node, [3 * EVERY]);
    expect(warnings(node)).toEqual(['a snapshot is damaged and is forgotten']);
    await node.machine.files.remove(expected.get(3 * EVERY) ?? '');
    await node.restart(KEPT_ALL);
    // At a mark it is taken at once.
    await node.rest(400);
    await assertWhole(node, [3 * EVERY]);
  });

  it('are forgotten when their file or their record is damaged', async () => {
    const node = await grown(3 * EVERY + 2);
    const name = expected.get(3 * EVERY) ?? '';
    node.machine.files.put(name, (await contentOf(node, name)).slice(0, -1));
    await node.restart(KEPT_ALL);
    await assertWhole(node, [2 * EVERY]);
    const key = String(2 * EVERY).padStart(16, '0');
    await node.machine.store.batch([{ namespace: 'snapshot', key, value: new Uint8Array([1, 2]) }]);
    await node.restart(KEPT_ALL);
    await assertWhole(node, []);
    expect(node.snapshots.latest()).toBeUndefined();
    await mark(node, 4 * EVERY);
    await assertWhole(node, [4 * EVERY]);
  });

  it('are forgotten when a block turns out to be damaged, and not handed on', async () => {
    const node = await grown(3 * EVERY + 1);
    const name = expected.get(3 * EVERY) ?? '';
    node.machine.files.flip(name, 40);
    const before = (await contentOf(node, name)).length;
    expect(before).toBeGreaterThan(100);
    const given = await readAll(node);
    expect(given).toBeGreaterThan(10);
    await assertWhole(node, [2 * EVERY]);
    expect(warnings(node)).toEqual(['a snapshot is damaged and is forgotten']);
    // What is not there any more is not offered either.
    expect(node.snapshots.cidAt(3 * EVERY)).toBeUndefined();
    await mark(node, 4 * EVERY);
    expect(node.snapshots.latest()?.stateCid).toBe(expected.get(4 * EVERY));
  });

  it('do not let the log go when an earlier start wrote what the power then damaged', async () => {
    const node = await grown(2 * EVERY);
    await mark(node, 3 * EVERY);
    const first = node.machine.log.firstIndex;
    node.machine.files.flip(expected.get(3 * EVERY) ?? '', 40);
    await node.restart(KEPT_ALL);
    // Its end is whole, so that it is taken for good until somebody reads it.
    expect(await recordsOf(node)).toEqual([2 * EVERY, 3 * EVERY]);
    await node.sign();
    await node.rest(400);
    expect(node.machine.log.firstIndex).toBe(first);
    await assertWhole(node, [2 * EVERY]);
    expect(warnings(node)).toContain('a snapshot is damaged and is forgotten');
  });

  it('let the log go when an earlier start wrote them, and they are whole', async () => {
    const node = await grown(2 * EVERY);
    await mark(node, 3 * EVERY);
    const first = node.machine.log.firstIndex;
    await node.restart(KEPT_ALL);
    await node.sign();
    await node.rest(400);
    expect(node.machine.log.firstIndex).toBeGreaterThan(first);
    await assertWhole(node, [2 * EVERY, 3 * EVERY]);
    expect(warnings(node)).toEqual([]);
  });

  it('make room for the next though the newest signed one turns out to be damaged', async () => {
    const node = await grown(2 * EVERY);
    await mark(node, 3 * EVERY);
    await mark(node, 4 * EVERY);
    node.machine.files.flip(expected.get(2 * EVERY) ?? '', 40);
    await node.restart(KEPT_ALL);
    await mark(node, 5 * EVERY);
    const kept = await recordsOf(node);
    expect(kept).toContain(5 * EVERY);
    expect(kept).not.toContain(2 * EVERY);
    await assertWhole(node, kept);
  });

  it('leave nothing behind that has no record', async () => {
    const node = await grown(2 * EVERY + 1);
    node.machine.files.put('stray', new Uint8Array(9));
    node.machine.files.put(expected.get(3 * EVERY) ?? '', new Uint8Array(9));
    await node.restart(KEPT_ALL);
    await assertWhole(node, [EVERY, 2 * EVERY]);
  });

  it('stay as they are when the disk is full in the middle of the next', async () => {
    for (const point of ['file:write', 'file:rename']) {
      const node = await grown(2 * EVERY);
      node.machine.faults.fail(point, systemError('ENOSPC'));
      await mark(node, 3 * EVERY);
      node.machine.faults.mend();
      await assertWhole(node, [EVERY, 2 * EVERY]);
      expect(node.machine.counted).toContain('cooee_slurp_snapshot_failures_total ');
      // Nothing else is held up.
      expect(node.conditions).toEqual([]);
      await mark(node, 4 * EVERY);
      expect(node.snapshots.latest()?.stateCid).toBe(expected.get(4 * EVERY));
      await node.snapshots.stop();
    }
  });

  it('stay as they are when the record cannot be written', async () => {
    const node = await grown(2 * EVERY);
    const { faults } = node.machine;
    let isRenamed = false;
    const hit = (point: string): void => {
      if (point === 'file:renamed') isRenamed = true;
      if (isRenamed && point === 'store:write') throw systemError('ENOSPC');
    };
    Object.assign(faults, { hit });
    await mark(node, 3 * EVERY);
    Object.assign(faults, { hit: () => undefined });
    expect(await filesOf(node)).toHaveLength(2);
    await mark(node, 4 * EVERY);
    await assertWhole(node, [2 * EVERY, 4 * EVERY]);
  });

  it('go in the background when their files cannot be removed at once', async () => {
    const node = await grown(2 * EVERY);
    node.machine.faults.fail('file:unlink', systemError('EIO'));
    await mark(node, 3 * EVERY);
    expect(await recordsOf(node)).toEqual([2 * EVERY, 3 * EVERY]);
    expect(await filesOf(node)).toHaveLength(3);
    node.machine.faults.mend();
    await node.restart(KEPT_ALL);
    await assertWhole(node, [2 * EVERY, 3 * EVERY]);
  });
});

describe('blocks that are rows of the store', () => {
  it('are served, like those in files, and are swept when no record needs them', async () => {
    const node = await grown(2 * EVERY + 1);
    const inRows = await toRows(node);
    const stray = { namespace: 'block', key: 'stray', value: new Uint8Array(3) } as const;
    await node.machine.store.batch([stray]);
    await node.restart(KEPT_ALL);
    expect(await recordsOf(node)).toEqual([EVERY, 2 * EVERY]);
    expect(warnings(node)).toEqual([]);
    expect(await ask(node, inRows)).toHaveLength(inRows.length);
    await mark(node, 3 * EVERY);
    expect(await filesOf(node)).toEqual([expected.get(3 * EVERY)]);
    const left = await rowsIn(node, 'block');
    expect(left.length).toBeGreaterThan(1);
    expect(left.length).toBeLessThan(inRows.length);
    expect(await ask(node, left)).toHaveLength(left.length);
    // The second is the newest that was signed for.
    await mark(node, 4 * EVERY);
    expect(await rowsIn(node, 'block')).toEqual(left);
    await node.sign();
    await mark(node, 5 * EVERY);
    expect(await rowsIn(node, 'block')).toEqual([]);
    await assertWhole(node, [4 * EVERY, 5 * EVERY]);
  });

  it('are forgotten with their record when the list is damaged', async () => {
    const node = await grown(2 * EVERY + 1);
    await toRows(node);
    const key = expected.get(2 * EVERY) ?? '';
    await node.machine.store.batch([{ namespace: 'block', key, value: new Uint8Array(9) }]);
    await node.restart(KEPT_ALL);
    expect(await recordsOf(node)).toEqual([EVERY]);
  });

  it('stay while somebody fetches, whatever is taken meanwhile', async () => {
    const node = await grown(2 * EVERY);
    const key = 'fetched';
    await node.restart(KEPT_ALL);
    await node.machine.store.batch([{ namespace: 'block', key, value: new Uint8Array(3) }]);
    const kept = new KeptSnapshots({ ...node.machine, crypto });
    await kept.open();
    const record = kept.records.at(-1);
    if (record === undefined) throw new Error('no record');
    await kept.keepRows(async () => {
      await kept.add(record);
      expect(await rowsIn(node, 'block')).toEqual([key]);
    });
    await kept.add(record);
    expect(await rowsIn(node, 'block')).toEqual([]);
  });

  it('are filled up from files by who fetches another state', async () => {
    const node = await grown(2 * EVERY);
    const { files } = new KeptSnapshots({ ...node.machine, crypto });
    const cid = expected.get(2 * EVERY) ?? '';
    const sizeBytes = (await files.reset()).get(cid) ?? 0;
    await files.open(cid, { index: 2 * EVERY, sizeBytes });
    const shelf = new SnapshotShelf({ ...node.machine, crypto, files });
    expect(await rowsIn(node, 'block')).toEqual([]);
    expect(await shelf.has(cid)).toBe(true);
    expect(await shelf.has(MESH)).toBe(false);
    expect(await rowsIn(node, 'block')).toEqual([cid]);
    await node.machine.files.remove(cid);
    expect(await shelf.has(cid)).toBe(true);
  });
});

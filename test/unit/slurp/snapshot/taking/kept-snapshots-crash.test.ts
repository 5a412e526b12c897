import { beforeAll, describe, expect, it } from 'vitest';
import { BUCKET_COUNT } from '../../../../../protocols/slurp/machine/bucket.ts';
import { SnapshotWriter } from '../../../../../protocols/slurp/snapshot/files/snapshot-writer.ts';
import { encodeList } from '../../../../../protocols/slurp/snapshot/state-blocks.ts';
import { KeptSnapshots } from '../../../../../protocols/slurp/snapshot/taking/kept-snapshots.ts';
import { systemError } from '../../../../../storage/faults.ts';
import type { FileFate } from '../../../../../storage/files/memory-files.ts';
import { crypto } from '../../mesh-world.ts';
import { batches, breakDisk, EVERY, SnapNode } from '../snapshot-world.ts';
import { assertWhole, expectAll, expected, grown, mark, readAll, recordsOf } from './kept-world.ts';

beforeAll(expectAll);

describe('a snapshot that is being taken', () => {
  const fates: (FileFate | 'killed')[] = ['killed', 'lost', 'cut', 'zeroed', 'kept'];
  const isTouch = (point: string): boolean =>
    point.startsWith('file:') || point.startsWith('store:');

  for (const fate of fates) {
    for (const storeBatches of fate === 'killed' ? [1_000] : [0, 1_000]) {
      it(`is there or not after a crash at any step: ${fate}, ${storeBatches}`, async () => {
        let crashes = 0;
        for (let n = 1; ; n++) {
          const node = await grown(2 * EVERY);
          await node.run(node.machine.take(batches(2 * EVERY + 1, 3 * EVERY - 1)));
          await node.rest(100);
          const taking = node.machine.take(batches(3 * EVERY, 3 * EVERY)).catch(() => undefined);
          const probe = breakDisk(node, n, isTouch);
          await node.rest(600);
          // The process is no more: nobody tidies up.
          node.machine.files.kill();
          probe.mend();
          if (!probe.isReached) {
            await taking;
            await node.snapshots.stop();
            break;
          }
          crashes++;
          const files = fate === 'killed' ? 'kept' : fate;
          await node.restart({ log: 'kept', storeBatches, files });
          await node.rest(600);
          // What turns out to be damaged only when it is read is found by whoever reads it.
          await readAll(node);
          const has3 = (await recordsOf(node)).includes(3 * EVERY);
          await assertWhole(node, await recordsOf(node));
          // The one that was synced before is never lost on the way.
          expect((await recordsOf(node)).some((index) => index >= 2 * EVERY)).toBe(true);
          if (fate === 'killed' || fate === 'kept') {
            expect(has3 || node.meshLog.appliedIndex < 3 * EVERY).toBe(true);
          }
          await mark(node, 4 * EVERY);
          expect(node.snapshots.latest()?.stateCid).toBe(expected.get(4 * EVERY));
          await assertWhole(node, await recordsOf(node));
          await node.snapshots.stop();
        }
        expect(crashes).toBeGreaterThan(4);
      });
    }
  }
});

const emptyBuckets = (): string[][] => Array.from({ length: BUCKET_COUNT }, () => []);

describe('making a snapshot durable', () => {
  it('comes before the log forgets what it stands for, once for each', async () => {
    const node = await SnapNode.open('node');
    await mark(node, EVERY);
    await node.run(node.machine.take(batches(EVERY + 1, 2 * EVERY - 1)));
    expect(node.machine.faults.hits).not.toContain('file:sync');
    node.machine.faults.hits.length = 0;
    await node.sign();
    const { hits } = node.machine.faults;
    expect(hits.filter((point) => point.startsWith('file:'))).toEqual([
      'file:sync',
      'file:folder-sync',
    ]);
    expect(hits.indexOf('file:sync')).toBeLessThan(hits.lastIndexOf('store:write'));
    expect(node.machine.log.firstIndex).toBe(EVERY);
    await node.restart({ log: 'kept', storeBatches: 0, files: 'lost' });
    await assertWhole(node, [EVERY]);
    expect(node.snapshots.offerFor(1)).toBeDefined();
  });

  it('ends the process when an fsync fails, and the log stays as it is', async () => {
    for (const point of ['file:sync', 'file:folder-sync']) {
      const node = await SnapNode.open('node');
      await mark(node, EVERY);
      await node.run(node.machine.take(batches(EVERY + 1, 2 * EVERY - 1)));
      node.machine.faults.fail(point, systemError('EIO'));
      await node.sign();
      expect(node.fatal).toEqual(['ERR_STORAGE_IO']);
      expect(node.machine.log.firstIndex).toBe(1);
      await assertWhole(node, []);
      await node.snapshots.stop();
    }
  });

  it('ends the process also when it is the fsync of the log that fails', async () => {
    const node = await SnapNode.open('node');
    await mark(node, EVERY);
    await node.run(node.machine.take(batches(EVERY + 1, 2 * EVERY - 1)));
    node.machine.faults.fail('log:sync', systemError('EIO'));
    await node.sign();
    expect(node.fatal).toEqual(['ERR_STORAGE_IO']);
    expect(node.compacted).toEqual([]);
    await node.snapshots.stop();
  });

  it('gives the snapshot up when the disk turns out to be full only then', async () => {
    const node = await SnapNode.open('node');
    await mark(node, EVERY);
    await node.run(node.machine.take(batches(EVERY + 1, 2 * EVERY - 1)));
    node.machine.faults.fail('file:sync', systemError('ENOSPC'));
    await node.sign();
    expect(node.fatal).toEqual([]);
    expect(node.machine.log.firstIndex).toBe(1);
    await assertWhole(node, []);
    node.machine.faults.mend();
    await mark(node, 2 * EVERY);
    await node.sign();
    await assertWhole(node, [2 * EVERY]);
  });

  it('comes before another one goes', async () => {
    const node = await SnapNode.open('node');
    const { machine } = node;
    const kept = new KeptSnapshots({ ...machine, crypto });
    await kept.open();
    const add = async (index: number): Promise<void> => {
      const list = { index, term: 1, timeMs: 1, buckets: emptyBuckets() };
      const block = encodeList(crypto.sha256, list);
      const writer = new SnapshotWriter(machine.files);
      await writer.begin();
      const tail = await writer.finish({ list, block });
      const { stateCid } = kept.files.add({ stateCid: block.cid, list }, tail);
      const frontier = { size: index, peaks: [new Uint8Array(32)] };
      await kept.add({ index, term: 1, timeMs: 1, frontier, stateCid });
    };
    for (const index of [1, 2, 4]) await add(index);
    expect(kept.records.map(({ index }) => index)).toEqual([2, 4]);
    await kept.keepHead(2, new Uint8Array(3));
    await add(8);
    expect(machine.faults.hits).not.toContain('file:sync');
    await kept.keepHead(4, new Uint8Array(3));
    machine.faults.hits.length = 0;
    await add(16);
    expect(kept.records.map(({ index }) => index)).toEqual([4, 8, 16]);
    const hits = machine.faults.hits.filter((point) => point !== 'store:written');
    const steps = ['file:sync', 'file:folder-sync', 'store:write', 'store:write', 'file:unlink'];
    expect(hits.slice(hits.indexOf('file:sync'))).toEqual(steps);
  });

  it('has the newest that was signed outlive a loss of power', async () => {
    const node = await grown(2 * EVERY);
    await mark(node, 3 * EVERY);
    await mark(node, 4 * EVERY + 1);
    await assertWhole(node, [2 * EVERY, 3 * EVERY, 4 * EVERY]);
    await node.restart({ log: 'kept', storeBatches: 0, files: 'lost' });
    expect(node.snapshots.cidAt(2 * EVERY)).toBe(expected.get(2 * EVERY));
    expect(node.snapshots.offerFor(1)).toBeDefined();
  });
});

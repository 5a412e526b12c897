import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../protocols/interface/index.ts';
import { crc32c } from '../../../storage/log/crc32c.ts';
import { SegmentLog } from '../../../storage/segment-log.ts';
import { inLanes } from './in-lanes.ts';
import { readAll, record, records, SwitchFaults } from './log-store-suite.ts';

// Goal: a mark of the log on a disk is there from when it was acknowledged on, or damage is named:
// it is never forgotten. Small segments show it in few writes.
const roots: string[] = [];
const newDirectory = async (): Promise<string> => {
  const root = await mkdtemp(join(tmpdir(), 'cooee-mark-'));
  roots.push(root);
  return join(root, 'log');
};
const opened: SegmentLog[] = [];
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close();
});
afterAll(async () => {
  for (const root of roots) await rm(root, { recursive: true, force: true });
});

const openLog = (directory: string, faults = new SwitchFaults()): SegmentLog => {
  const log = new SegmentLog({ logger: silentLogger, faults }, { directory, segmentBytes: 4096 });
  opened.push(log);
  return log;
};

/** A segment file as a program with another format would have made it. */
const withVersion = (bytes: Buffer, version: number): Buffer => {
  const other = Buffer.from(bytes);
  other.writeUInt32BE(version, 8);
  other.writeUInt32BE(crc32c(other.subarray(0, 60)), 60);
  return other;
};

const usedEnd = (bytes: Uint8Array): number => bytes.findLastIndex((byte) => byte !== 0) + 1;

describe('a mark', () => {
  /** A log without a mark, in a file as older programs made it. */
  const older = async () => {
    const directory = await newDirectory();
    const log = openLog(directory);
    await log.open();
    await log.append(records(1, 4), { term: 2, vote: null, commit: 3 });
    await log.close();
    const file = join(directory, '0000000001.log');
    await writeFile(file, withVersion(await readFile(file), 1));
    return { directory, file };
  };

  const marked = async () => {
    const directory = await newDirectory();
    const log = openLog(directory);
    await log.open();
    await log.append([record(1)], { term: 1, vote: 'me', commit: 1 });
    await log.mark('lost-state', 1);
    const markEnd = usedEnd(await readFile(join(directory, '0000000001.log')));
    await log.append([record(2, 2)]);
    await log.append([record(3, 2)]);
    await log.close();
    const file = join(directory, '0000000001.log');
    const bytes = await readFile(file);
    return { directory, file, bytes, markAt: markEnd - 96, markEnd };
  };

  it('is never forgotten for a flipped bit in it or behind it: that is damage', async () => {
    const { bytes, markAt, markEnd } = await marked();
    expect(bytes.indexOf('lost-state')).toBeGreaterThan(markAt);
    expect(bytes.indexOf('lost-state')).toBeLessThan(markEnd);
    const flips: { readonly at: number; readonly bit: number }[] = [];
    for (let at = markAt; at < usedEnd(bytes); at++) {
      for (let bit = 0; bit < 8; bit += at < markEnd ? 1 : 5) flips.push({ at, bit });
    }
    await inLanes(flips, marked, async ({ at, bit }, { directory, file }) => {
      const flipped = Uint8Array.from(bytes);
      flipped[at]! ^= 1 << bit;
      await writeFile(file, flipped);
      const log = openLog(directory);
      const error = await log.open().catch((thrown: unknown) => thrown);
      expect([at, error]).toMatchObject([at, { code: 'ERR_STORAGE_DAMAGED', details: { file } }]);
    });
    expect(flips.length).toBeGreaterThan(8 * 96);
  });

  it('is there or was never acknowledged, wherever the write of it ends', async () => {
    const { bytes, markAt, markEnd } = await marked();
    const cuts = Array.from({ length: markEnd - markAt + 1 }, (_, i) => markAt + i);
    await inLanes(cuts, marked, async (cut, { directory, file }) => {
      await writeFile(file, Uint8Array.from(bytes).fill(0, cut));
      const log = openLog(directory);
      await log.open();
      const expected = cut === markEnd ? [['lost-state', 1]] : [];
      expect([cut, [...log.marks], log.lastIndex]).toEqual([cut, expected, 1]);
      await log.close();
    });
    expect(cuts).toContain(markEnd);
  });

  it('of a name that this program does not know is damage', async () => {
    const { directory, file, bytes } = await marked();
    const other = Buffer.from(bytes);
    const nameAt = bytes.indexOf('lost-state');
    const recordAt = nameAt - 28;
    other.write('lost-stale', nameAt);
    const header = crc32c(other.subarray(recordAt, recordAt + 24));
    other.writeUInt32BE(crc32c(other.subarray(nameAt, nameAt + 10), header), recordAt + 24);
    await writeFile(file, other);
    await expect(openLog(directory).open()).rejects.toMatchObject({
      code: 'ERR_STORAGE_DAMAGED',
      details: { offset: recordAt },
    });
  });

  it('begins every later file, and outlives the file that it was made in', async () => {
    const directory = await newDirectory();
    const log = openLog(directory);
    await log.open();
    await log.mark('lost-state', 0);
    for (let index = 1; index <= 40; index++) await log.append([record(index, 1, 300)]);
    await log.compactBefore(39);
    const names = (await readdir(directory)).sort();
    expect(names).not.toContain('0000000001.log');
    for (const name of names) {
      expect((await readFile(join(directory, name))).indexOf('lost-state')).toBe(
        512 + 32 + 28 + 28,
      );
    }
    await log.close();
    await log.open();
    expect([...log.marks]).toEqual([['lost-state', 0]]);
    await log.close();
  });

  it('comes into a new file when that of now is of a format without marks', async () => {
    const { directory, file } = await older();
    const log = openLog(directory);
    await log.open();
    expect(await readAll(log)).toEqual(records(1, 4));
    await log.append([record(5, 2)]);
    expect(await readdir(directory)).toEqual(['0000000001.log']);
    await log.mark('seat-out', 9);
    await log.append([record(6, 2)]);
    await log.close();
    // An older program refuses that file before it reads on, and would not before.
    const next = join(directory, '0000000002.log');
    expect([
      (await readFile(file)).readUInt32BE(8),
      (await readFile(next)).readUInt32BE(8),
    ]).toEqual([1, 2]);
    await log.open();
    expect([log.lastIndex, [...log.marks]]).toEqual([6, [['seat-out', 9]]]);
    expect(log.hardState).toEqual({ term: 2, vote: null, commit: 3 });
    await log.close();
  });

  it('is made after a new file for it could not be', async () => {
    const { directory } = await older();
    for (const point of ['log:preallocate', 'log:rename', 'log:directory-sync'] as const) {
      const faults = new SwitchFaults();
      const log = openLog(directory, faults);
      await log.open();
      faults.failAt(point);
      const refused = log.mark('seat-out', 9);
      await expect(refused).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
      faults.failAt(null);
      await log.open();
      expect([log.lastIndex, [...log.marks]]).toEqual([4, []]);
      await log.close();
    }
    const log = openLog(directory);
    await log.open();
    await log.mark('seat-out', 9);
    await log.close();
    await log.open();
    expect([log.lastIndex, [...log.marks]]).toEqual([4, [['seat-out', 9]]]);
    await log.close();
  });
});

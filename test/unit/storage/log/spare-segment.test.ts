import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import type { FaultPoint } from '../../../../storage/faults.ts';
import { SpareSegment } from '../../../../storage/log/spare-segment.ts';
import { SegmentLog } from '../../../../storage/segment-log.ts';
import { record, SwitchFaults } from '../log-store-suite.ts';
import { recordLogger } from '../record-logger.ts';
import { temporaryFolders } from '../temporary-folder.ts';

// Goal: an append never waits for a new segment to be filled, and whatever becomes of the room that
// is made ahead, the log is as without it. Method: the smallest segments for which it is made.

const MIB = 1024 * 1024;
const newFolder = temporaryFolders();

const SPARE = 'spare.log.new';
const count = ({ hits }: SwitchFaults, point: FaultPoint): number =>
  hits.filter((hit) => hit === point).length;

const isMade = async (directory: string): Promise<boolean> => {
  const names = await readdir(directory);
  return names.includes(SPARE) && (await readFile(join(directory, SPARE))).length === MIB;
};

/** A log with a little more than half of its first segment used. */
const halfFull = async (faults: SwitchFaults, logger = recordLogger()) => {
  const directory = join(await newFolder(), 'log');
  const log = new SegmentLog({ logger, faults }, { directory, segmentBytes: MIB });
  await log.open();
  await log.append([record(1, 1, MIB / 2 - 4096)]);
  expect(await readdir(directory)).toEqual(['0000000001.log']);
  await log.append([record(2, 1, 8192)]);
  return { directory, log, logger };
};

const fillsTheNext = record(3, 1, MIB / 2 - 4096);

it('is zeros of the size of a segment, and is handed over once', async () => {
  const directory = await newFolder();
  const spare = new SpareSegment({ directory, faults: new SwitchFaults() }, silentLogger, MIB);
  spare.prepare();
  spare.prepare();
  const room = await spare.take();
  expect(room?.path).toBe(join(directory, SPARE));
  expect((await readFile(room!.path)).equals(Buffer.alloc(MIB))).toBe(true);
  expect(await spare.take()).toBeUndefined();
  await room!.handle.close();
});

it('is not made for segments that are filled in a moment', async () => {
  const directory = await newFolder();
  const spare = new SpareSegment({ directory, faults: new SwitchFaults() }, silentLogger, MIB - 1);
  spare.prepare();
  expect(await spare.take()).toBeUndefined();
  expect(await readdir(directory)).toEqual([]);
});

it('is made once half of a segment is used, and becomes the next', async () => {
  const faults = new SwitchFaults();
  const { directory, log } = await halfFull(faults);
  await expect.poll(() => isMade(directory)).toBe(true);
  await log.append([fillsTheNext]);
  expect(await readdir(directory)).toEqual(['0000000001.log', '0000000002.log']);
  // The first segment alone was filled by who needed it.
  expect([count(faults, 'log:preallocate'), count(faults, 'log:spare')]).toEqual([1, 1]);
  await log.close();
  await log.open();
  expect((await log.read(1, 9, 4 * MIB)).map(({ index }) => index)).toEqual([1, 2, 3]);
  expect((await readFile(join(directory, '0000000002.log'))).length).toBe(MIB);
  await log.close();
});

it('is waited for when it is needed before it is done', async () => {
  const faults = new SwitchFaults();
  const { directory, log } = await halfFull(faults);
  await log.append([fillsTheNext]);
  expect([count(faults, 'log:preallocate'), count(faults, 'log:spare')]).toEqual([1, 1]);
  expect(await readdir(directory)).toEqual(['0000000001.log', '0000000002.log']);
  await log.close();
});

it('is removed when the log is closed, and by the next open after a crash', async () => {
  const { directory, log } = await halfFull(new SwitchFaults());
  await log.close();
  expect(await readdir(directory)).toEqual(['0000000001.log']);
  await writeFile(join(directory, SPARE), new Uint8Array(100));
  await log.open();
  expect(await readdir(directory)).toEqual(['0000000001.log']);
  expect(log.lastIndex).toBe(2);
  await log.close();
});

it('that cannot be made fails nothing: who needs a segment makes it and learns why', async () => {
  const faults = new SwitchFaults();
  faults.failAt('log:spare');
  const { directory, log, logger } = await halfFull(faults);
  await expect
    .poll(() => logger.lines.map(({ message }) => message))
    .toEqual(['room for the next log segment was not made ahead']);
  expect(log.status).toBe('open');
  await log.append([record(3, 1, 4096)]);
  // Not at each append.
  expect(count(faults, 'log:spare')).toBe(1);
  faults.failAt('log:preallocate');
  const refused = log.append([record(4, 1, MIB / 2 - 4096)]);
  await expect(refused).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
  expect(await readdir(directory)).toEqual(['0000000001.log']);
  faults.failAt(null);
  await log.open();
  await log.append([record(4, 1, MIB / 2 - 4096)]);
  expect(await readdir(directory)).toEqual(['0000000001.log', '0000000002.log']);
  await log.close();
});

it('that cannot become the next leaves nothing behind', async () => {
  for (const point of ['log:preallocate-sync', 'log:rename'] as const) {
    const faults = new SwitchFaults();
    const { directory, log } = await halfFull(faults);
    await expect.poll(() => isMade(directory)).toBe(true);
    faults.failAt(point);
    const refused = log.append([fillsTheNext]);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
    expect(await readdir(directory)).toEqual(['0000000001.log']);
    faults.failAt(null);
    await log.open();
    await log.append([fillsTheNext]);
    expect(log.lastIndex).toBe(3);
    await log.close();
  }
});

it('is asked for before a log is written again that failed for want of room', async () => {
  const faults = new SwitchFaults();
  const { directory, log } = await halfFull(faults);
  await expect.poll(() => isMade(directory)).toBe(true);
  faults.failAt('log:write');
  const refused = log.append([record(3)]);
  await expect(refused).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
  faults.failAt('log:spare');
  await expect(log.ensureRoom()).rejects.toMatchObject({ code: 'ERR_STORAGE_NOT_OPEN' });
  await log.open();
  // Who reads needs none.
  expect(await log.read(1, 9, 1)).toHaveLength(1);
  for (let i = 0; i < 2; i++) {
    await expect(log.ensureRoom()).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
  }
  expect(log.status).toBe('open');
  expect(await readdir(directory)).toEqual(['0000000001.log']);
  faults.failAt(null);
  await log.ensureRoom();
  expect(await isMade(directory)).toBe(true);
  await log.append([fillsTheNext]);
  expect(await readdir(directory)).toEqual(['0000000001.log', '0000000002.log']);
  await log.close();
});

it('is not asked for where a log failed otherwise, or a program finds it', async () => {
  const faults = new SwitchFaults();
  const { directory, log } = await halfFull(faults);
  await expect.poll(() => isMade(directory)).toBe(true);
  faults.failAt('log:write', 'EIO');
  await expect(log.append([record(3)])).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
  faults.failAt('log:spare');
  await log.open();
  await log.ensureRoom();
  await log.close();
  await log.open();
  await log.ensureRoom();
  expect(count(faults, 'log:spare')).toBe(1);
  await log.close();
});

it('is made by who needs it, where making it ahead has failed', async () => {
  const directory = await newFolder();
  const faults = new SwitchFaults();
  const spare = new SpareSegment({ directory, faults }, silentLogger, MIB);
  faults.failAt('log:spare');
  spare.prepare();
  await expect(spare.ensure()).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
  faults.failAt(null);
  await spare.ensure();
  expect(await isMade(directory)).toBe(true);
  await spare.discard();
});

it('is not begun where the file system says that it would not fit', async () => {
  const directory = await newFolder();
  const faults = new SwitchFaults();
  const spare = new SpareSegment({ directory, faults }, silentLogger, 2 ** 60);
  await expect(spare.ensure()).rejects.toMatchObject({
    code: 'ERR_STORAGE_DISK_FULL',
    details: { file: directory },
  });
  expect(faults.hits).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
});

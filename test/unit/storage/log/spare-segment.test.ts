import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Clock, silentLogger } from '../../../../protocols/interface/index.ts';
import type { FaultPoint } from '../../../../storage/faults.ts';
import { SpareSegment } from '../../../../storage/log/spare-segment.ts';
import { SegmentLog } from '../../../../storage/segment-log.ts';
import { ManualClock } from '../../wire/manual-clock.ts';
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

const onDisk = (directory: string, faults = new SwitchFaults()) => ({
  files: { directory, faults },
  logger: silentLogger,
});

/** A log with a little more than half of its first segment used. */
const halfFull = async (faults: SwitchFaults, clock?: Clock) => {
  const directory = join(await newFolder(), 'log');
  const logger = recordLogger();
  const components = { logger, faults, ...(clock === undefined ? {} : { clock }) };
  const log = new SegmentLog(components, { directory, segmentBytes: MIB });
  await log.open();
  await log.append([record(1, 1, MIB / 2 - 4096)]);
  expect(await readdir(directory)).toEqual(['0000000001.log']);
  await log.append([record(2, 1, 8192)]);
  return { directory, log, logger };
};

const fillsTheNext = record(3, 1, MIB / 2 - 4096);

it('is zeros of the size of a segment, and is handed over once', async () => {
  const directory = await newFolder();
  const spare = new SpareSegment(onDisk(directory), MIB);
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
  const spare = new SpareSegment(onDisk(directory), MIB - 1);
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
  const spare = new SpareSegment(onDisk(directory, faults), MIB);
  faults.failAt('log:spare');
  spare.prepare();
  await expect(spare.ensure()).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
  faults.failAt(null);
  await spare.ensure();
  expect(await isMade(directory)).toBe(true);
  await spare.discard();
});

it('is tried for less and less often on a disk that does not say that it is full', async () => {
  const faults = new SwitchFaults();
  const clock = new ManualClock();
  const { log } = await halfFull(faults, clock);
  await expect.poll(() => count(faults, 'log:spare')).toBe(1);
  const fail = async (index: number): Promise<void> => {
    faults.failAt('log:write');
    const refused = log.append([record(index)]);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
    await log.open();
    faults.failAt('log:spare');
  };
  /** Asked ten times a second: seconds at which it was tried. */
  const triedAt = async (seconds: number): Promise<number[]> => {
    const tried: number[] = [];
    for (let tenth = 0; tenth < 10 * seconds; tenth++) {
      const before = count(faults, 'log:spare');
      await expect(log.ensureRoom()).rejects.toMatchObject({
        code: 'ERR_STORAGE_DISK_FULL',
        details: { cause: 'ENOSPC', operation: 'making room for the log' },
      });
      if (count(faults, 'log:spare') > before) tried.push(tenth / 10);
      await clock.advance(100);
    }
    return tried;
  };
  await fail(3);
  expect(await triedAt(100)).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
  // It is made, but nothing is written into it: the disk is no better.
  await clock.advance(30_000);
  faults.failAt(null);
  await log.ensureRoom();
  await fail(3);
  expect(await triedAt(40)).toEqual([30]);
  await clock.advance(30_000);
  faults.failAt(null);
  await log.ensureRoom();
  await log.append([record(3)]);
  await fail(4);
  expect(await triedAt(5)).toEqual([0, 1, 3]);
  await log.close();
});

it('is not begun where the file system says that it would not fit', async () => {
  const directory = await newFolder();
  const faults = new SwitchFaults();
  const spare = new SpareSegment(onDisk(directory, faults), 2 ** 60);
  await expect(spare.ensure()).rejects.toMatchObject({
    code: 'ERR_STORAGE_DISK_FULL',
    details: { file: directory },
  });
  expect(faults.hits).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
});

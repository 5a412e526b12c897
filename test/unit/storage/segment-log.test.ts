import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../protocols/interface/index.ts';
import { crc32c } from '../../../storage/log/crc32c.ts';
import { MemoryLog } from '../../../storage/memory-log.ts';
import { SegmentLog } from '../../../storage/segment-log.ts';
import { inLanes } from './in-lanes.ts';
import { logStoreSuite, readAll, record, records, SwitchFaults } from './log-store-suite.ts';

// What is special about the log on a disk: tears, flipped bits, files, rolling. Small segments show
// it in few writes.
const roots: string[] = [];
const newDirectory = async (): Promise<string> => {
  const root = await mkdtemp(join(tmpdir(), 'cooee-log-'));
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

const SMALL = 4096;
const openLog = (directory: string, faults = new SwitchFaults()): SegmentLog => {
  const log = new SegmentLog({ logger: silentLogger, faults }, { directory, segmentBytes: SMALL });
  opened.push(log);
  return log;
};

logStoreSuite('SegmentLog', async () => {
  const directory = await newDirectory();
  const faults = new SwitchFaults();
  return {
    log: openLog(directory, faults),
    faults,
    largeBytes: 1000,
    reborn: async () => openLog(directory),
  };
});

/** A log of one file with three synced batches, and that file's bytes. */
const threeBatches = async (lastSize: number = 40) => {
  const directory = await newDirectory();
  const log = openLog(directory);
  await log.open();
  await log.append(records(1, 2), { term: 1, vote: 'me', commit: 1 });
  await log.append([record(3)]);
  await log.append([record(4, 2, lastSize)], { term: 2, vote: null, commit: 3 });
  await log.close();
  const file = join(directory, '0000000001.log');
  return { directory, file, bytes: await readFile(file) };
};

/** A segment file as a program with another format would have made it. */
const withVersion = (bytes: Buffer, version: number): Buffer => {
  const other = Buffer.from(bytes);
  other.writeUInt32BE(version, 8);
  other.writeUInt32BE(crc32c(other.subarray(0, 60)), 60);
  return other;
};

const usedEnd = (bytes: Uint8Array): number => bytes.findLastIndex((byte) => byte !== 0) + 1;
const BATCH_SIZE = 32 + 28 + 40 + 28 + 8;
const lastBatchAt = (bytes: Uint8Array): number => usedEnd(bytes) - Math.ceil(BATCH_SIZE / 32) * 32;

describe('a torn tail', () => {
  it('is cut at whatever byte the last batch ends; nothing else is lost', async () => {
    const { bytes } = await threeBatches();
    const from = lastBatchAt(bytes);
    const cuts = Array.from({ length: usedEnd(bytes) - from }, (_, i) => from + i);
    await inLanes(cuts, threeBatches, async (cut, { directory, file }) => {
      const torn = Uint8Array.from(bytes).fill(0, cut);
      await writeFile(file, torn);
      const log = openLog(directory);
      const { tornBytes } = await log.open();
      expect([cut, log.lastIndex, log.hardState.commit]).toEqual([cut, 3, 1]);
      expect(tornBytes).toBe(usedEnd(torn) > from ? usedEnd(torn) - from : 0);
      await log.append([record(4, 9)]);
      await log.close();
      expect(await log.open()).toEqual({ tornBytes: 0 });
      expect((await readAll(log)).at(-1)).toEqual(record(4, 9));
      await log.close();
    });
    expect(cuts.length).toBeGreaterThan(100);
  });

  it('is cut when any one sector of the last batch did not reach the disk', async () => {
    const { directory, file, bytes } = await threeBatches(1900);
    const from = bytes.indexOf('CBAT', bytes.indexOf('CBAT', bytes.indexOf('CBAT') + 1) + 1);
    const sectors = new Set<number>();
    for (let at = from; at < usedEnd(bytes); at++) sectors.add(Math.floor(at / 512));
    expect(sectors.size).toBeGreaterThan(3);
    for (const sector of sectors) {
      const torn = Uint8Array.from(bytes);
      torn.fill(0, Math.max(from, sector * 512), (sector + 1) * 512);
      await writeFile(file, torn);
      const log = openLog(directory);
      expect((await log.open()).tornBytes).toBeGreaterThan(0);
      expect(log.lastIndex).toBe(3);
      await log.close();
      expect(await log.open()).toEqual({ tornBytes: 0 });
      await log.close();
    }
  });

  it('is damage when a later batch proves that it was synced', async () => {
    const { directory, file, bytes } = await threeBatches();
    const second = bytes.indexOf('CBAT', bytes.indexOf('CBAT') + 1);
    for (const [from, to] of [
      [second, second + 32],
      [second + 80, lastBatchAt(bytes)],
    ] as const) {
      await writeFile(file, Uint8Array.from(bytes).fill(0, from, to));
      await expect(openLog(directory).open()).rejects.toMatchObject({
        code: 'ERR_STORAGE_DAMAGED',
        details: { file },
      });
    }
  });
});

describe('flipped bits', () => {
  it('are named as damage with file and offset wherever the log was written', async () => {
    const { bytes } = await threeBatches();
    // Every byte, one bit each (all bits of all bytes: tear-rules.test.ts); every third byte of the
    // header's padding.
    const places: number[] = [];
    for (let at = 0; at < usedEnd(bytes); at += at >= 64 && at < 512 ? 3 : 1) places.push(at);
    await inLanes(places, threeBatches, async (at, { directory, file }) => {
      const flipped = Uint8Array.from(bytes);
      flipped[at]! ^= 1 << (at % 8);
      await writeFile(file, flipped);
      const error = await openLog(directory)
        .open()
        .catch((thrown: unknown) => thrown);
      expect([at, error]).toMatchObject([at, { code: 'ERR_STORAGE_DAMAGED', details: { file } }]);
    });
    expect(places.length).toBeGreaterThan(400);
  });

  it('behind the end lose nothing', async () => {
    const { directory, file, bytes } = await threeBatches();
    const end = usedEnd(bytes);
    for (const at of [end, end + 5, end + 31, end + 32, end + 700, SMALL - 1]) {
      const flipped = Uint8Array.from(bytes);
      flipped[at]! ^= 0x10;
      await writeFile(file, flipped);
      const log = openLog(directory);
      await log.open();
      expect(log.lastIndex).toBe(4);
      await log.close();
      expect(await log.open()).toEqual({ tornBytes: 0 });
      await log.close();
    }
  });

  it('are found when they happen while the log is open', async () => {
    const { directory, file, bytes } = await threeBatches();
    const log = openLog(directory);
    await log.open();
    const flipped = Uint8Array.from(bytes);
    flipped[lastBatchAt(bytes) + 70]! ^= 1;
    await writeFile(file, flipped);
    await expect(log.read(4, 1, 100)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
    expect(await log.read(1, 3, 1000)).toEqual(records(1, 3));
    await log.close();
  });
});

describe('segment files', () => {
  const filled = async (count = 40) => {
    const directory = await newDirectory();
    const log = openLog(directory);
    await log.open();
    for (let index = 1; index <= count; index++) await log.append([record(index, 1, 300)]);
    await log.close();
    return { directory, names: (await readdir(directory)).sort() };
  };

  it('are rolled when full; each has its full size', async () => {
    const { directory, names } = await filled();
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect((await readFile(join(directory, name))).length).toBe(SMALL);
    const log = openLog(directory);
    await log.open();
    expect(log.lastIndex).toBe(40);
    expect((await log.read(1, 40, 1e6)).length).toBe(40);
    await log.close();
  });

  it('can be dropped without losing a hard state that was written once, long ago', async () => {
    const directory = await newDirectory();
    const log = openLog(directory);
    await log.open();
    const state = { term: 4, vote: '12D3KooWvoter', commit: 0 };
    await log.append([], state);
    for (let index = 1; index <= 40; index++) await log.append([record(index, 1, 300)]);
    await log.compactBefore(39);
    expect(log.firstIndex).toBeGreaterThan(30);
    expect((await readdir(directory)).includes('0000000001.log')).toBe(false);
    await log.close();
    await log.open();
    expect(log.hardState).toEqual(state);
    await log.close();
  });

  it('are dropped while appends go on', async () => {
    // So many that one append is over before they are, however long its sync takes.
    const { directory, names } = await filled(240);
    const faults = new SwitchFaults();
    const log = openLog(directory, faults);
    await log.open();
    const dropped = () => faults.hits.filter((point) => point === 'log:unlink').length;
    const compaction = log.compactBefore(239);
    await log.append([record(241)]);
    expect(dropped()).toBeLessThan(names.length - 1);
    await compaction;
    expect(dropped()).toBe(names.length - 1);
    expect(await readdir(directory)).toEqual(names.slice(-1));
    await log.close();
    await log.open();
    expect((await readAll(log)).at(-1)).toEqual(record(241));
    await log.close();
  });

  it('that are being dropped are gone before the log is closed', async () => {
    const { directory, names } = await filled();
    const log = openLog(directory);
    await log.open();
    const compaction = log.compactBefore(39);
    await log.close();
    expect(await readdir(directory)).toEqual(names.slice(-1));
    await compaction;
  });

  it('that are missing, first or in the middle, are damage', async () => {
    for (const missing of [0, 1]) {
      const { directory, names } = await filled();
      await rm(join(directory, names[missing]!));
      const opened = openLog(directory).open();
      await expect(opened).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
    }
  });

  it('of a newer format are refused with advice, files that are too short are damage', async () => {
    const { directory, names } = await filled();
    const file = join(directory, names[1]!);
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, SMALL - 1));
    await expect(openLog(directory).open()).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
    await writeFile(file, withVersion(bytes, 3));
    await expect(openLog(directory).open()).rejects.toMatchObject({
      code: 'ERR_STORAGE_FORMAT_NEWER',
      details: { found: 3, supported: 2 },
      remedy: expect.stringContaining('Upgrade'),
    });
  });

  it('that cannot be made leave nothing behind, and are made after a reopen', async () => {
    const points = ['log:preallocate', 'log:preallocate-sync', 'log:rename'] as const;
    for (const point of points) {
      const directory = await newDirectory();
      const faults = new SwitchFaults();
      const log = openLog(directory, faults);
      faults.failAt(point);
      await expect(log.open()).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
      expect([log.status, await readdir(directory)]).toEqual(['closed', []]);
      faults.failAt(null);
      await log.open();
      for (let index = 1; index <= 7; index++) await log.append([record(index, 1, 400)]);
      faults.failAt(point);
      const next = log.append([record(8, 1, 2000)]);
      await expect(next).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
      expect(await readdir(directory)).toEqual(['0000000001.log']);
      faults.failAt(null);
      await log.open();
      expect(log.lastIndex).toBe(7);
      await log.append([record(8, 1, 2000)]);
      await log.close();
    }
  });

  it('survive a failure at every step of making one and of compacting', async () => {
    const points = ['log:directory-sync', 'log:unlink', 'log:write', 'log:sync'] as const;
    for (const point of points) {
      const { directory } = await filled();
      const faults = new SwitchFaults();
      const log = openLog(directory, faults);
      await log.open();
      faults.failAt(point, 'EIO');
      await expect(log.compactBefore(30)).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
      faults.failAt(null);
      await log.open();
      expect(log.lastIndex).toBe(40);
      expect(log.firstIndex).toBeLessThanOrEqual(30);
      expect((await readAll(log)).length).toBe(41 - log.firstIndex);
      await log.compactBefore(35);
      expect(log.firstIndex).toBeGreaterThan(20);
      await log.close();
    }
  });

  it('refuse an append larger than half a segment, and go on', async () => {
    const log = openLog(await newDirectory());
    await log.open();
    const huge = log.append([record(1, 1, SMALL / 2)]);
    await expect(huge).rejects.toMatchObject({ code: 'ERR_STORAGE_TOO_LARGE' });
    await log.append([record(1)]);
    expect(log.lastIndex).toBe(1);
    await log.close();
  });
});

describe('against the twin', () => {
  // Goal: the log on the disk and the one in memory do the same. Method: the same random calls on
  // both, compared.
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), count: fc.nat(4), size: fc.nat(450) }),
    fc.record({ kind: fc.constant('hard' as const), commit: fc.nat(50) }),
    fc.record({ kind: fc.constant('mark' as const), index: fc.option(fc.nat(50)) }),
    fc.record({ kind: fc.constant('truncate' as const), back: fc.nat(6) }),
    fc.record({ kind: fc.constant('compact' as const), ahead: fc.nat(25) }),
    fc.record({ kind: fc.constant('reopen' as const) }),
    fc.record({ kind: fc.constant('reborn' as const) }),
  );

  it('does the same over random calls, reopens and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const directory = await newDirectory();
        const twin = new MemoryLog();
        let log = openLog(directory);
        await Promise.all([log.open(), twin.open()]);
        for (const [i, one] of steps.entries()) {
          const last = twin.lastIndex;
          if (one.kind === 'append') {
            const many = Array.from({ length: one.count }, (_, k) =>
              record(last + 1 + k, i, one.size),
            );
            await Promise.all([log.append(many), twin.append(many)]);
          } else if (one.kind === 'hard') {
            const state = { term: i, vote: i % 2 === 0 ? null : `v${i}`, commit: one.commit };
            await Promise.all([log.append([], state), twin.append([], state)]);
          } else if (one.kind === 'mark') {
            const name = i % 2 === 0 ? 'lost-state' : 'seat-out';
            await Promise.all([log.mark(name, one.index), twin.mark(name, one.index)]);
          } else if (one.kind === 'truncate') {
            const from = Math.max(twin.firstIndex, last - one.back);
            await Promise.all([log.truncateFrom(from), twin.truncateFrom(from)]);
          } else if (one.kind === 'compact') {
            const before = twin.firstIndex + one.ahead;
            await Promise.all([log.compactBefore(before), twin.compactBefore(before)]);
          } else {
            await Promise.all([log.close(), twin.close()]);
            if (one.kind === 'reborn') log = openLog(directory);
            await Promise.all([log.open(), twin.open()]);
          }
          expect([log.lastIndex, log.hardState]).toEqual([twin.lastIndex, twin.hardState]);
          expect(new Map(log.marks)).toEqual(new Map(twin.marks));
          expect(log.firstIndex).toBeLessThanOrEqual(twin.firstIndex);
          const kept = (await readAll(log)).slice(twin.firstIndex - log.firstIndex);
          expect(kept).toEqual(await readAll(twin));
        }
        await log.close();
      }),
      { numRuns: 60 },
    );
  });
});

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, describe, expect, it } from 'vitest';
import { levelError } from '../../../storage/disk/level-error.ts';
import { encodeFormat, STORE_FORMAT_VERSION } from '../../../storage/disk/store-format.ts';
import type { Faults } from '../../../storage/faults.ts';
import { LevelStore } from '../../../storage/level-store.ts';
import { ManualClock } from '../wire/manual-clock.ts';
import { keyValueSuite } from './key-value-suite.ts';
import { SwitchFaults } from './log-store-suite.ts';
import { bytes, listed, type StoreBench } from './store-bench.ts';

const roots: string[] = [];
const newDirectory = async (): Promise<string> => {
  const root = await mkdtemp(join(tmpdir(), 'cooee-store-'));
  roots.push(root);
  return join(root, 'store');
};
afterAll(async () => {
  for (const root of roots) await rm(root, { recursive: true, force: true });
});

const benchIn = (directory: string): StoreBench => {
  const faults = new SwitchFaults();
  const clock = new ManualClock();
  const store = new LevelStore({ faults, clock }, { directory });
  return {
    store,
    faults,
    reborn: async () => {
      await store.close();
      return new LevelStore({}, { directory });
    },
    pass: () => clock.advance(20),
    killed: async () => {
      // A process that is gone writes nothing more.
      faults.failAt('store:write');
      await store.close();
      return benchIn(directory);
    },
  };
};

keyValueSuite('LevelStore', async () => benchIn(await newDirectory()));

describe('LevelStore on the disk', () => {
  const one = { namespace: 'state', key: 'k', value: bytes('v') } as const;

  it('refuses a second opener as a held home until the first has closed', async () => {
    const directory = await newDirectory();
    const first = new LevelStore({}, { directory });
    const second = new LevelStore({}, { directory });
    await first.open();
    await expect(second.open()).rejects.toMatchObject({ code: 'ERR_STORAGE_HOME_LOCKED' });
    expect(second.status).toBe('closed');
    await first.close();
    await second.open();
    await second.close();
  });

  it('refuses a store of a newer format with advice, and a damaged format record', async () => {
    const directory = await newDirectory();
    const options = { keyEncoding: 'utf8', valueEncoding: 'view' };
    const cases = [
      [encodeFormat(STORE_FORMAT_VERSION + 1), 'ERR_STORAGE_FORMAT_NEWER', /Upgrade/],
      [bytes('?'), 'ERR_STORAGE_DAMAGED', /backup/],
    ] as const;
    for (const [format, code, remedy] of cases) {
      const raw = new ClassicLevel<string, Uint8Array>(directory, options);
      await raw.put('meta!format', format);
      await raw.close();
      const opened = new LevelStore({}, { directory }).open();
      const error = await opened.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, remedy: expect.stringMatching(remedy) });
    }
  });

  it('names a store with data and without a format record as damaged', async () => {
    const directory = await newDirectory();
    const raw = new ClassicLevel<string, string>(directory);
    await raw.put('state!k', 'v');
    await raw.close();
    const opened = new LevelStore({}, { directory }).open();
    await expect(opened).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
  });

  it('names a store whose files are damaged or gone', async () => {
    const directory = await newDirectory();
    const store = new LevelStore({}, { directory });
    await store.open();
    await store.batch([one], { sync: true });
    await store.close();
    const manifest = (await readdir(directory)).find((name) => name.startsWith('MANIFEST'))!;
    const file = join(directory, manifest);
    const content = await readFile(file);
    content.fill(0xff, 0, 20);
    await writeFile(file, content);
    await expect(store.open()).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
    expect(store.status).toBe('closed');
  });

  it('refuses a store whose journal lost records, also once they are salvaged', async () => {
    const directory = await newDirectory();
    const store = new LevelStore({}, { directory });
    await store.open();
    for (let i = 0; i < 9; i++)
      await store.batch([{ ...one, key: `k${i}`, value: bytes('v'.repeat(9_000)) }]);
    await store.close();
    const journal = (await readdir(directory)).find((name) => name.endsWith('.log'))!;
    const file = join(directory, journal);
    const content = await readFile(file);
    await writeFile(file, content.fill(0xff, content.length >> 1, (content.length >> 1) + 8));
    const lost = { code: 'ERR_STORAGE_DAMAGED' };
    await expect(store.open()).rejects.toMatchObject({ ...lost, details: { file } });
    expect(store.status).toBe('closed');
    await expect(store.open()).rejects.toMatchObject({ ...lost, details: { file } });
    const salvaged = new LevelStore({}, { directory, isSalvage: true });
    await salvaged.open();
    const left = (await listed(salvaged)).length;
    expect([left > 0, left < 9]).toEqual([true, true]);
    await salvaged.close();
    await expect(store.open()).rejects.toMatchObject(lost);
  });

  it('shares one native write among concurrent callers', async () => {
    const faults = new SwitchFaults();
    const store = new LevelStore({ faults }, { directory: await newDirectory() });
    await store.open();
    const calls = Array.from({ length: 64 }, (_, i) =>
      store.batch([{ ...one, key: `k${i}` }], { sync: true }),
    );
    await Promise.all(calls);
    expect(faults.hits.filter((point) => point === 'store:write').length).toBeLessThan(10);
    expect((await listed(store)).length).toBe(64);
    await store.close();
  });

  it('wants the process to end after an input/output error, not after a full disk', async () => {
    let text = '';
    const faults: Faults = {
      hit: (point) => {
        const isDue = point === 'store:write' && text !== '';
        if (isDue) throw Object.assign(new Error(text), { code: 'LEVEL_IO_ERROR' });
      },
    };
    const fatal: string[] = [];
    const onFatal = (error: { readonly code: string }) => fatal.push(error.code);
    const store = new LevelStore({ faults, onFatal }, { directory: await newDirectory() });
    await store.open();
    text = 'IO error: No space left on device';
    await expect(store.batch([one])).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
    expect(fatal).toEqual([]);
    text = '';
    await store.open();
    text = 'IO error: Input/output error';
    await expect(store.batch([one])).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
    expect(fatal).toEqual(['ERR_STORAGE_IO']);
    await store.close();
  });

  it('types what LevelDB throws', () => {
    const level = (code: string, message: string) => Object.assign(new Error(message), { code });
    const init = { operation: 'writing the store' };
    const full = levelError(level('LEVEL_IO_ERROR', 'IO error: x: No space left on device'), init);
    expect([full.code, full.details['fatal']]).toEqual(['ERR_STORAGE_DISK_FULL', undefined]);
    const broken = levelError(level('LEVEL_IO_ERROR', 'IO error: x: Input/output error'), init);
    expect([broken.code, broken.details['fatal']]).toEqual(['ERR_STORAGE_IO', true]);
    const closed = levelError(level('LEVEL_DATABASE_NOT_OPEN', 'Database is not open'), init);
    expect(closed.code).toBe('ERR_STORAGE_NOT_OPEN');
  });
});

describe('what LevelStore defers', () => {
  const put = (key: string, size = 1) =>
    ({ namespace: 'state', key, value: new Uint8Array(size) }) as const;
  const open = async () => {
    const clock = new ManualClock();
    const faults = new SwitchFaults();
    const store = new LevelStore({ faults, clock }, { directory: await newDirectory() });
    await store.open();
    const flushes = () => faults.hits.filter((point) => point === 'store:write').length;
    return { clock, faults, store, flushes };
  };

  it('gathers for 20 ms from the first write on, and goes as one', async () => {
    const { clock, store, flushes } = await open();
    const all: Promise<void>[] = [];
    for (let i = 0; i < 10; i++) {
      all.push(store.defer([put(`k${i}`)]));
      await clock.advance(1);
    }
    await clock.advance(9);
    expect(flushes()).toBe(0);
    await clock.advance(1);
    await Promise.all(all);
    expect(flushes()).toBe(1);
    const next = store.defer([put('next')]);
    await clock.advance(19);
    expect(flushes()).toBe(1);
    await clock.advance(1);
    await next;
    expect(flushes()).toBe(2);
    await store.close();
  });

  it('goes at once when there is much of it', async () => {
    const { store, flushes } = await open();
    void store.defer([put('a', 200 * 1024)]);
    await new Promise(setImmediate);
    expect(flushes()).toBe(0);
    await store.defer([put('b', 100 * 1024)]);
    expect(flushes()).toBe(1);
    await store.close();
  });

  it('goes in its time when the batch that would have taken it along is refused', async () => {
    const { clock, store } = await open();
    const large = store.batch([put('large', 16 * 1024 * 1024)]);
    const done = store.defer([put('a')]);
    const refused = store.batch([put('b', 1024 * 1024)]);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STORAGE_BUSY' });
    await clock.advance(20);
    await Promise.all([large, done]);
    await store.close();
  });

  it('leaves no timer behind when it is closed', async () => {
    const { clock, faults, store } = await open();
    const timers = new Set<unknown>();
    const schedule = clock.schedule.bind(clock);
    clock.schedule = (delayMs, task) => {
      const timer = schedule(delayMs, task);
      const cancel = () => {
        timers.delete(timer);
        timer.cancel();
      };
      timers.add(timer);
      return { cancel };
    };
    void store.defer([put('a')]);
    faults.failAt('store:write');
    const failing = store.batch([put('b')]);
    // Behind a write that fails, and so not taken along by any.
    void store.defer([put('c')]);
    await expect(failing).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
    expect(timers.size).toBe(1);
    await store.close();
    expect(timers.size).toBe(0);
  });
});

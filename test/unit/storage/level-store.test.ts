import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, describe, expect, it } from 'vitest';
import { levelError } from '../../../storage/disk/level-error.ts';
import { encodeFormat, STORE_FORMAT_VERSION } from '../../../storage/disk/store-format.ts';
import type { Faults } from '../../../storage/faults.ts';
import { LevelStore } from '../../../storage/level-store.ts';
import { bytes, keyValueSuite, listed } from './key-value-suite.ts';
import { SwitchFaults } from './log-store-suite.ts';

const roots: string[] = [];
const newDirectory = async (): Promise<string> => {
  const root = await mkdtemp(join(tmpdir(), 'cooee-store-'));
  roots.push(root);
  return join(root, 'store');
};
afterAll(async () => {
  for (const root of roots) await rm(root, { recursive: true, force: true });
});

keyValueSuite('LevelStore', async () => {
  const directory = await newDirectory();
  const faults = new SwitchFaults();
  const store = new LevelStore({ faults }, { directory });
  return {
    store,
    faults,
    reborn: async () => {
      await store.close();
      return new LevelStore({}, { directory });
    },
  };
});

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

import { describe, expect, it } from 'vitest';
import { type FileFate, MemoryFiles } from '../../../../storage/files/memory-files.ts';
import { fileStoreSuite } from './file-store-suite.ts';

fileStoreSuite('MemoryFiles', {
  make: async (faults) => new MemoryFiles(faults === undefined ? {} : { faults }),
  restarted: async (store) => {
    (store as MemoryFiles).kill();
    return store;
  },
});

const content = new Uint8Array(200).fill(7);

async function crashed(fate: FileFate): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  await files.open();
  for (const name of ['synced', 'unsynced', 'removed', 'replaced']) {
    await files.append('draft', content);
    await files.finish('draft', name);
    if (name !== 'unsynced') await files.sync(name);
  }
  await files.remove('removed');
  await files.append('draft', content.subarray(0, 3));
  await files.finish('draft', 'replaced');
  await files.append('draft', content);
  files.crash(() => fate);
  await files.open();
  return files;
}

describe('MemoryFiles that lose power', () => {
  const lengths = async (fate: FileFate): Promise<Record<string, number>> => {
    const all = await (await crashed(fate)).list();
    return Object.fromEntries(all.map(({ name, sizeBytes }) => [name, sizeBytes]));
  };

  it('keep what was synced', async () => {
    for (const fate of ['lost', 'cut', 'zeroed', 'kept'] as const) {
      expect(await (await crashed(fate)).read('synced', 0, 999)).toEqual(content);
    }
  });

  it('lose what was not, or a part of it', async () => {
    expect(await lengths('lost')).toEqual({ synced: 200, removed: 200, replaced: 200 });
    expect(await lengths('cut')).toEqual({ synced: 200, unsynced: 100, removed: 200, replaced: 1 });
    const kept = { synced: 200, unsynced: 200, replaced: 3 };
    expect(await lengths('kept')).toEqual(kept);
    const zeroed = await (await crashed('zeroed')).read('unsynced', 0, 999);
    expect(zeroed).toHaveLength(200);
    expect([zeroed?.[99], zeroed?.[100], zeroed?.[163], zeroed?.[164]]).toEqual([7, 0, 0, 7]);
  });

  it('make nothing durable that was being synced then', async () => {
    let goOn: () => void = () => undefined;
    const files = new MemoryFiles({ sync: () => new Promise((resolve) => (goOn = resolve)) });
    await files.open();
    await files.append('draft', content);
    await files.finish('draft', 'one');
    const synced = files.sync('one');
    files.crash();
    await files.open();
    goOn();
    await expect(synced).rejects.toMatchObject({ code: 'ERR_STORAGE_NOT_OPEN' });
    files.crash();
    await files.open();
    expect(await files.list()).toEqual([]);
  });
});

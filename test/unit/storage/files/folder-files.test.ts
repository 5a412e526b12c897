import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FolderFiles } from '../../../../storage/files/folder-files.ts';
import { temporaryFolders } from '../temporary-folder.ts';
import { failing, fileStoreSuite } from './file-store-suite.ts';

const newFolder = temporaryFolders();
const directories = new Map<object, string>();

fileStoreSuite('FolderFiles', {
  make: async (faults) => {
    const directory = join(await newFolder(), 'snapshots');
    const store = new FolderFiles(faults === undefined ? {} : { faults }, { directory });
    directories.set(store, directory);
    return store;
  },
  restarted: async (store) => new FolderFiles({}, { directory: directories.get(store) ?? '' }),
});

describe('FolderFiles', () => {
  it('lets nobody else read, and keeps to names of its own', async () => {
    const directory = join(await newFolder(), 'snapshots');
    const files = new FolderFiles({}, { directory });
    await files.open();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    await files.append('draft', new Uint8Array(3));
    expect(readdirSync(directory)).toEqual(['draft.part']);
    expect(statSync(join(directory, 'draft.part')).mode & 0o777).toBe(0o600);
    await files.finish('draft', 'one');
    expect(statSync(join(directory, 'one')).mode & 0o777).toBe(0o600);
    writeFileSync(join(directory, '.DS_Store'), 'x');
    expect(await files.list()).toEqual([{ name: 'one', sizeBytes: 3 }]);
    await files.close();
  });

  it('removes what a start before left of drafts', async () => {
    const directory = await newFolder();
    writeFileSync(join(directory, 'old.part'), 'x');
    writeFileSync(join(directory, 'whole'), 'x');
    const files = new FolderFiles({}, { directory });
    await files.open();
    expect(readdirSync(directory)).toEqual(['whole']);
    await files.close();
  });

  it('leaves nothing of a draft that could not get its name, once it is given up', async () => {
    const directory = await newFolder();
    const files = new FolderFiles({ faults: failing('file:rename', 'EIO') }, { directory });
    await files.open();
    await files.append('draft', new Uint8Array(3));
    await expect(files.finish('draft', 'one')).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
    expect(existsSync(join(directory, 'draft.part'))).toBe(true);
    await files.discard('draft');
    expect(readdirSync(directory)).toEqual([]);
    await files.close();
  });

  it('says when its folder cannot be made', async () => {
    const folder = await newFolder();
    writeFileSync(join(folder, 'taken'), 'x');
    const files = new FolderFiles({}, { directory: join(folder, 'taken', 'x') });
    await expect(files.open()).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
  });
});

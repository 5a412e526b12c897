import { describe, expect, it } from 'vitest';
import type { FileStore } from '../../../../protocols/interface/index.ts';
import { type Faults, systemError } from '../../../../storage/faults.ts';

/** One implementation, as the suite makes it. */
export interface FileStoreCase {
  /** A store on an empty disk. */
  make(faults?: Faults): Promise<FileStore>;
  /** The same disk after the process was killed. */
  restarted(store: FileStore): Promise<FileStore>;
}

const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all);

/** Fails at one point. */
export const failing = (point: string, code: 'ENOSPC' | 'EIO'): Faults => ({
  hit: (hit) => {
    if (hit === point) throw systemError(code);
  },
});

async function opened(made: FileStoreCase, faults?: Faults): Promise<FileStore> {
  const store = await made.make(faults);
  await store.open();
  return store;
}

async function write(store: FileStore, file: string, ...pieces: Uint8Array[]): Promise<void> {
  for (const piece of pieces) await store.append('draft', piece);
  await store.finish('draft', file);
}

/** What every {@link FileStore} does. */
export function fileStoreSuite(name: string, made: FileStoreCase): void {
  describe(`${name} as a file store`, () => {
    keeps(made);
    refuses(made);
    fails(made);
  });
}

/** Files that come and go. */
function keeps(made: FileStoreCase): void {
  it('writes a file front to back, and shows it when it is whole', async () => {
    const store = await opened(made);
    const piece = bytes(1, 2, 3);
    await store.append('draft', piece);
    piece.fill(9);
    await store.append('draft', bytes(4, 5));
    expect(await store.list()).toEqual([]);
    expect(await store.read('one', 0, 5)).toBeUndefined();
    await store.finish('draft', 'one');
    await write(store, 'another');
    expect(await store.list()).toEqual([
      { name: 'another', sizeBytes: 0 },
      { name: 'one', sizeBytes: 5 },
    ]);
    expect(await store.read('one', 0, 5)).toEqual(bytes(1, 2, 3, 4, 5));
    expect(await store.read('one', 1, 3)).toEqual(bytes(2, 3, 4));
    expect(await store.read('one', 3, 9)).toEqual(bytes(4, 5));
    expect(await store.read('one', 7, 9)).toEqual(bytes());
    await store.close();
  });

  it('takes pieces of any size', async () => {
    const store = await opened(made);
    const large = new Uint8Array(700_000).map((_, i) => i % 251);
    await write(store, 'large', large, large.subarray(0, 10));
    expect(await store.list()).toEqual([{ name: 'large', sizeBytes: 700_010 }]);
    expect(await store.read('large', 699_999, 4)).toEqual(bytes(699_999 % 251, 0, 1, 2));
    await store.close();
  });

  it('replaces a file as a whole, and removes one or none', async () => {
    const store = await opened(made);
    await write(store, 'one', bytes(1));
    await write(store, 'one', bytes(2, 3));
    expect(await store.read('one', 0, 9)).toEqual(bytes(2, 3));
    await store.remove('one');
    await store.remove('one');
    expect(await store.list()).toEqual([]);
    await store.close();
  });

  it('begins a draft anew that was given up', async () => {
    const store = await opened(made);
    await store.discard('draft');
    await store.append('draft', bytes(1, 1, 1));
    await store.discard('draft');
    await write(store, 'one', bytes(2));
    expect(await store.read('one', 0, 9)).toEqual(bytes(2));
    await store.close();
  });

  it('keeps what is whole when it is killed, and no draft', async () => {
    const store = await opened(made);
    await write(store, 'one', bytes(1));
    await store.append('draft', bytes(7));
    const again = await made.restarted(store);
    await again.open();
    expect(await again.list()).toEqual([{ name: 'one', sizeBytes: 1 }]);
    await write(again, 'two', bytes(2));
    await again.sync('two');
    expect(await again.read('two', 0, 9)).toEqual(bytes(2));
    await again.close();
    // The handles of a process that is killed go with it; these are this process's.
    await store.close();
  });
}

/** What it does not do. */
function refuses(made: FileStoreCase): void {
  it('does nothing before it is open and after it was closed', async () => {
    const store = await made.make();
    const closed = { code: 'ERR_STORAGE_NOT_OPEN' };
    const all = (): Promise<unknown>[] => [
      store.list(),
      store.append('draft', bytes(1)),
      store.finish('draft', 'one'),
      store.discard('draft'),
      store.read('one', 0, 1),
      store.sync('one'),
      store.remove('one'),
    ];
    for (const call of all()) await expect(call).rejects.toMatchObject(closed);
    await store.open();
    await store.open();
    await store.close();
    await store.close();
    for (const call of all()) await expect(call).rejects.toMatchObject(closed);
  });

  it('refuses what is no name of a file', async () => {
    const store = await opened(made);
    for (const file of ['', '..', 'a/b', '/a', 'A', 'a.part', 'a'.repeat(65), 'a\0', 'ä']) {
      const refused = { code: 'ERR_STORAGE_KEY' };
      await expect(store.append(file, bytes(1))).rejects.toMatchObject(refused);
      await expect(store.finish('draft', file)).rejects.toMatchObject(refused);
      await expect(store.discard(file)).rejects.toMatchObject(refused);
      await expect(store.read(file, 0, 1)).rejects.toMatchObject(refused);
      await expect(store.sync(file)).rejects.toMatchObject(refused);
      await expect(store.remove(file)).rejects.toMatchObject(refused);
    }
    await store.close();
  });
}

/** What a broken disk does. */
function fails(made: FileStoreCase): void {
  it('says that the disk is full, and goes on when there is room', async () => {
    let isFull = true;
    const store = await opened(made, {
      hit: (point) => {
        if (isFull && point === 'file:write') throw systemError('ENOSPC');
      },
    });
    const full = { code: 'ERR_STORAGE_DISK_FULL' };
    await expect(store.append('draft', bytes(1))).rejects.toMatchObject(full);
    isFull = false;
    await store.discard('draft');
    await write(store, 'one', bytes(3));
    expect(await store.read('one', 0, 9)).toEqual(bytes(3));
    await store.close();
  });

  for (const point of ['file:sync', 'file:folder-sync']) {
    it(`calls it fatal when ${point} fails, unless the disk is full`, async () => {
      const broken = await opened(made, failing(point, 'EIO'));
      await write(broken, 'one', bytes(1));
      const error = { code: 'ERR_STORAGE_IO', details: { fatal: true } };
      await expect(broken.sync('one')).rejects.toMatchObject(error);
      await broken.close();
      const full = await opened(made, failing(point, 'ENOSPC'));
      await write(full, 'one', bytes(1));
      const thrown = await full.sync('one').catch((caught: unknown) => caught);
      expect(thrown).toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
      expect((thrown as { details: object }).details).not.toHaveProperty('fatal');
      await full.close();
    });
  }

  it('names the error of a read, a rename, a removal, and of what is not there', async () => {
    for (const point of ['file:read', 'file:rename', 'file:unlink'] as const) {
      const store = await opened(made, failing(point, 'EIO'));
      await store.append('draft', bytes(1));
      const io = { code: 'ERR_STORAGE_IO', details: { cause: 'EIO' } };
      if (point === 'file:rename') {
        await expect(store.finish('draft', 'one')).rejects.toMatchObject(io);
      } else {
        await store.finish('draft', 'one');
        const call = point === 'file:read' ? store.read('one', 0, 1) : store.remove('one');
        await expect(call).rejects.toMatchObject(io);
      }
      await store.close();
    }
    const store = await opened(made);
    const thrown = await store.sync('none').catch((caught: unknown) => caught);
    expect(thrown).toMatchObject({ code: 'ERR_STORAGE_IO' });
    expect((thrown as { details: object }).details).not.toHaveProperty('fatal');
    await store.close();
  });
}

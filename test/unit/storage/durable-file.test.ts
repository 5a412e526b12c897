import { readdirSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type DurableStep,
  durableText,
  makeFolder,
  readBounded,
  readTextBounded,
  toStorageError,
  writeDurable,
} from '../../../storage/durable-file.ts';
import { temporaryFolders } from './temporary-folder.ts';

const temporaryFolder = temporaryFolders();
const STEPS: readonly DurableStep[] = ['create', 'write', 'sync', 'rename', 'sync-folder'];

describe('makeFolder', () => {
  it('makes what is missing above as well, closed to others; leaves what is there', async () => {
    const folder = join(await temporaryFolder(), 'a', 'b', 'c');
    await makeFolder(folder);
    await makeFolder(folder);
    for (const path of [folder, join(folder, '..')]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
  });

  it('ends where nothing can be made', async (context) => {
    if (process.platform !== 'linux') context.skip('there is no /proc');
    for (const path of ['/proc/cooee', '/proc/cooee/a/b']) {
      await expect(makeFolder(path)).rejects.toMatchObject({ code: 'ENOENT' });
    }
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(join(file, 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

describe('writeDurable', () => {
  it('writes with mode 0600 whatever the umask', async () => {
    const file = join(await temporaryFolder(), 'x');
    await writeDurable(file, 'new');
    expect(await readFile(file, 'utf8')).toBe('new');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('takes its steps in the order that makes it durable', async () => {
    const seen: DurableStep[] = [];
    const file = join(await temporaryFolder(), 'x');
    await writeDurable(file, 'new', { beforeStep: (step) => seen.push(step) });
    expect(seen).toEqual(STEPS);
  });

  for (const at of STEPS) {
    it(`leaves the old content or the new when the disk is full at "${at}"`, async () => {
      const folder = await temporaryFolder();
      const file = join(folder, 'x');
      await writeDurable(file, 'old');
      const beforeStep = (step: DurableStep): void => {
        if (step === at) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      };
      await expect(writeDurable(file, 'new', { beforeStep })).rejects.toMatchObject({
        code: 'ERR_STORAGE_DISK_FULL',
        details: { file, system: 'ENOSPC' },
      });
      expect(await readFile(file, 'utf8')).toBe(at === 'sync-folder' ? 'new' : 'old');
      expect(await readdir(folder)).toEqual(['x']);
    });
  }

  it('survives concurrent writers of one file: one of them wins as a whole', async () => {
    const folder = await temporaryFolder();
    const texts = Array.from({ length: 20 }, (_, n) => String(n).repeat(5_000));
    await Promise.all(texts.map((text) => writeDurable(join(folder, 'x'), text)));
    expect(texts).toContain(await readFile(join(folder, 'x'), 'utf8'));
    expect(await readdir(folder)).toEqual(['x']);
  });

  it('is not kept from it by what a killed program of the same number left', async () => {
    // In a container every start has the same number, and counts its writes from one.
    const folder = await temporaryFolder();
    const file = join(folder, 'x');
    let mine = '';
    await writeDurable(file, 'old', {
      beforeStep: (step) => {
        if (step === 'write') mine = readdirSync(folder)[0] ?? '';
      },
    });
    const next = mine.replace(/(\d+)\.tmp$/, (_, count) => `${Number(count) + 1}.tmp`);
    expect(next).not.toBe(mine);
    await writeFile(join(folder, next), 'half');
    await writeDurable(file, 'new');
    expect(await readFile(file, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['x']);
  });

  it('names the file when it cannot be written', async () => {
    const file = join(await temporaryFolder(), 'missing', 'x');
    await expect(writeDurable(file, '')).rejects.toMatchObject({
      code: 'ERR_STORAGE_IO',
      details: { file, system: 'ENOENT' },
    });
  });
});

describe('readBounded', () => {
  it('gives undefined for no file', async () => {
    expect(await readBounded(join(await temporaryFolder(), 'x'), 10)).toBeUndefined();
  });

  it.each([0, 1, 9, 10])('reads %i of at most 10 bytes', async (length) => {
    const file = join(await temporaryFolder(), 'x');
    await writeFile(file, 'a'.repeat(length));
    expect(await readTextBounded(file, 10)).toBe('a'.repeat(length));
  });

  it.each([11, 100_000])('refuses %i of at most 10 bytes', async (length) => {
    const file = join(await temporaryFolder(), 'x');
    await writeFile(file, 'a'.repeat(length));
    await expect(readBounded(file, 10)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
  });

  it('refuses bytes that are not text as text', async () => {
    const file = join(await temporaryFolder(), 'x');
    await writeFile(file, Uint8Array.of(0xff, 0xfe));
    await expect(readTextBounded(file, 10)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
  });

  it('names a folder in the place of the file', async () => {
    const folder = await temporaryFolder();
    await expect(readBounded(folder, 10)).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
  });
});

describe('durableText', () => {
  it('carries writes out in order and goes on after a failed one', async () => {
    const folder = await temporaryFolder();
    const text = durableText(join(folder, 'x'), 10);
    expect(await text.read()).toBeUndefined();
    await Promise.all(['1', '2', '3'].map((value) => text.write(value)));
    expect(await text.read()).toBe('3');
    const lost = durableText(join(folder, 'missing', 'x'), 10);
    await expect(lost.write('1')).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
    await expect(lost.write('2')).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
  });
});

describe('toStorageError', () => {
  it.each([
    ['IO error: /h/lock/MANIFEST-000001: No space left on device', 'ERR_STORAGE_DISK_FULL'],
    ['IO error: /h/lock/MANIFEST-000001: Input/output error', 'ERR_STORAGE_IO'],
  ])('reads the text of LevelDB: %s', (message, code) => {
    const thrown = Object.assign(new Error(message), { code: 'LEVEL_IO_ERROR' });
    expect(toStorageError(thrown, '/h')).toMatchObject({ code });
  });

  it.each([
    ['ENOSPC', 'ERR_STORAGE_DISK_FULL'],
    ['EDQUOT', 'ERR_STORAGE_DISK_FULL'],
    ['EIO', 'ERR_STORAGE_IO'],
  ])('turns %s into %s', (system, code) => {
    const error = toStorageError(Object.assign(new Error('x'), { code: system }), '/f');
    expect(error).toMatchObject({ code, details: { file: '/f', system } });
    expect(toStorageError(error, '/other')).toBe(error);
  });

  it.each([
    ['EROFS', 'EROFS: read-only file system, mkdir /h/lock'],
    ['LEVEL_IO_ERROR', 'IO error: /h/lock/LOCK: Read-only file system'],
  ])('names a file system that is read-only: %s', (code, message) => {
    expect(toStorageError(Object.assign(new Error(message), { code }), '/h/lock')).toMatchObject({
      code: 'ERR_STORAGE_IO',
      message: 'The file system of /h/lock is read-only.',
      remedy: expect.stringContaining('mounted for writing'),
    });
  });
});

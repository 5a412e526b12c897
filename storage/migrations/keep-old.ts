import { existsSync } from 'node:fs';
import { cp, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder, TEMPORARY_SUFFIX, toStorageError } from '../durable-file.ts';

/**
 * Keeps a folder as it is before a migration changes it: a copy of it under that name, whole and on
 * the disk when this resolves. A copy that is there already stays: it is from before an attempt
 * that was interrupted.
 *
 * @throws CooeeError ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO; nothing is left of the copy then
 */
export async function keepOld(folder: string, target: string): Promise<void> {
  if (existsSync(target)) return;
  const parent = dirname(target);
  const temporary = join(parent, `${basename(target)}${TEMPORARY_SUFFIX}`);
  try {
    await mkdir(parent, { recursive: true, mode: 0o700 });
    await rm(temporary, { recursive: true, force: true });
    await cp(folder, temporary, { recursive: true, preserveTimestamps: true });
    await syncTree(temporary);
    await rename(temporary, target);
    await syncFolder(parent);
  } catch (thrown) {
    await rm(temporary, { recursive: true, force: true });
    throw toStorageError(thrown, target);
  }
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else await syncFile(path);
  }
  await syncFolder(folder);
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

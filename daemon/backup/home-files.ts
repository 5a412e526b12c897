import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DISK_FOLDER } from '../../protocols/interface/home-path.ts';
import { TEMPORARY_SUFFIX, toStorageError } from '../../storage/durable-file.ts';
import { RESTORED_FOLDER, RESTORING_FOLDER, STAGING_FOLDER } from '../../storage/home-restore.ts';
import { isArchivePath } from './archive-codec.ts';
import type { ArchivedFile } from './archive-writer.ts';

/** What a home holds that may go into a backup. */
export interface HomeFiles {
  readonly files: readonly ArchivedFile[];
  /** Paths that no backup can hold: links, sockets of others, names that are not plain. */
  readonly skipped: readonly string[];
}

/** The database of the lock, who holds it, on which machine, and the disk's own: of one place. */
const OF_THIS_PLACE = ['lock', 'pid', 'machine', DISK_FOLDER];

/** Meshes that were left, and stores from before a migration or with damage: kept, not needed. */
const ASIDE = ['old', 'mesh/damaged'];

const UNFINISHED = [STAGING_FOLDER, RESTORING_FOLDER, RESTORED_FOLDER];

/** LevelDB's lock and its chatter. */
const OF_LEVEL = /^mesh\/store\/(LOCK|LOG|LOG\.old)$/;

/** Snapshots that were being taken. */
const DRAFTS = /^mesh\/snapshots\/[^/]*\.part$/;

/** Whether something of a home, by its path in it, has no place in a backup. */
export function isReserved(path: string): boolean {
  const isIn = (folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  if ([...OF_THIS_PLACE, ...ASIDE, ...UNFINISHED].some(isIn)) return true;
  if (DRAFTS.test(path)) return true;
  return OF_LEVEL.test(path) || /\.sock$/.test(path) || path.endsWith(TEMPORARY_SUFFIX);
}

/**
 * All files of a home that belong into a backup, sorted by path.
 *
 * @param except - paths that are left out besides
 * @throws CooeeError ERR_STORAGE_IO
 */
export async function homeFiles(home: string, except: readonly string[] = []): Promise<HomeFiles> {
  const files: ArchivedFile[] = [];
  const skipped: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const name of (await readdir(join(home, folder))).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (isReserved(path) || except.includes(path)) continue;
      const source = join(home, path);
      const stats = await lstat(source);
      if (stats.isDirectory()) await visit(path);
      else if (stats.isFile() && isArchivePath(path)) files.push({ path, source });
      else skipped.push(path);
    }
  };
  try {
    await visit('');
  } catch (thrown) {
    throw toStorageError(thrown, home);
  }
  return { files, skipped };
}

import { randomUUID } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode, toStorageError } from '../../storage/durable-file.ts';
import { isFileName } from '../../storage/files/file-name.ts';
import { STAGING_FOLDER } from '../../storage/home-restore.ts';
import { copyStores, type StoresInUse } from './copy-stores.ts';
import { homeFiles } from './home-files.ts';

/** After this time nobody reads a copy any more: its command was killed. */
const FORGOTTEN_MS = 60 * 60 * 1000;

const LOG_FOLDER = 'mesh/log';
const STORE_FOLDER = 'mesh/store';
const SNAPSHOTS_FOLDER = 'mesh/snapshots';

/** A home in use, and the stores that its daemon has open. */
export interface HomeInUse extends StoresInUse {
  readonly home: string;
  readonly nowMs: number;
}

/** A copy of a home. */
export interface StagedHome {
  /** Absolute. */
  readonly folder: string;
  /** What of the home it lacks because no backup can hold it: links above all. */
  readonly skipped: readonly string[];
}

/**
 * Makes a copy of a home that is in use, in a folder of that home: files as they are, log and state
 * as of one moment. It is as secret as the home, and is removed by whoever asked for it; at the
 * latest when the home is opened the next time.
 *
 * @throws CooeeError ERR_STORAGE_*; what the signal was aborted with; nothing is left of it then
 */
export async function stageHome(use: HomeInUse): Promise<StagedHome> {
  const { signal } = use;
  const staging = join(use.home, STAGING_FOLDER);
  const folder = join(staging, randomUUID());
  try {
    await mkdir(staging, { recursive: true, mode: 0o700 });
    await removeForgotten(staging, use.nowMs);
    await mkdir(folder, { mode: 0o700 });
    const { files, skipped } = await homeFiles(use.home, [
      LOG_FOLDER,
      STORE_FOLDER,
      SNAPSHOTS_FOLDER,
    ]);
    for (const { path, source } of files) {
      signal.throwIfAborted();
      await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
      await copyFile(source, join(folder, path));
    }
    await mkdir(join(folder, 'mesh'), { recursive: true, mode: 0o700 });
    const targets = { log: join(folder, LOG_FOLDER), store: join(folder, STORE_FOLDER) };
    await copyStores(use, targets);
    const snapshots = {
      from: join(use.home, SNAPSHOTS_FOLDER),
      to: join(folder, SNAPSHOTS_FOLDER),
    };
    await copySnapshots(snapshots, signal);
    // Whoever asked for it does not hear of it any more: nobody would remove it.
    signal.throwIfAborted();
    return { folder, skipped };
  } catch (thrown) {
    await rm(folder, { recursive: true, force: true });
    throw toStorageError(thrown, folder);
  }
}

/**
 * Files of snapshots never change, but go when another one is taken. A copy that lacks some, or has
 * more than the state tells of, forgets those when it is started.
 */
async function copySnapshots(
  { from, to }: { readonly from: string; readonly to: string },
  signal: AbortSignal,
): Promise<void> {
  if (!existsSync(from)) return;
  await mkdir(to, { mode: 0o700 });
  for (const name of await readdir(from)) {
    if (!isFileName(name)) continue;
    signal.throwIfAborted();
    try {
      // Where the file system can, both have the same blocks of the disk.
      await copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE);
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT') throw thrown;
    }
  }
}

async function removeForgotten(staging: string, nowMs: number): Promise<void> {
  for (const name of await readdir(staging)) {
    const { mtimeMs } = await stat(join(staging, name));
    if (nowMs - mtimeMs > FORGOTTEN_MS) await rm(join(staging, name), { recursive: true });
  }
}

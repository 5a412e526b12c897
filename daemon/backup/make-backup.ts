import { createReadStream, existsSync, rmSync, type Stats } from 'node:fs';
import {
  access,
  constants,
  type FileHandle,
  lchown,
  link,
  lstat,
  open,
  readdir,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CooeeError } from '../../protocols/interface/index.ts';
import {
  FILE_MODE,
  syncFolder,
  systemCode,
  TEMPORARY_SUFFIX,
  toStorageError,
} from '../../storage/durable-file.ts';
import { takeRightsOf } from '../../storage/home-folder.ts';
import { finishRestore, RESTORED_FOLDER } from '../../storage/home-restore.ts';
import { type HomeLock, lockHome } from '../../storage/lock.ts';
import type { BackupMade, BackupRequest } from '../cli/backup/tools.ts';
import { isFileThere } from '../cli/input/target-file.ts';
import { type ArchiveSize, writeArchive } from './archive-writer.ts';
import { type HomeFiles, homeFiles } from './home-files.ts';
import { seal } from './seal.ts';

/** Every home has it from its first moment on. */
const FORMAT_FILE = 'FORMAT';

/** See {@link BackupTools.checkTarget}. */
export async function checkTarget(file: string, isForced: boolean): Promise<void> {
  await checkOccupant(file, isForced);
  if (!existsSync(dirname(file))) {
    throw new CooeeError('ERR_BACKUP_NO_FOLDER', `There is no folder ${dirname(file)}.`, {
      details: { folder: dirname(file) },
    });
  }
  try {
    await access(dirname(file), constants.W_OK);
  } catch (thrown) {
    throw folderError(thrown, dirname(file));
  }
}

/** Why nothing can be written into the folder of a backup: with these it is the wrong one. */
export function folderError(thrown: unknown, folder: string): CooeeError {
  const system = systemCode(thrown) ?? '';
  if (!['EACCES', 'EPERM', 'EROFS'].includes(system)) return toStorageError(thrown, folder);
  return new CooeeError('ERR_API_USAGE', `This user may not write into ${folder} (${system}).`, {
    details: { folder },
    cause: thrown,
    remedy: 'Name a file in a folder that this user can write into.',
  });
}

async function checkOccupant(file: string, isForced: boolean): Promise<void> {
  let isThere: boolean;
  try {
    isThere = await isFileThere(file);
  } catch (thrown) {
    throw folderError(thrown, dirname(file));
  }
  if (isThere && !isForced) throw existsError(file);
}

/** See {@link BackupTools.makeBackup}. */
export async function makeBackup(request: BackupRequest): Promise<BackupMade> {
  const { source, isHome, file, isForced } = request;
  await checkTarget(file, isForced);
  const isRestoring = isHome && existsSync(join(source, RESTORED_FOLDER));
  if (!existsSync(join(source, FORMAT_FILE)) && !isRestoring) {
    throw new CooeeError('ERR_BACKUP_NO_HOME', `There is no home at ${source}.`, {
      details: { home: source },
    });
  }
  const lock = isHome ? await lockAsOwner(source) : undefined;
  try {
    // A restore that was cut off: half of the home is not in its place yet.
    if (isRestoring) await finishRestore(source);
    return await writeBackup(request, await homeFiles(source));
  } finally {
    await lock?.release();
  }
}

/** Root may make a backup of another's home, who is to have it afterwards as before. */
async function lockAsOwner(home: string): Promise<HomeLock> {
  const { uid } = await stat(home);
  const asOwner = async <T>(task: () => Promise<T>): Promise<T> => {
    const giveBack = takeRightsOf(uid);
    try {
      return await task();
    } finally {
      giveBack();
    }
  };
  if (await asOwner(() => canReach(home))) {
    const lock = await asOwner(() => lockHome(home));
    return { release: () => asOwner(() => lock.release()) };
  }
  // Such as the volume of a container, seen from its host.
  const lock = await lockHome(home);
  return {
    release: async () => {
      await lock.release();
      await giveLockTo(home, await stat(home));
    },
  };
}

/** Not by access(2), which asks for the real user. */
async function canReach(home: string): Promise<boolean> {
  try {
    await readdir(home);
    return true;
  } catch (thrown) {
    if (systemCode(thrown) === 'EACCES') return false;
    throw toStorageError(thrown, home);
  }
}

async function giveLockTo(home: string, { uid, gid }: Stats): Promise<void> {
  for (const name of ['lock', 'pid']) {
    const path = join(home, name);
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined) continue;
    await lchown(path, uid, gid);
    if (!found.isDirectory()) continue;
    for (const file of await readdir(path)) await lchown(join(path, file), uid, gid);
  }
}

async function writeBackup(request: BackupRequest, found: HomeFiles): Promise<BackupMade> {
  const { file, isForced, passphrase, workFactor, nowMs: madeMs, program, name } = request;
  const temporary = `${file}.${process.pid}${TEMPORARY_SUFFIX}`;
  const takeBack = request.onEnd?.(() => rmSync(temporary, { force: true }));
  try {
    let size: ArchiveSize = { files: 0, bytes: 0 };
    const head = { madeMs, program, name };
    const archive = writeArchive(head, found.files, (whole) => {
      size = whole;
    });
    const bytes = await writeFile(temporary, await seal(archive, passphrase, workFactor));
    await putInPlace(temporary, file, isForced);
    return { file, bytes, files: size.files, skipped: found.skipped };
  } catch (thrown) {
    throw toStorageError(thrown, file);
  } finally {
    takeBack?.();
    // The first fault is what counts.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** On the disk when it resolves. @returns its size */
async function writeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  // What a killed program left has the number of a process that is gone.
  await rm(path, { force: true });
  const file: FileHandle = await open(path, 'wx', FILE_MODE);
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      await file.writeFile(chunk);
      bytes += chunk.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return bytes;
}

async function putInPlace(temporary: string, file: string, isForced: boolean): Promise<void> {
  if (isForced) {
    // It was another one maybe, when it was looked at first.
    await checkOccupant(file, isForced);
    await rename(temporary, file);
  } else await linkTo(temporary, file);
  await syncFolder(dirname(file));
}

/** Unlike a rename, a link never replaces what came there meanwhile. */
async function linkTo(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file);
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'EEXIST') throw existsError(file);
    // A file system without hard links, as on most memory sticks.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw thrown;
    await checkOccupant(file, false);
    await rename(temporary, file);
  }
}

function existsError(file: string): CooeeError {
  return new CooeeError('ERR_BACKUP_EXISTS', `${file} is there already.`, { details: { file } });
}

/** The bytes of a backup. @throws CooeeError ERR_BACKUP_FOREIGN when there is no such file */
export async function* readBackup(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: 64 * 1024 });
  } catch (thrown) {
    const isThere = systemCode(thrown) !== 'ENOENT' && systemCode(thrown) !== 'EISDIR';
    if (isThere) throw toStorageError(thrown, file);
    throw new CooeeError('ERR_BACKUP_FOREIGN', `There is no backup at ${file}.`, { cause: thrown });
  }
}

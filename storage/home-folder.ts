import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mayBeHome } from '../protocols/interface/home-path.ts';
import { CooeeError, type Logger } from '../protocols/interface/index.ts';
import { makeFolder, systemCode, TEMPORARY_SUFFIX, toStorageError } from './durable-file.ts';

/** What {@link prepareFolder} needs to know. */
export interface FolderInit {
  /** Who we are; undefined where the system has no such thing. */
  readonly uid: number | undefined;
  readonly logger: Logger;
}

const MODE_OF_OTHERS = 0o077;
const MODE_OWN = 0o700;
const PERMISSION_BITS = 0o777;
/** What a home remembers of its mesh; its file is replaced as a whole, like those of the home. */
const MESH_FOLDER = 'mesh';

/** With these the path is wrong, not the disk. */
const NO_PLACE: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'EROFS',
  'ELOOP',
  'ENAMETOOLONG',
]);

/**
 * Makes the folder of a home, or checks the one that is there. Others must not get in: the folder's
 * mode is the boundary in front of keys and sockets, since Node cannot ask who connects to a
 * socket.
 *
 * @throws CooeeError ERR_API_USAGE where no folder can be, or one is that others use;
 * ERR_STORAGE_HOME_SYMLINK,
 * ERR_STORAGE_HOME_FOREIGN, ERR_STORAGE_IO, ERR_STORAGE_DISK_FULL
 */
export async function prepareFolder(path: string, init: FolderInit): Promise<void> {
  try {
    await checkName(path, init.uid);
    await makeFolder(path);
    const folder = await openFolder(path);
    try {
      await checkAndTighten(folder, path, init);
    } finally {
      await folder.close();
    }
  } catch (thrown) {
    throw accessError(thrown, path);
  }
}

/**
 * From here on root has the rights of whoever owns what it works on: it leaves nothing there that
 * the owner could not use, and follows no link to where the owner could not go. They are the
 * process's, so nothing else may be at work.
 *
 * @returns gives root's rights back
 * @throws CooeeError ERR_STORAGE_HOME_FOREIGN where root may not do so, as in some containers
 */
export function takeRightsOf(uid: number): () => void {
  if (process.geteuid?.() !== 0 || uid === 0) return () => undefined;
  try {
    process.seteuid?.(uid);
  } catch (cause) {
    throw new CooeeError(
      'ERR_STORAGE_HOME_FOREIGN',
      `this belongs to the user ${uid}, whose rights cannot be taken here`,
      { details: { owner: uid }, remedy: 'Run the command as that user.', cause },
    );
  }
  return () => process.seteuid?.(0);
}

/**
 * Removes what interrupted writes left. Only under the lock: they could be somebody's present
 * writes.
 */
export async function removeLeftovers(path: string): Promise<void> {
  for (const folder of [path, join(path, MESH_FOLDER)]) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(noneOfMissing)) {
      const isLeftover = entry.isFile() && entry.name.endsWith(TEMPORARY_SUFFIX);
      if (isLeftover) await rm(join(folder, entry.name), { force: true });
    }
  }
}

function noneOfMissing(thrown: unknown): never[] {
  if (systemCode(thrown) === 'ENOENT') return [];
  throw thrown;
}

async function checkName(path: string, uid: number | undefined): Promise<void> {
  const stats = await lstat(path).catch((thrown: unknown) => {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  });
  if (stats === undefined) return;
  if (stats.isDirectory()) {
    // One that is closed cannot be opened to ask.
    if (uid !== undefined && stats.uid !== uid) throw foreignError(path, stats.uid, uid);
    return;
  }
  if (stats.isSymbolicLink()) {
    throw new CooeeError('ERR_STORAGE_HOME_SYMLINK', `The home ${path} is a symbolic link.`, {
      details: { home: path },
    });
  }
  throw new CooeeError('ERR_API_USAGE', `The home ${path} is not a folder.`, {
    details: { home: path },
    remedy: 'Give a folder with --home.',
  });
}

// By descriptor from here on, and without following links: what was checked is what is changed.
function openFolder(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

async function checkAndTighten(folder: FileHandle, path: string, init: FolderInit): Promise<void> {
  const { uid, mode } = await folder.stat();
  if (init.uid !== undefined && uid !== init.uid) throw foreignError(path, uid, init.uid);
  if ((mode & MODE_OF_OTHERS) === 0) return;
  if (!mayBeHome(await readdir(path, { withFileTypes: true }))) throw sharedError(path);
  await folder.chmod(MODE_OWN);
  init.logger.warn(
    { home: path, was: (mode & PERMISSION_BITS).toString(8), now: MODE_OWN.toString(8) },
    'the home was open to others; closed it',
  );
}

function sharedError(path: string): CooeeError {
  return new CooeeError(
    'ERR_API_USAGE',
    `The folder ${path} holds other things and is open to others: it is no home.`,
    {
      details: { home: path },
      remedy: 'Give an empty folder, or one that is not there, with --home.',
    },
  );
}

function foreignError(path: string, owner: number, uid: number): CooeeError {
  return new CooeeError(
    'ERR_STORAGE_HOME_FOREIGN',
    `The home ${path} belongs to user ${owner}, not to user ${uid}.`,
    { details: { home: path, owner, uid } },
  );
}

function accessError(thrown: unknown, path: string): CooeeError {
  const system = systemCode(thrown);
  if (system !== undefined && NO_PLACE.has(system)) {
    return new CooeeError('ERR_API_USAGE', `There can be no home at ${path}: ${system}.`, {
      details: { home: path, system },
      cause: thrown,
      remedy: 'Give another folder with --home.',
    });
  }
  if (system !== 'EACCES') return toStorageError(thrown, path);
  return new CooeeError('ERR_STORAGE_HOME_FOREIGN', `This user may not use the home ${path}.`, {
    details: { home: path },
    cause: thrown,
  });
}

import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CooeeError, isCooeeError, toError } from '../protocols/interface/index.ts';

/** Owner may read and write, nobody else anything: the mode of every file in a home. */
export const FILE_MODE = 0o600;

/** Temporary files end in this; what a crash leaves of them is removed when the home is opened. */
export const TEMPORARY_SUFFIX = '.tmp';

/** The steps of a durable write, in order. */
export type DurableStep = 'create' | 'write' | 'sync' | 'rename' | 'sync-folder';

/** Options of {@link writeDurable}. */
export interface DurableWriteOptions {
  /** Called before each step; what it throws ends the write there, as a fault of the disk would. */
  readonly beforeStep?: (step: DurableStep) => void;
}

/**
 * A small text file that is replaced as a whole. `write` calls are carried out one after another.
 */
export interface DurableText {
  /** The text, or undefined when there is no such file. */
  read(): Promise<string | undefined>;
  /** On the disk when it resolves. */
  write(text: string): Promise<void>;
}

const FULL_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
/** LevelDB keeps no error number, only the system's text of it. */
const FULL_TEXT = /No space left on device|Disk quota exceeded|Disc quota exceeded/;

const READ_ONLY_TEXT = /Read-only file system/;

/** The system's code of an I/O error (`ENOENT`), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/**
 * Turns what the file system or LevelDB threw into ERR_STORAGE_DISK_FULL or ERR_STORAGE_IO; keeps
 * ours.
 */
export function toStorageError(thrown: unknown, file: string): CooeeError {
  if (isCooeeError(thrown)) return thrown;
  const system = systemCode(thrown) ?? 'unknown';
  const details = { file, system };
  const cause = toError(thrown);
  if (FULL_CODES.has(system) || (system === 'LEVEL_IO_ERROR' && FULL_TEXT.test(cause.message))) {
    return new CooeeError('ERR_STORAGE_DISK_FULL', `No room to write ${file}.`, { details, cause });
  }
  if (system === 'EROFS' || (system === 'LEVEL_IO_ERROR' && READ_ONLY_TEXT.test(cause.message))) {
    return new CooeeError('ERR_STORAGE_IO', `The file system of ${file} is read-only.`, {
      ...{ details, cause },
      remedy: 'Have it mounted for writing: the log of the system tells why it is not.',
    });
  }
  return new CooeeError('ERR_STORAGE_IO', `${file}: ${cause.message}`, { details, cause });
}

/** Makes the names in a folder durable (a rename is only in memory until its folder is synced). */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes a folder with mode 0700 and whatever is missing above it, durably. */
export async function makeFolder(path: string): Promise<void> {
  const first = await makeLevels(path);
  if (first !== undefined) await syncFolder(dirname(first));
}

/**
 * Level by level: Node's recursive mkdir tries for ever where nothing can be made below a folder
 * that is there, as in /proc.
 *
 * @returns the first folder that was made
 */
async function makeLevels(path: string, isAboveThere = false): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return path;
  } catch (thrown) {
    const isThere = await stat(path).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    if (isThere) return undefined;
    if (isAboveThere || systemCode(thrown) !== 'ENOENT') throw thrown;
  }
  const above = await makeLevels(dirname(path));
  const own = await makeLevels(path, true);
  return above ?? own;
}

let temporaryCount = 0;

/**
 * Replaces a file as a whole: after a crash at any moment there is the old content or the new,
 * never a mixture. The file has mode 0600 and is on the disk when this resolves.
 *
 * @throws CooeeError ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO; the old content is still there
 */
export async function writeDurable(
  path: string,
  data: string | Uint8Array,
  options: DurableWriteOptions = {},
): Promise<void> {
  temporaryCount += 1;
  const temporary = `${path}.${process.pid}-${temporaryCount}${TEMPORARY_SUFFIX}`;
  try {
    options.beforeStep?.('create');
    // A killed program may have left one of that name: in a container every start has its number.
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', FILE_MODE);
    await fill(file, data, options);
    options.beforeStep?.('rename');
    await rename(temporary, path);
    options.beforeStep?.('sync-folder');
    await syncFolder(dirname(path));
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first fault is what counts
    throw toStorageError(thrown, path);
  }
}

async function fill(
  file: FileHandle,
  data: string | Uint8Array,
  options: DurableWriteOptions,
): Promise<void> {
  try {
    options.beforeStep?.('write');
    await file.writeFile(data);
    options.beforeStep?.('sync');
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * The content of a file, or undefined when there is none.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED when it is longer than `bytesMax`; ERR_STORAGE_IO
 */
export async function readBounded(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    throw toStorageError(thrown, path);
  }
  try {
    return await readUpTo(file, path, bytesMax);
  } catch (thrown) {
    throw toStorageError(thrown, path);
  } finally {
    await file.close();
  }
}

async function readUpTo(file: FileHandle, path: string, bytesMax: number): Promise<Uint8Array> {
  // One byte more than allowed: the size that stat tells may be outdated, or 0 as in /proc.
  const buffer = new Uint8Array(bytesMax + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) return buffer.slice(0, length);
    length += bytesRead;
  }
  throw damaged(path, `is longer than ${bytesMax} bytes`);
}

/**
 * {@link readBounded} as UTF-8 text. @throws CooeeError ERR_STORAGE_DAMAGED when it is not UTF-8
 */
export async function readTextBounded(path: string, bytesMax: number): Promise<string | undefined> {
  const bytes = await readBounded(path, bytesMax);
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (thrown) {
    throw damaged(path, 'is not text', thrown);
  }
}

/** ERR_STORAGE_DAMAGED that names the file and what is wrong with it. */
export function damaged(file: string, what: string, cause?: unknown): CooeeError {
  return new CooeeError('ERR_STORAGE_DAMAGED', `${file} ${what}.`, { details: { file }, cause });
}

/** A bounded text file as a port for folders that may not touch the disk themselves. */
export function durableText(path: string, bytesMax: number): DurableText {
  let last: Promise<void> = Promise.resolve();
  return {
    read: () => readTextBounded(path, bytesMax),
    write: (text) => {
      const next = last.then(() => writeDurable(path, text));
      last = next.catch(() => undefined); // the caller of the failed write has been told
      return next;
    },
  };
}

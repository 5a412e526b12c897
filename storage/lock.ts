import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { CooeeError } from '../protocols/interface/index.ts';
import {
  makeFolder,
  readTextBounded,
  systemCode,
  toStorageError,
  writeDurable,
} from './durable-file.ts';

const LOCK_FOLDER = 'lock';
const LOCK_FILE = 'LOCK';
const PID_FILE = 'pid';
const PID_BYTES_MAX = 32;

/** A held lock on a home. */
export interface HomeLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes the exclusive lock of a home, at once or not at all. The kernel drops it when the process
 * ends, however it ends. Node has no flock, so an empty LevelDB lends its own: an fcntl lock, which
 * no child process inherits.
 *
 * @throws CooeeError ERR_STORAGE_HOME_LOCKED with the holder's pid in the details when it is known
 * @throws CooeeError ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO
 */
export async function lockHome(home: string): Promise<HomeLock> {
  const database = await openLock(join(home, LOCK_FOLDER), home);
  const pidFile = join(home, PID_FILE);
  try {
    await writeDurable(pidFile, `${process.pid}\n`);
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    // Before the lock goes: afterwards the file may be the next holder's.
    await rm(pidFile, { force: true });
    await database.close();
  };
  return {
    release: () => {
      released ??= release();
      return released;
    },
  };
}

/**
 * The pid that the present or last holder of a home wrote down, or undefined. A name, not a proof
 * of life.
 */
export async function lockHolder(home: string): Promise<number | undefined> {
  const text = await readTextBounded(join(home, PID_FILE), PID_BYTES_MAX).catch(() => undefined);
  return text !== undefined && /^[1-9]\d{0,9}\n$/.test(text) ? Number(text) : undefined;
}

async function openLock(folder: string, home: string): Promise<ClassicLevel> {
  try {
    // LevelDB does not tell why it could not make it.
    await makeFolder(folder);
  } catch (thrown) {
    throw toStorageError(thrown, folder);
  }
  try {
    return await openLevel(folder);
  } catch (thrown) {
    if (isLocked(thrown)) throw await lockedError(home, thrown);
  }
  // LevelDB locks before it reads, so nobody else was in it: a power cut has damaged it. It holds
  // nothing; start it anew, but keep the lock file itself, on which another process may hold the
  // lock by now.
  try {
    await removeAllButLock(folder);
    return await openLevel(folder);
  } catch (thrown) {
    if (isLocked(thrown)) throw await lockedError(home, thrown);
    throw toStorageError(causeOf(thrown), folder);
  }
}

async function openLevel(folder: string): Promise<ClassicLevel> {
  const database = new ClassicLevel(folder, { writeBufferSize: 64 * 1024, cacheSize: 0 });
  await database.open();
  return database;
}

async function removeAllButLock(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name !== LOCK_FILE) await rm(join(folder, name), { force: true, recursive: true });
  }
}

async function lockedError(home: string, cause: unknown): Promise<CooeeError> {
  const pid = await lockHolder(home);
  const holder = pid === undefined ? 'Another process' : `Process ${pid}`;
  return new CooeeError('ERR_STORAGE_HOME_LOCKED', `${holder} holds the home ${home}.`, {
    details: { home, pid: pid ?? null },
    cause,
  });
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
}

function isLocked(thrown: unknown): boolean {
  return systemCode(causeOf(thrown)) === 'LEVEL_LOCKED';
}

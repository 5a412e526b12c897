import { existsSync, lstatSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DISK_FOLDER } from '../../protocols/interface/home-path.ts';
import { CooeeError, silentLogger } from '../../protocols/interface/index.ts';
import {
  readTextBounded,
  syncFolder,
  toStorageError,
  writeDurable,
} from '../../storage/durable-file.ts';
import { checkFormat } from '../../storage/home.ts';
import { prepareFolder } from '../../storage/home-folder.ts';
import { finishRestore, RESTORED_FOLDER, RESTORING_FOLDER } from '../../storage/home-restore.ts';
import { type HomeLock, lockHome } from '../../storage/lock.ts';
import type { Restored, RestoreRequest } from '../cli/backup/tools.ts';
import { damagedBackup } from './archive-codec.ts';
import { type Unpacked, unpackArchive } from './archive-reader.ts';
import { readBackup } from './make-backup.ts';
import { writeRestoredMark } from './restored-mark.ts';
import { unseal } from './seal.ts';

const BOOT_FILE = 'boot';
/** What an attempt that was killed may have left, and what a disk has. */
const LEFTOVERS: ReadonlySet<string> = new Set(['lock', 'pid', RESTORING_FOLDER, DISK_FOLDER]);

/** See {@link BackupTools.restoreBackup}. */
export async function restoreBackup(request: RestoreRequest): Promise<Restored> {
  const { home, file } = request;
  const isNew = !existsSync(home);
  // Before the home is made: nothing of it is left when this is no backup, or not the passphrase.
  const opened = await unseal(readBackup(file), request.passphrase);
  const chunks = opened[Symbol.asyncIterator]();
  try {
    // Before its mode is changed: a folder that is refused is left as it is.
    if (!isNew && isFolder(home)) await assertEmpty(home);
    await prepareFolder(home, { uid: process.getuid?.(), logger: silentLogger });
    await assertEmpty(home);
    const lock = await lockHome(home);
    // Again: a daemon may have made a home there meanwhile, and have ended.
    await assertEmpty(home).catch(async (error: unknown) => {
      await lock.release();
      throw error;
    });
    return await restoreInto(request, {
      chunks: { [Symbol.asyncIterator]: () => chunks },
      lock,
      isNew,
    });
  } finally {
    await chunks.return?.();
  }
}

interface Restoring {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly lock: HomeLock;
  /** The folder of the home was made for this. */
  readonly isNew: boolean;
}

async function restoreInto(
  request: RestoreRequest,
  { chunks, lock, isNew }: Restoring,
): Promise<Restored> {
  const { home } = request;
  const folder = join(home, RESTORING_FOLDER);
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { mode: 0o700 });
    const { head, size } = await unpackArchive(chunks, folder);
    await adapt(folder, head, request);
    await rename(folder, join(home, RESTORED_FOLDER));
    await syncFolder(home);
    await finishRestore(home);
    await lock.release();
    return { home, made: new Date(head.madeMs).toISOString(), name: head.name, files: size.files };
  } catch (thrown) {
    await rm(folder, { recursive: true, force: true });
    await lock.release();
    await rm(join(home, 'lock'), { recursive: true, force: true });
    if (isNew) await rmdir(home).catch(() => undefined); // not empty: it came so far that it counts
    throw toStorageError(thrown, home);
  }
}

/** Makes a home of it that knows what it is: an older copy, in its place since now. */
async function adapt(
  folder: string,
  head: Unpacked['head'],
  request: RestoreRequest,
): Promise<void> {
  for (const name of ['FORMAT', 'node.key']) {
    if (!existsSync(join(folder, name))) throw damagedBackup(`it lacks the file ${name}`);
  }
  await checkFormat(folder);
  const text = (await readTextBounded(join(folder, BOOT_FILE), 64)) ?? '0\n';
  if (!/^\d{1,15}\n$/.test(text)) throw damagedBackup('its count of starts is none');
  // Starts are counted on from the seconds since 1970: above all that the home can have made since
  // the backup, or that another one made that was restored from it before. So no number is used
  // twice, and members take this home for the later.
  const boot = Math.max(Number(text), Math.floor(request.nowMs / 1_000));
  await writeDurable(join(folder, BOOT_FILE), `${boot}\n`);
  const { madeMs } = head;
  await writeRestoredMark(folder, {
    madeMs,
    restoredMs: request.nowMs,
    lead: request.isLead,
    index: null,
  });
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

async function assertEmpty(home: string): Promise<void> {
  const names = (await readdir(home)).filter((name) => !LEFTOVERS.has(name));
  if (names.length === 0) return;
  throw new CooeeError('ERR_BACKUP_HOME_NOT_EMPTY', `The home ${home} is not empty.`, {
    details: { home, found: names.slice(0, 5).join(', ') },
  });
}

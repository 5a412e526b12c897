import { existsSync, lstatSync, rmSync } from 'node:fs';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { CooeeError, silentLogger } from '../protocols/interface/index.ts';
import { syncFolder } from './durable-file.ts';
import { prepareFolder, takeRightsOf } from './home-folder.ts';
import { lockHome } from './lock.ts';

/** Copies that a daemon made for a backup, until that has read them. */
export const STAGING_FOLDER = 'staging';

/** A backup that is being unpacked: worth nothing. */
export const RESTORING_FOLDER = 'restoring';

/** A backup that was unpacked whole, and is being put in its place. */
export const RESTORED_FOLDER = 'restored-files';

/**
 * Puts what was unpacked in its place. The rename that made the folder was the step that counts:
 * this comes to the same end when it is called again after a crash.
 *
 * @param home - a home whose lock is held
 */
export async function finishRestore(home: string): Promise<void> {
  const folder = join(home, RESTORED_FOLDER);
  if (!existsSync(folder)) return;
  for (const name of await readdir(folder)) await rename(join(folder, name), join(home, name));
  await syncFolder(home);
  await rmdir(folder);
  await syncFolder(home);
}

/** Removes what backups and restores left that did not come to their end. */
export async function removeUnfinished(home: string): Promise<void> {
  for (const name of [STAGING_FOLDER, RESTORING_FOLDER]) {
    await rm(join(home, name), { recursive: true, force: true });
  }
}

/**
 * Finishes a restore that was cut off while it put its files in place: to be called before any file
 * of the home is read. Nothing is done, and no home made, where there is none.
 *
 * @throws CooeeError as opening a home does
 */
export async function completeRestore(home: string): Promise<void> {
  if (!existsSync(join(home, RESTORED_FOLDER))) return;
  await prepareFolder(home, { uid: process.getuid?.(), logger: silentLogger });
  const lock = await lockHome(home);
  try {
    await finishRestore(home);
  } finally {
    await lock.release();
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Removes the copy of a home that a daemon made and named. Root may ask the daemon of another user,
 * who is not to say what root removes: so it must be such a copy, and goes with its owner's rights,
 * by which a link that is put in the way leads nowhere.
 *
 * @throws CooeeError ERR_BACKUP_NO_HOME when it is no such copy
 */
export function removeCopy(folder: string): void {
  const staging = dirname(folder);
  const isNamed = basename(staging) === STAGING_FOLDER && UUID.test(basename(folder));
  const [above, copy] = [staging, folder].map((it) => lstatSync(it, { throwIfNoEntry: false }));
  if (!isNamed || !isAbsolute(folder) || above?.isDirectory() !== true) throw noCopy(folder);
  if (copy === undefined) return;
  if (!copy.isDirectory() || copy.uid !== above.uid) throw noCopy(folder);
  const giveBack = takeRightsOf(copy.uid);
  try {
    rmSync(folder, { recursive: true, force: true });
  } finally {
    giveBack();
  }
}

function noCopy(folder: string): CooeeError {
  const message = `${folder} is no copy of a home that a daemon made: left as it is.`;
  return new CooeeError('ERR_BACKUP_NO_HOME', message, {
    details: { folder },
    remedy: 'Look at that folder, and remove it yourself when it is a copy.',
  });
}

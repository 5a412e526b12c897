import { existsSync } from 'node:fs';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './durable-file.ts';

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

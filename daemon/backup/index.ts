/**
 * Backups of one node's home: a sealed archive of its files, made of a home that is stopped or of
 * the copy that its daemon makes, and put back into an empty home.
 *
 * @packageDocumentation
 */
import { removeCopy } from '../../storage/home-restore.ts';
import type { BackupTools } from '../cli/backup/tools.ts';
import { checkTarget, makeBackup } from './make-backup.ts';
import { restoreBackup } from './restore-backup.ts';

/** What the command line does by itself, without a daemon. */
export const backupTools: BackupTools = {
  makeBackup,
  restoreBackup,
  checkTarget,
  removeCopy,
};

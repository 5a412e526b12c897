import { lstat } from 'node:fs/promises';
import { CooeeError } from '../../../protocols/interface/index.ts';

/**
 * Whether a file stands where one is to be written. What is no regular file is never replaced: a
 * rename by root would put a file in the place of a device, for every program of the host.
 *
 * @throws CooeeError ERR_API_USAGE when something else stands there; what the system throws when it
 * cannot be seen
 */
export async function isFileThere(path: string): Promise<boolean> {
  try {
    const stats = await lstat(path);
    if (stats.isFile()) return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw thrown;
  }
  throw new CooeeError('ERR_API_USAGE', `${path} is there, and is no regular file`, {
    remedy: 'Name a file that is not there yet.',
  });
}

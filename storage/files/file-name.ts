import { CooeeError } from '../../protocols/interface/index.ts';

/** Ending of a draft: what a start finds of them is removed. */
export const DRAFT_SUFFIX = '.part';

const NAME = /^[a-z0-9-]{1,64}$/;

/** Whether that is the name of a file of a `FileStore`. */
export function isFileName(name: string): boolean {
  return NAME.test(name);
}

/** @throws CooeeError ERR_STORAGE_KEY unless it is a name: it must not lead out of the folder */
export function assertFileName(name: string): void {
  if (!isFileName(name)) throw new CooeeError('ERR_STORAGE_KEY', 'not the name of a file');
}

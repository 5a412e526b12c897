import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { base32 } from 'multiformats/bases/base32';
import { systemCode, writeDurable } from '../../storage/durable-file.ts';
import type { Home } from '../../storage/home.ts';

/** Holds the key of a mesh that was made where nobody could be shown it. */
const RECOVERY_FILE = 'RECOVERY-KEY';

/** The operator's recovery key as a person keeps it. */
export function recoveryKeyText(seed: Uint8Array): string {
  return `cooee-recovery1${base32.baseEncode(seed)}`;
}

/** Keeps the key in a file of the owner's. @returns its path */
export async function keepRecoveryKey(home: Pick<Home, 'file'>, seed: Uint8Array): Promise<string> {
  const file = home.file(RECOVERY_FILE);
  await writeDurable(file, `${recoveryKeyText(seed)}\n`);
  return file;
}

/** Moves the key, if it is still there, to the mesh that it belongs to. */
export async function setRecoveryKeyAside(home: Pick<Home, 'file'>, folder: string): Promise<void> {
  try {
    await rename(home.file(RECOVERY_FILE), join(folder, RECOVERY_FILE));
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT') throw thrown;
  }
}

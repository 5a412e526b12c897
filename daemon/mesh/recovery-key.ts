import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { base32 } from 'multiformats/bases/base32';
import { CooeeError } from '../../protocols/interface/index.ts';
import { systemCode, writeDurable } from '../../storage/durable-file.ts';
import type { Home } from '../../storage/home.ts';

/** Holds the key of a mesh that was made where nobody could be shown it. */
const RECOVERY_FILE = 'RECOVERY-KEY';
const PREFIX = 'cooee-recovery1';
const SEED_BYTES = 32;

/** The operator's recovery key as a person keeps it. */
export function recoveryKeyText(seed: Uint8Array): string {
  return `${PREFIX}${base32.baseEncode(seed)}`;
}

/** The seed in the text of a key. @throws CooeeError ERR_SLURP_RECOVERY, details.reason `key` */
export function parseRecoveryKey(text: string): Uint8Array {
  const details = { reason: 'key' };
  const malformed = (cause?: unknown): CooeeError =>
    new CooeeError('ERR_SLURP_RECOVERY', 'that is no recovery key', { details, cause });
  const given = text.trim();
  if (!given.startsWith(PREFIX)) throw malformed();
  try {
    const seed = base32.baseDecode(given.slice(PREFIX.length));
    if (seed.length === SEED_BYTES) return seed;
  } catch (cause) {
    throw malformed(cause);
  }
  throw malformed();
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

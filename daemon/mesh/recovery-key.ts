import { existsSync, readFileSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { base32 } from 'multiformats/bases/base32';
import { CooeeError } from '../../protocols/interface/index.ts';
import { makeFolder, syncFolder, writeDurable } from '../../storage/durable-file.ts';
import type { Home } from '../../storage/home.ts';

/** Holds the key of a mesh until somebody was shown it. */
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
    new CooeeError('ERR_SLURP_RECOVERY', 'that is no recovery key', {
      ...{ details, cause },
      remedy: `Give the whole line that begins with ${PREFIX}, as it was shown or is in the file.`,
    });
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
  const file = home.file(RECOVERY_FILE);
  if (!existsSync(file)) return;
  await makeFolder(folder);
  await rename(file, join(folder, RECOVERY_FILE));
  await syncFolder(folder);
}

/** What {@link handOutRecoveryKey} works with. */
export interface HandOutInit {
  /** Of the mesh that this start made. */
  readonly seed: Uint8Array | undefined;
  /** Where the operator looks; undefined when nobody does: stdout may be a log that others read. */
  readonly terminal: Writable | undefined;
  readonly remark: (text: string) => void;
}

/**
 * Shows the key of a new mesh once on a terminal, and removes its file when that has worked. A file
 * that stays, also one of an earlier start that got no further, is named at every start.
 */
export async function handOutRecoveryKey(
  home: Pick<Home, 'file'>,
  { seed, terminal, remark }: HandOutInit,
): Promise<void> {
  const file = home.file(RECOVERY_FILE);
  if (seed !== undefined && terminal !== undefined) {
    const key = recoveryKeyText(seed);
    const text =
      `\nrecovery key  ${key}\n` +
      'Shown this once: keep it off this host. It restores a mesh whose voters are lost.\n';
    const isShown = await new Promise<boolean>((done) => {
      terminal.write(text, (error) => done(error == null));
    });
    // Another mesh may have been made meanwhile, with a key that nobody has seen.
    if (isShown && existsSync(file) && readFileSync(file, 'utf8').trim() === key) rmSync(file);
  }
  if (!existsSync(file)) return;
  remark(`cooee: the mesh's recovery key is in ${file}; move it off this host\n`);
}

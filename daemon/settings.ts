import { lstat } from 'node:fs/promises';
import { CooeeError, isCooeeError } from '../protocols/interface/index.ts';
import { readTextBounded } from '../storage/durable-file.ts';
import { type Config, parseConfig } from './config/config.ts';
import { type Endpoint, loadEndpoints } from './webhook/index.ts';

const FILE_BYTES_MAX = 64 * 1024;

/** With these the path is wrong, not the disk. */
const WRONG_PATH: ReadonlySet<unknown> = new Set([
  'EISDIR',
  'ENOTDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENXIO',
  'EACCES',
  'EPERM',
]);

/** The daemon's settings as it runs with them: secrets are out of reach in what they are for. */
export interface Settings extends Omit<Config, 'webhooks'> {
  readonly webhooks: readonly Endpoint[];
}

/**
 * Reads the configuration file.
 *
 * @param isNamed - somebody asked for this very file; otherwise none gives the defaults
 * @throws CooeeError ERR_CONFIG_INVALID, naming the field or what is wrong with the file;
 * ERR_CONFIG_SECRET_SHOWN; ERR_STORAGE_IO
 */
export async function loadSettings(file: string, isNamed = false): Promise<Settings> {
  const { webhooks, ...config } = parseConfig(await textOf(file, isNamed), file);
  return { ...config, webhooks: await loadEndpoints(webhooks, file) };
}

async function textOf(file: string, isNamed: boolean): Promise<string | undefined> {
  const text = await readTextBounded(file, FILE_BYTES_MAX).catch(async (thrown: unknown) => {
    if (!isCooeeError(thrown)) throw thrown;
    const system = thrown.details['system'];
    // Then the home itself is no folder, or closed to this user, and opening it tells more.
    if (!isNamed && (system === 'ENOTDIR' || !(await isReached(file)))) return undefined;
    if (thrown.code !== 'ERR_STORAGE_DAMAGED' && !WRONG_PATH.has(system)) throw thrown;
    throw new CooeeError('ERR_CONFIG_INVALID', `the configuration ${thrown.message}`, {
      details: { file },
      cause: thrown,
      remedy: 'Name a JSON file of at most 64 KiB that this user may read; see docs/config.md.',
    });
  });
  if (text !== undefined || !isNamed) return text;
  throw new CooeeError('ERR_CONFIG_INVALID', `there is no configuration ${file}`, {
    details: { file },
    remedy: 'Check the path, or leave --config out: the default is config.json in the home.',
  });
}

/** Whether this user may look into the folder that holds the file. */
async function isReached(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'EACCES',
  );
}

/** What of the settings goes to the node of a mesh as it is. */
export function nodeSettings(settings: Settings) {
  const { relay, useRelays, beatMs, leaseMs, snapshotEveryEntries, voterAwayMs, webhooks } =
    settings;
  return { relay, useRelays, beatMs, leaseMs, snapshotEveryEntries, voterAwayMs, webhooks };
}

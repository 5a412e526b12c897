import { readTextBounded } from '../storage/durable-file.ts';
import { type Config, parseConfig } from './config/config.ts';
import { type Endpoint, loadEndpoints } from './webhook/index.ts';

const FILE_BYTES_MAX = 64 * 1024;

/** The daemon's settings as it runs with them: secrets are out of reach in what they are for. */
export interface Settings extends Omit<Config, 'webhooks'> {
  readonly webhooks: readonly Endpoint[];
}

/**
 * Reads the configuration file; none gives the defaults.
 *
 * @throws CooeeError ERR_CONFIG_INVALID, naming the field; ERR_CONFIG_SECRET_SHOWN; ERR_STORAGE_*
 */
export async function loadSettings(file: string): Promise<Settings> {
  const { webhooks, ...config } = parseConfig(await readTextBounded(file, FILE_BYTES_MAX), file);
  return { ...config, webhooks: await loadEndpoints(webhooks, file) };
}

/** What of the settings goes to the node of a mesh as it is. */
export function nodeSettings(settings: Settings) {
  const { relay, useRelays, beatMs, leaseMs, snapshotEveryEntries, voterAwayMs, webhooks } =
    settings;
  return { relay, useRelays, beatMs, leaseMs, snapshotEveryEntries, voterAwayMs, webhooks };
}

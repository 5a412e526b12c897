import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CooeeError } from '../../protocols/interface/index.ts';
import { readTextBounded } from '../../storage/durable-file.ts';
import { secretBytes, type WebhookSettings } from '../config/webhooks.ts';
import { Endpoint } from './endpoint.ts';

const SECRET_FILE_BYTES_MAX = 1024;
const MODE_OF_OTHERS = 0o077;
const PERMISSION_BITS = 0o777;

/**
 * Makes endpoints out of the settings, with their secrets, which nothing else holds from here on.
 *
 * @param configFile - where the settings stand: a secret in it, or in a file that it names from
 * there, must be this user's own, and nobody else's to read
 * @param uid - this process's user; undefined where the system has no such thing
 * @throws CooeeError ERR_CONFIG_SECRET_SHOWN, ERR_CONFIG_INVALID for a secret file that is not
 * there or holds none
 */
export async function loadEndpoints(
  settings: readonly WebhookSettings[],
  configFile: string,
  uid: number | undefined = process.getuid?.(),
): Promise<readonly Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for (const [index, { secret, secretFile, ...init }] of settings.entries()) {
    const file = secretFile === undefined ? configFile : resolve(dirname(configFile), secretFile);
    await assertOwn(file, uid, `webhooks.${index}`);
    const bytes = secretBytes(secret ?? (await readSecret(file)));
    if (bytes === undefined) throw invalid(file, `webhooks.${index}.secretFile`);
    endpoints.push(new Endpoint({ ...init, secret: bytes }));
  }
  return endpoints;
}

/** Checked before it is read: a secret that others could read may be known to them. */
async function assertOwn(file: string, uid: number | undefined, path: string): Promise<void> {
  const stats = await stat(file).catch(() => undefined);
  if (stats === undefined) throw invalid(file, `${path}.secretFile`);
  if (uid !== undefined && stats.uid !== uid) {
    throw new CooeeError(
      'ERR_CONFIG_SECRET_SHOWN',
      `${file} holds the secret of a webhook and belongs to another user.`,
      { details: { file, owner: stats.uid }, remedy: `Run as root: chown ${uid} ${file}` },
    );
  }
  const mode = stats.mode & PERMISSION_BITS;
  if ((mode & MODE_OF_OTHERS) === 0) return;
  const shown = mode.toString(8).padStart(4, '0');
  throw new CooeeError(
    'ERR_CONFIG_SECRET_SHOWN',
    `${file} holds the secret of a webhook and has mode ${shown}: others can read it.`,
    { details: { file, mode: shown }, remedy: `Run: chmod 600 ${file}` },
  );
}

async function readSecret(file: string): Promise<string> {
  return (await readTextBounded(file, SECRET_FILE_BYTES_MAX))?.trim() ?? '';
}

function invalid(file: string, path: string): CooeeError {
  return new CooeeError(
    'ERR_CONFIG_INVALID',
    `the configuration is not valid: ${path}: ${file} must hold whsec_ and 24 to 64 bytes`,
    { details: { path } },
  );
}

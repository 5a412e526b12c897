import { z } from 'zod';
import { CooeeError, toError } from '../protocols/interface/index.ts';
import { multiaddrText } from '../protocols/wire/index.ts';
import { readTextBounded, writeDurable } from '../storage/durable-file.ts';
import type { Home } from '../storage/home.ts';
import { LISTEN_DEFAULT, listenFault } from './libp2p/listen.ts';

const LISTEN_FILE = 'listen.json';
const FILE_BYTES_MAX = 64 * 1024;

const keptSchema = z
  .array(multiaddrText.refine((address) => listenFault(address) === undefined))
  .min(1)
  .max(8);

/**
 * Flags, else the configuration, else the ports of the last start, else the default. What was kept
 * of the last start is a wish: nothing keeps a start from going on without it.
 *
 * @throws CooeeError ERR_API_USAGE, ERR_CONFIG_INVALID: a typing error is no fault of the network
 */
export async function listenAddresses(
  home: Pick<Home, 'file' | 'logger'>,
  flags: readonly string[],
  configured: readonly string[] | undefined,
): Promise<readonly string[]> {
  if (flags.length > 0) return checked(flags, 'ERR_API_USAGE');
  if (configured !== undefined) return checked(configured, 'ERR_CONFIG_INVALID');
  const file = home.file(LISTEN_FILE);
  try {
    const text = await readTextBounded(file, FILE_BYTES_MAX);
    return text === undefined ? LISTEN_DEFAULT : keptSchema.parse(JSON.parse(text));
  } catch (error) {
    home.logger.warn({ file, err: toError(error) }, 'where the last start listened is damaged');
    return LISTEN_DEFAULT;
  }
}

/** Keeps where this start listens for the next. */
export async function saveListen(
  home: Pick<Home, 'file'>,
  listening: readonly string[],
): Promise<void> {
  await writeDurable(home.file(LISTEN_FILE), `${JSON.stringify(listening)}\n`);
}

function checked(
  addresses: readonly string[],
  code: 'ERR_API_USAGE' | 'ERR_CONFIG_INVALID',
): readonly string[] {
  for (const address of addresses) {
    const fault = listenFault(address);
    if (fault === undefined) continue;
    throw new CooeeError(code, `'${address}' is ${fault}`, {
      details: { address },
      remedy: 'Write it like /ip4/0.0.0.0/tcp/26633, with a port up to 65535.',
    });
  }
  return addresses;
}

import { z } from 'zod';
import { CooeeError, isCooeeError } from '../protocols/interface/index.ts';
import { multiaddrText } from '../protocols/wire/index.ts';
import { readTextBounded, writeDurable } from '../storage/durable-file.ts';
import type { Home } from '../storage/home.ts';
import { LISTEN_DEFAULT, listenFault } from './libp2p/listen.ts';

const LISTEN_FILE = 'listen.json';
const FILE_BYTES_MAX = 64 * 1024;

const keptSchema = z
  .array(multiaddrText.refine((address) => listenFault(address) === undefined))
  .min(1)
  .max(64);

/**
 * Flags, else the configuration, else where the last start listened, else the default.
 *
 * @throws CooeeError ERR_API_USAGE, ERR_CONFIG_INVALID: a typing error is no fault of the network;
 * as {@link keptAddresses}
 */
export async function listenAddresses(
  home: Pick<Home, 'file'>,
  flags: readonly string[],
  configured: readonly string[] | undefined,
): Promise<readonly string[]> {
  if (flags.length > 0) return checked(flags, 'ERR_API_USAGE');
  if (configured !== undefined) return checked(configured, 'ERR_CONFIG_INVALID');
  return (await keptAddresses(home)) ?? LISTEN_DEFAULT;
}

/**
 * Where the last start listened; undefined when nothing was kept. It may have been told to listen
 * on this host alone: what is damaged does not open it to the world.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED, ERR_STORAGE_IO
 */
export async function keptAddresses(
  home: Pick<Home, 'file'>,
): Promise<readonly string[] | undefined> {
  const file = home.file(LISTEN_FILE);
  try {
    const text = await readTextBounded(file, FILE_BYTES_MAX);
    return text === undefined ? undefined : keptSchema.parse(JSON.parse(text));
  } catch (cause) {
    if (isCooeeError(cause, 'ERR_STORAGE_IO')) throw cause;
    throw new CooeeError('ERR_STORAGE_DAMAGED', `${file}, where it listened last, is damaged`, {
      details: { file },
      cause,
      remedy:
        'Say where it is to listen: cooee up --listen ADDRESS; or delete that file, and it ' +
        `listens on ${LISTEN_DEFAULT.join(', ')} (docs/operations.md).`,
    });
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

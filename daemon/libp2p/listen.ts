import { createServer } from 'node:net';
import { tryGetNetConfig } from '@libp2p/utils';
import { multiaddr } from '@multiformats/multiaddr';
import { CooeeError, isCooeeError } from '../../protocols/interface/index.ts';

/** Where a node listens unless told otherwise: 26633 is COOEE on a phone keypad. */
export const LISTEN_DEFAULT: readonly string[] = ['/ip4/0.0.0.0/tcp/26633'];

/**
 * The addresses with each taken TCP port replaced by the next free one. Port 0 stays (the system
 * chooses).
 *
 * @param portsTried how many ports of each address are tried, itself included
 * @throws CooeeError ERR_BOOTSTRAP_LISTEN when none is free, or the address is not this host's or
 * not TCP
 */
export async function freeListenAddresses(
  addresses: readonly string[],
  portsTried: number,
): Promise<string[]> {
  const chosen: string[] = [];
  for (const address of addresses) chosen.push(await freeAddress(address, portsTried));
  return chosen;
}

/**
 * What is wrong with an address that no node could listen on, as in `is …`; undefined = nothing.
 */
export function listenFault(address: string): string | undefined {
  try {
    parse(address);
    return undefined;
  } catch (error) {
    return isCooeeError(error) ? String(error.details['reason']) : String(error);
  }
}

/**
 * Opens an address, going on to the next free port when another process was quicker than the look
 * that {@link freeListenAddresses} took.
 *
 * @param open opens one address for good
 * @returns the address that was opened
 * @throws CooeeError ERR_BOOTSTRAP_LISTEN when none is free
 */
export async function openAddress(
  address: string,
  portsTried: number,
  open: (address: string) => Promise<void>,
): Promise<string> {
  for (let tries = portsTried, next = address; ; ) {
    try {
      await open(next);
      return next;
    } catch (cause) {
      const { host, port } = parse(next);
      const problem = port === 0 ? 'no free port' : await probe(host, port);
      tries -= 1;
      if (problem !== 'EADDRINUSE' || tries === 0 || port === 65_535) {
        throw listenError(address, problem ?? 'libp2p did not listen', cause);
      }
      next = await freeAddress(next.replace(`/tcp/${port}`, `/tcp/${port + 1}`), tries);
    }
  }
}

async function freeAddress(address: string, portsTried: number): Promise<string> {
  const { host, port } = parse(address);
  if (port === 0) return address;
  for (let next = port; next < Math.min(port + portsTried, 65_536); next += 1) {
    const problem = await probe(host, next);
    if (problem === undefined) return address.replace(`/tcp/${port}`, `/tcp/${next}`);
    if (problem !== 'EADDRINUSE') throw listenError(address, problem);
  }
  throw listenError(address, 'EADDRINUSE');
}

function parse(address: string): { host: string; port: number } {
  try {
    const config = tryGetNetConfig(multiaddr(address));
    if (config?.port !== undefined && config.protocol === 'tcp' && config.type.startsWith('ip')) {
      return { host: config.host, port: config.port };
    }
  } catch (cause) {
    throw listenError(address, 'not a multiaddr', cause);
  }
  throw listenError(address, 'not /ip4 or /ip6 with /tcp');
}

/** Opens and closes the port; the system's error code when it cannot be opened. */
function probe(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** @param reason a system error code or what is wrong with the address */
export function listenError(address: string, reason: string, cause?: unknown): CooeeError {
  return new CooeeError('ERR_BOOTSTRAP_LISTEN', `Cannot listen on ${address}: ${reason}`, {
    details: { address, reason },
    cause,
  });
}

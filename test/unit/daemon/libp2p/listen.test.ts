import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { freeListenAddresses, openAddress } from '../../../../daemon/libp2p/listen.ts';

const servers: Server[] = [];

/** Takes the first free port from a random one on, and as many after it. */
async function take(count: number): Promise<number> {
  for (let base = 20_000 + Math.floor(Math.random() * 8000); ; base += count) {
    const taken = await Promise.all(Array.from({ length: count }, (_, n) => listen(base + n)));
    if (taken.every(Boolean)) return base;
  }
}

function listen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    servers.push(server);
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
}

afterEach(async () => {
  const closing = servers.splice(0).map((server) => new Promise((end) => server.close(end)));
  await Promise.all(closing);
});

describe('freeListenAddresses', () => {
  it('keeps a free address and the port 0', async () => {
    const port = await take(1);
    await new Promise((end) => servers.splice(0)[0]?.close(end));
    const addresses = [`/ip4/127.0.0.1/tcp/${port}`, '/ip4/127.0.0.1/tcp/0'];
    expect(await freeListenAddresses(addresses, 1)).toEqual(addresses);
  });

  it('goes on to the next free port when one is taken', async () => {
    const port = await take(2);
    const [chosen] = await freeListenAddresses([`/ip4/0.0.0.0/tcp/${port}`], 100);
    const chosenPort = Number(chosen?.split('/').at(-1));
    expect(chosenPort).toBeGreaterThanOrEqual(port + 2);
    expect(chosenPort).toBeLessThan(port + 100);
  });

  it('says which address could not be opened, and why', async () => {
    const port = await take(2);
    const address = `/ip4/127.0.0.1/tcp/${port}`;
    await expect(freeListenAddresses([address], 2)).rejects.toMatchObject({
      code: 'ERR_BOOTSTRAP_LISTEN',
      details: { address, reason: 'EADDRINUSE' },
    });
  });

  it.each([
    'nonsense',
    '/ip4/127.0.0.1',
    '/ip4/127.0.0.1/udp/5',
    '/dns4/example.org/tcp/5',
    '/ip4/192.0.2.1/tcp/26633',
  ])('refuses %s', async (address) => {
    await expect(freeListenAddresses([address], 1)).rejects.toMatchObject({
      code: 'ERR_BOOTSTRAP_LISTEN',
    });
  });
});

describe('openAddress', () => {
  const opener = (): { open: (address: string) => Promise<void>; tried: string[] } => {
    const tried: string[] = [];
    const open = async (address: string): Promise<void> => {
      tried.push(address);
      if (!(await listen(Number(address.split('/').at(-1))))) throw new Error('taken');
    };
    return { open, tried };
  };

  it('goes on to the next port when another was quicker', async () => {
    const port = await take(1);
    const { open, tried } = opener();
    const opened = await openAddress(`/ip4/127.0.0.1/tcp/${port}`, 100, open);
    expect(tried.length).toBeGreaterThan(1);
    expect(tried.at(-1)).toBe(opened);
    expect(Number(opened.split('/').at(-1))).toBeGreaterThan(port);
  });

  it('says what was wrong when no port is left to try', async () => {
    const port = await take(1);
    const address = `/ip4/127.0.0.1/tcp/${port}`;
    await expect(openAddress(address, 1, opener().open)).rejects.toMatchObject({
      code: 'ERR_BOOTSTRAP_LISTEN',
      details: { address, reason: 'EADDRINUSE' },
    });
  });

  it('does not search on when the port is free and opening it fails all the same', async () => {
    const port = await take(1);
    await new Promise((end) => servers.splice(0)[0]?.close(end));
    const failing = async (): Promise<void> => {
      throw new Error('no');
    };
    await expect(openAddress(`/ip4/127.0.0.1/tcp/${port}`, 100, failing)).rejects.toMatchObject({
      code: 'ERR_BOOTSTRAP_LISTEN',
      details: { reason: 'libp2p did not listen' },
    });
  });
});

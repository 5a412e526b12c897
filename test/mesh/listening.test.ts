import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestMesh, until } from './harness.ts';

// Goal: whoever starts first gets the port that all want, and each of the others one of its own.

const TOGETHER = 6;

let mesh: TestMesh;

beforeAll(() => {
  mesh = new TestMesh();
});
afterAll(async () => {
  await mesh.close();
});

const portOf = (address: string): number => Number(/\/tcp\/(\d+)/.exec(address)?.[1]);

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

describe('daemons that start at the same instant', () => {
  it('without --listen are all up, each on a port of its own', async () => {
    const hosts = Array.from({ length: TOGETHER }, (_, n) => mesh.host(`at-once-${n}`));
    for (const host of hosts) {
      host.run('up', '--home', host.home, '--no-mdns', '--hostname', host.name);
    }
    await Promise.all(hosts.map((host) => host.ready()));
    const ports = await Promise.all(
      hosts.map(async ({ client }) => {
        const { node } = await client.call('getStatus', {});
        // One socket for all addresses of the machine.
        expect(new Set(node.addresses.map(portOf)).size).toBe(1);
        return portOf(node.addresses[0] ?? '');
      }),
    );
    expect(new Set(ports).size).toBe(TOGETHER);
    for (const port of ports) expect([port, await answers(port)]).toEqual([port, true]);
    // What is said to others is where it listens: one of them can be joined.
    const [first, second] = hosts as [(typeof hosts)[0], (typeof hosts)[0]];
    await second.json('join', await first.invite());
    await until('they are connected', async () => {
      return (await first.client.call('getStatus', {})).peers.connected === 1;
    });
  });

  it('with the same --listen as well', async () => {
    const hosts = Array.from({ length: 3 }, (_, n) => mesh.host(`same-port-${n}`));
    const listen = `/ip4/127.0.0.1/tcp/${hosts[0]?.port}`;
    await Promise.all(hosts.map((host) => host.up('--listen', listen)));
    const ports = await Promise.all(
      hosts.map(async ({ client }) => {
        return (await client.call('getStatus', {})).node.addresses.map(portOf).join();
      }),
    );
    expect(new Set(ports).size).toBe(hosts.length);
  });
});

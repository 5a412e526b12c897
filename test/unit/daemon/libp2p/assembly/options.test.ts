import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { afterEach, expect, it } from 'vitest';
import { kadProtocol } from '../../../../../daemon/libp2p/dht.ts';
import { until } from '../../../../mesh/harness.ts';
import { admit, MESH, startMember, stopAll } from '../../../membership/door/mesh-nodes.ts';

const strangers: Libp2p[] = [];
afterEach(async () => {
  await Promise.all(strangers.splice(0).map((node) => node.stop()));
  await stopAll();
});

it('has addresses dialled in the order in which they are given', async () => {
  const [here, there] = [await startMember(), await startMember()];
  admit(here, there);
  const orders: string[] = [];
  // Left to itself libp2p takes the loopback address last, where the other would use up the time.
  const far = `/ip4/192.0.2.1/tcp/1/p2p/${there.peer}`;
  await here.net.node.dial([multiaddr(there.address()), multiaddr(far)], {
    signal: AbortSignal.timeout(30_000),
    onProgress: (event) => {
      if (event.type !== 'dial-queue:calculated-addresses') return;
      const list = event.detail as unknown as readonly { readonly multiaddr: unknown }[];
      orders.push(list.map((it) => String(it.multiaddr)).join(' '));
    },
  });
  expect(orders).toEqual([`${there.address()} ${far}`]);
});

it('lets a stranger send no frame of Yamux that its window has no room for', async () => {
  const node = await startMember();
  let send: (bytes: Uint8Array) => void = () => undefined;
  const spied: ReturnType<typeof yamux> = () => {
    const factory = yamux()();
    const create = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => {
      send = (bytes) => void connection.send(bytes);
      return create(connection);
    };
    return factory;
  };
  const stranger = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [spied],
    connectionMonitor: { enabled: false },
  });
  strangers.push(stranger);
  const connection = await stranger.dial(multiaddr(node.address()));
  await until('it is a guest', () => node.net.door.guestCount === 1);
  // Data on a new stream, 4 GiB of it.
  send(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 101, 0xff, 0xff, 0xff, 0xff));
  await until('it is out', () => connection.status !== 'open' && node.net.door.guestCount === 0);
  expect(node.refused('guest-timeout')).toBe(0);
});

it.each([
  ['ping', '/ipfs/ping/1.0.0', 4 * 1024],
  ['the DHT', kadProtocol(MESH), 144 * 1024],
])('ends a stream of %s that brings too much', async (_name, protocol, bytesMax) => {
  const [here, there] = [await startMember(), await startMember()];
  admit(here, there);
  const connection = await there.net.node.dial(multiaddr(here.address()));
  const stream = await connection.newStream(protocol);
  // The length of a message of 4 MiB, and all but the end of it.
  stream.send(Uint8Array.of(0x80, 0x80, 0x80, 0x02));
  const piece = new Uint8Array(1024);
  let sent = 0;
  while (stream.status === 'open' && sent < 3 * 1024 * 1024) {
    stream.send(piece);
    sent += piece.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until('it is ended', () => stream.status !== 'open');
  expect(stream.status).toBe('reset');
  // Some is under way while it is being ended.
  expect(sent).toBeGreaterThan(bytesMax - 1);
  expect(sent).toBeLessThan(bytesMax + 512 * 1024);
});

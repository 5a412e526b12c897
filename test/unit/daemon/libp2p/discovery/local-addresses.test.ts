import { expect, it } from 'vitest';
import { isLocal, publicFirst } from '../../../../../daemon/libp2p/discovery/local-addresses.ts';

const PEER = '12D3KooWCKcohNM3uAhhuJgvjpRZX9tvi3onR6RkZPZQ38zv2Fje';

it.each([
  ['/ip4/10.0.0.1/tcp/4001', true],
  [`/ip4/172.17.0.1/tcp/4001/p2p/${PEER}`, true],
  ['/ip4/100.100.1.2/tcp/4001', true],
  ['/ip6/fd00::1/tcp/4001', true],
  ['/ip4/172.32.0.1/tcp/4001', false],
  ['/ip6/2001:db8::1/tcp/4001', false],
  ['/dns4/host.example/tcp/4001', false],
  [`/ip4/10.0.0.1/tcp/4001/p2p/${PEER}/p2p-circuit`, false],
])('%s is of a local network: %s', (address, expected) => {
  expect(isLocal(address)).toBe(expected);
});

it('puts public addresses first, and leaves the order as it is else', () => {
  const [far, near, name] = ['/ip4/8.8.8.8/tcp/1', '/ip4/10.0.0.1/tcp/1', '/dns4/a.example/tcp/1'];
  expect(publicFirst([near, '/ip4/127.0.0.1/tcp/1', far, name])).toEqual([
    far,
    name,
    near,
    '/ip4/127.0.0.1/tcp/1',
  ]);
});

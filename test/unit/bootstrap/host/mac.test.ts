import { describe, expect, it } from 'vitest';
import { detectMac, isVirtualName, usableMac } from '../../../../bootstrap/host/mac.ts';
import { type FakeHost, fakePorts, filesOf, fixture } from './fake-ports.ts';

const laptop = filesOf('laptop.sysfs.json');
const container = filesOf('container.sysfs.json');
const without = (files: Record<string, string>, ...paths: string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(files).filter(([path]) => !paths.includes(path)));
const withRoute = (name: string): Record<string, string> => ({
  ...laptop,
  '/proc/net/route': laptop['/proc/net/route']!.replaceAll('enp0s31f6', name),
});
const zeros = '0'.repeat(32);
const ipv6Route =
  `${zeros} 00 ${zeros} 00 fe800000000000000000000000000001 ` +
  '00000400 00000002 0 00000003 wlp0s20f3\n' +
  `${zeros} 00 ${zeros} 00 ${zeros} ffffffff 00000001 00000000 00200200       lo\n`;
const macs = [
  { name: 'lo0', mac: '00:00:00:00:00:00' },
  { name: 'awdl0', mac: '5e:11:22:33:44:55' },
  { name: 'en10', mac: 'f0:18:98:00:00:10' },
  { name: 'en1', mac: 'f0:18:98:00:00:01' },
  { name: 'en0', mac: 'f0:18:98:00:00:00' },
];

const HOSTS: readonly (readonly [string, FakeHost, string | undefined])[] = [
  ['the default route with the lowest metric', { files: laptop }, '54e1ad010203'],
  [
    'the IPv6 default route',
    { files: { ...without(laptop, '/proc/net/route'), '/proc/net/ipv6_route': ipv6Route } },
    '3c6aa70a0b0c',
  ],
  [
    'without a route the first physical',
    { files: without(laptop, '/proc/net/route') },
    '54e1ad010203',
  ],
  ['not the tunnel that has the route', { files: withRoute('tailscale0') }, '54e1ad010203'],
  ['not the bridge that has the route', { files: withRoute('docker0') }, '54e1ad010203'],
  ['a container', { files: container }, '0242ac120005'],
  ['a container without routes', { files: without(container, '/proc/net/route') }, '0242ac120005'],
  [
    'Linux without sysfs',
    { interfaces: () => [{ name: 'eth0', mac: macs[2]!.mac }] },
    'f01898000010',
  ],
  [
    'a host without any',
    { files: { '/sys/class/net/lo/address': '00:00:00:00:00:00\n' } },
    undefined,
  ],
  [
    'a Mac with a default route',
    {
      platform: 'darwin',
      commands: { route: fixture('route-darwin.txt').replace('en0', 'en10') },
      interfaces: () => macs,
    },
    'f01898000010',
  ],
  [
    'a Mac whose route leads into a tunnel',
    {
      platform: 'darwin',
      commands: { route: fixture('route-darwin.txt').replace('en0', 'utun4') },
      interfaces: () => macs,
    },
    'f01898000000',
  ],
  [
    'a Mac without a route',
    { platform: 'darwin', interfaces: () => macs.slice(0, 4) },
    'f01898000001',
  ],
];

describe('detectMac', () => {
  it.each(HOSTS)('%s', async (_, host, expected) => {
    expect(await detectMac(fakePorts(host))).toBe(expected);
  });

  it('asks a Mac for both kinds of routes', async () => {
    const ports = fakePorts({ platform: 'darwin' });
    await detectMac(ports);
    expect(ports.calls).toEqual(['route -n get -inet default', 'route -n get -inet6 default']);
  });
});

describe('isVirtualName', () => {
  const virtual =
    'lo lo0 docker0 veth12ab br-0f3c br0 virbr0 vnet3 vmnet8 tun0 tap1 utun4 wg0 tailscale0 ' +
    'zt7nnig26 awdl0 llw0 ap1 anpi0 bridge100 gif0 stf0 p2p0 p2p-dev-wlan0 ifb0 dummy0 bond0 ' +
    'team0 sit0 gre0 ip6tnl0 cni0 flannel.1 cali12 eth0.7 kube-ipvs0 lxcbr0 macvtap0 ' +
    'vxlan1 vboxnet0';
  const physical =
    'eth0 eth12 en0 en10 eno1 enp0s31f6 ens18 enx54e1ad010203 wlan0 wlp2s0 p2p1 p1p2 em1';
  it.each(virtual.split(' '))('%s is', (name) => expect(isVirtualName(name)).toBe(true));
  it.each(physical.split(' '))('%s is not', (name) => expect(isVirtualName(name)).toBe(false));
});

describe('usableMac', () => {
  it.each([
    ['54:E1:AD:01:02:03', '54e1ad010203'],
    ['02-42-ac-12-00-05', '0242ac120005'],
    ['00:00:00:00:00:00', undefined],
    ['ff:ff:ff:ff:ff:ff', undefined],
    ['01:00:5e:00:00:01', undefined],
    ['80:00:02:08:fe:80:00:00:00:00:00:00:f4:52:14:03:00:7b:cb:a1', undefined],
    ['', undefined],
    ['nonsense', undefined],
  ])('%s gives %s', (text, expected) => expect(usableMac(text)).toBe(expected));
});

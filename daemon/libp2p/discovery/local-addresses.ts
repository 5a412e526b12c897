import { BlockList } from 'node:net';

/** One address of a host: no name to be looked up, no way through somebody else. */
const PLAIN = /^\/ip([46])\/([0-9a-fA-F.:]{2,45})\/tcp\/\d{1,5}(?:\/p2p\/[^/]+)?$/;

/**
 * What is on this side of every router (RFC 1918, 3927, 4193, 4291, 6598). libp2p's isPrivate
 * counts all that is special, such as 6to4, which leads to any public host.
 */
const LOCAL = new BlockList();
LOCAL.addSubnet('10.0.0.0', 8);
LOCAL.addSubnet('100.64.0.0', 10);
LOCAL.addSubnet('127.0.0.0', 8);
LOCAL.addSubnet('169.254.0.0', 16);
LOCAL.addSubnet('172.16.0.0', 12);
LOCAL.addSubnet('192.168.0.0', 16);
LOCAL.addAddress('::1', 'ipv6');
LOCAL.addSubnet('fc00::', 7, 'ipv6');
LOCAL.addSubnet('fe80::', 10, 'ipv6');

/** Whether a multiaddr is that of a host on a local network, given by number. */
export function isLocal(address: string): boolean {
  const [, version, host = ''] = PLAIN.exec(address) ?? [];
  return LOCAL.check(host, version === '6' ? 'ipv6' : 'ipv4');
}

/**
 * The order in which addresses are dialled: one of a network that may be another than ours costs
 * the whole time of a try, a public one answers or refuses. Else the order stays.
 */
export function publicFirst(addresses: readonly string[]): readonly string[] {
  return [...addresses.filter((it) => !isLocal(it)), ...addresses.filter(isLocal)];
}

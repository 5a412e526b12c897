/** Which addresses a webhook may connect to. Method: a row for each range that has a meaning. */
import { describe, expect, it } from 'vitest';
import { isAllowedAddress } from '../../../../daemon/webhook/addresses.ts';

const PUBLIC = [
  '1.1.1.1',
  '93.184.215.14',
  '168.63.129.15',
  '172.15.255.255',
  '172.32.0.1',
  '2606:4700::1111',
];

const PRIVATE = [
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '127.0.0.1',
  '127.255.255.254',
  '100.64.0.1',
  '100.127.255.255',
  '::1',
  'fc00::1',
  'fd12:3456::1',
];

const NEVER = [
  ['this network', '0.0.0.0'],
  ['this network', '0.1.2.3'],
  ['link-local, where clouds keep credentials', '169.254.169.254'],
  ['the platform of Azure', '168.63.129.16'],
  ['multicast', '224.0.0.1'],
  ['reserved', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['protocol assignments', '192.0.0.8'],
  ['documentation', '192.0.2.1'],
  ['documentation', '198.51.100.1'],
  ['documentation', '203.0.113.1'],
  ['benchmarks', '198.18.0.1'],
  ['6to4 relays', '192.88.99.1'],
  ['unspecified', '::'],
  ['IPv4-compatible loopback', '::127.0.0.1'],
  ['IPv4-mapped loopback', '::ffff:127.0.0.1'],
  ['IPv4-mapped public', '::ffff:1.1.1.1'],
  ['IPv4-translated', '::ffff:0:7f00:1'],
  ['NAT64 of loopback', '64:ff9b::7f00:1'],
  ['NAT64 of public', '64:ff9b::101:101'],
  ['local-use NAT64', '64:ff9b:1::1'],
  ['discard', '100::1'],
  ['Teredo', '2001::1'],
  ['ORCHID', '2001:20::1'],
  ['documentation', '2001:db8::1'],
  ['documentation', '3fff::1'],
  ['6to4 of loopback', '2002:7f00:1::1'],
  ['segment routing', '5f00::1'],
  ['never given out', '4000::1'],
  ['link-local', 'fe80::1'],
  ['link-local with a zone', 'fe80::1%eth0'],
  ['site-local', 'fec0::1'],
  ['multicast', 'ff02::1'],
  ['no address', ''],
  ['no address', 'localhost'],
  ['no address', '1.2.3'],
] as const;

describe('isAllowedAddress', () => {
  it.each(PUBLIC)('lets %s through', (address) => {
    expect(isAllowedAddress(address, false)).toBe(true);
    expect(isAllowedAddress(address, true)).toBe(true);
  });

  it.each(PRIVATE)('lets %s through where private ones are allowed', (address) => {
    expect(isAllowedAddress(address, false)).toBe(false);
    expect(isAllowedAddress(address, true)).toBe(true);
  });

  it.each(NEVER)('never lets through: %s %s', (_what, address) => {
    expect(isAllowedAddress(address, false)).toBe(false);
    expect(isAllowedAddress(address, true)).toBe(false);
  });
});

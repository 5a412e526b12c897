import ipaddr from 'ipaddr.js';

/**
 * What is in nobody else's reach: allowed to those who say so. Link-local stays out for all: that
 * is where clouds keep their hosts' credentials (169.254.169.254).
 */
const PRIVATE: ReadonlySet<string> = new Set([
  'carrierGradeNat',
  'loopback',
  'private',
  'uniqueLocal',
]);

/**
 * Within public ranges, and yet the way to the host that runs a virtual machine. Azure's platform,
 * at the same address in all regions: "What is IP address 168.63.129.16?",
 * https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
 */
const PLATFORM: ReadonlySet<string> = new Set(['168.63.129.16']);

/** Global unicast of IPv6, 2000::/3 (RFC 4291 section 2.4): all that was ever given out. */
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');
const GLOBAL_UNICAST_BITS = 3;

/**
 * Whether a webhook may connect to the address: public unicast only, unless private ones are
 * allowed. Mapped, translated and tunnelled IPv4 (::ffff:0:0/96, NAT64, 6to4, Teredo) is refused as
 * well: behind it may be any address.
 */
export function isAllowedAddress(text: string, allowPrivate: boolean): boolean {
  // The old short forms (1.2.3 for 1.2.0.3) are nobody's answer.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (PLATFORM.has(address.toString())) return false;
  const range = address.range();
  if (PRIVATE.has(range)) return allowPrivate;
  if (range !== 'unicast') return false;
  return address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST, GLOBAL_UNICAST_BITS);
}

/**
 * The group that connections from an address are counted in: one IPv4 address, or one IPv6 /64, the
 * smallest block that a single site gets (RFC 6177). An IPv4-mapped IPv6 address (RFC 4291,
 * 2.5.5.2) is its IPv4 address. What is not an IP address is its own group.
 */
export function addressGroup(host: string): string {
  const bare = host.split('%')[0] ?? host;
  if (!bare.includes(':')) return bare;
  const groups = parseIp6(bare);
  if (groups === undefined) return bare;
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return toIp4(groups[6] ?? 0, groups[7] ?? 0);
  const prefix = groups.slice(0, 4).map((group) => group.toString(16));
  return `${prefix.join(':')}::/64`;
}

const toIp4 = (high: number, low: number): string =>
  `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;

/** The eight groups of an IPv6 address (RFC 4291, 2.2), or undefined when it is none. */
function parseIp6(text: string): number[] | undefined {
  const halves = withoutDottedQuad(text)?.split('::');
  if (halves === undefined || halves.length > 2) return undefined;
  const [head = [], tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [
    ...head,
    ...Array<string>(tail === undefined ? 0 : missing).fill('0'),
    ...(tail ?? []),
  ];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return all.map((group) => Number.parseInt(group, 16));
}

/** `::ffff:192.0.2.1` as `::ffff:c000:201`. */
function withoutDottedQuad(text: string): string | undefined {
  if (!text.includes('.')) return text;
  const cut = text.lastIndexOf(':') + 1;
  const bytes = text.slice(cut).split('.').map(Number);
  const isQuad = bytes.length === 4 && bytes.every((byte) => Number.isInteger(byte) && byte < 256);
  if (!isQuad) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return `${text.slice(0, cut)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

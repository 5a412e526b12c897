import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../../storage/log/crc32c.ts';

/** One bit at a time, as the definition says: what the tables must agree with. */
const slowCrc32c = (bytes: Uint8Array): number => {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
};

describe('CRC-32C', () => {
  const count = (from: number, step: number) =>
    Uint8Array.from({ length: 32 }, (_, i) => from + i * step);
  const iscsiRead = Buffer.from(
    '01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000',
    'hex',
  );
  // RFC 3720 appendix B.4, whose bytes are in the order of the wire.
  it.each([
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 incrementing bytes', count(0, 1), 0x46dd794e],
    ['32 decrementing bytes', count(31, -1), 0x113fdb5c],
    ['an iSCSI SCSI Read (10) command PDU', iscsiRead, 0xd9963a56],
    ['the check value "123456789"', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s', (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('agrees with the definition, as a whole and in pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
        expect(crc32c(bytes)).toBe(slowCrc32c(bytes));
        const first = crc32c(bytes.subarray(0, cut));
        expect(crc32c(bytes.subarray(cut), first)).toBe(slowCrc32c(bytes));
      }),
    );
  });
});

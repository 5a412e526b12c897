/** The Castagnoli polynomial, bit-reversed. */
const POLYNOMIAL = 0x82f63b78;

/** Tables for eight bytes a step ("slicing by 8", Kounavis & Berry 2005): eight times 256 words. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = tables[i - 256] as number;
    tables[i] = (previous >>> 8) ^ (tables[previous & 0xff] as number);
  }
  return tables;
}

const table = (slice: number, byte: number): number => TABLES[slice * 256 + byte] as number;

/**
 * CRC-32C (Castagnoli), RFC 3720 appendix B.4: finds every error of up to three bits in a record of
 * our sizes, and all bursts up to 32 bits.
 *
 * @param bytes - what the checksum is over
 * @param seed - the checksum of what came before, to continue over several pieces
 * @returns an unsigned 32-bit number
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  const end = bytes.length;
  let crc = ~seed;
  let at = 0;
  for (; at + 8 <= end; at += 8) {
    crc =
      table(7, (bytes[at] as number) ^ (crc & 0xff)) ^
      table(6, (bytes[at + 1] as number) ^ ((crc >>> 8) & 0xff)) ^
      table(5, (bytes[at + 2] as number) ^ ((crc >>> 16) & 0xff)) ^
      table(4, (bytes[at + 3] as number) ^ (crc >>> 24)) ^
      table(3, bytes[at + 4] as number) ^
      table(2, bytes[at + 5] as number) ^
      table(1, bytes[at + 6] as number) ^
      table(0, bytes[at + 7] as number);
  }
  for (; at < end; at++) crc = table(0, (crc ^ (bytes[at] as number)) & 0xff) ^ (crc >>> 8);
  return ~crc >>> 0;
}

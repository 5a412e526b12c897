import type { Hash } from '../interface/index.ts';

/** RFC 4648 in lower case, without padding: multibase `b`. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Ten bits at a time: every pair of characters. */
const PAIRS = [...BASE32].flatMap((one) => [...BASE32].map((other) => one + other));

/**
 * `b`, then 0x01 0x71 0x12 0x20: CID version 1, codec dag-cbor, SHA2-256 of 32 bytes. The text of
 * those 32 bits is these characters and two bits more, both 0.
 */
const HEAD = 'bafyrei';
const HEAD_BITS_LEFT = 2;
const HASH_BYTES = 32;

/**
 * The content id of canonical bytes: CIDv1, dag-cbor, SHA2-256, base32
 * (https://github.com/multiformats/cid). Written out here, since each command has one, and the
 * general library takes ten times as long.
 */
export function cidOf(sha256: Hash, bytes: Uint8Array): string {
  const hash = sha256(bytes);
  let text = HEAD;
  let held = 0;
  let bits = HEAD_BITS_LEFT;
  for (let i = 0; i < HASH_BYTES; i++) {
    held = (held << 8) | (hash[i] as number);
    bits += 8;
    if (bits >= 10) {
      bits -= 10;
      text += PAIRS[held >>> bits] as string;
      held &= (1 << bits) - 1;
    }
  }
  // Eight bits are left: a whole character, and the beginning of one.
  return text + BASE32.charAt(held >>> 3) + BASE32.charAt((held << 2) & 31);
}

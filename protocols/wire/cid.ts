import type { Hash } from '../interface/index.ts';

/** RFC 4648 in lower case, without padding: multibase `b`. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * `b`, then 0x01 0x71 0x12 0x20: CID version 1, codec dag-cbor, SHA2-256 of 32 bytes. The text of
 * those 32 bits is these characters and two bits more, both 0.
 */
const HEAD = 'bafyrei';
const HEAD_BITS_LEFT = 2;
const HASH_BYTES = 32;
const TEXT_LENGTH = 59;

const SYMBOLS = Array.from(BASE32, (symbol) => symbol.charCodeAt(0));
/** The characters of the text that is being made. */
const codes = new Array<number>(TEXT_LENGTH).fill(0);
for (let i = 0; i < HEAD.length; i++) codes[i] = HEAD.charCodeAt(i);

/**
 * The content id of canonical bytes: CIDv1, dag-cbor, SHA2-256, base32
 * (https://github.com/multiformats/cid). Written out here, since each command has one, and the
 * general library takes ten times as long; and made in one piece, since a text put together bit by
 * bit leaves twenty objects to clear.
 */
export function cidOf(sha256: Hash, bytes: Uint8Array): string {
  const hash = sha256(bytes);
  let at = HEAD.length;
  let held = 0;
  let bits = HEAD_BITS_LEFT;
  for (let i = 0; i < HASH_BYTES; i++) {
    held = (held << 8) | (hash[i] as number);
    bits += 8;
    for (; bits >= 5; bits -= 5) codes[at++] = SYMBOLS[(held >>> (bits - 5)) & 31] as number;
    held &= (1 << bits) - 1;
  }
  // Three bits are left: the beginning of a character.
  codes[at] = SYMBOLS[held << (5 - bits)] as number;
  return String.fromCharCode(...codes);
}

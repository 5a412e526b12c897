import type { Hash } from '../interface/index.ts';

/** CID version 1, codec dag-cbor, then the multihash's own: SHA2-256 of 32 bytes. */
const PREFIX = [0x01, 0x71, 0x12, 0x20] as const;
const HASH_BYTES = 32;

/** RFC 4648 in lower case, without padding: multibase `b`. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * The content id of canonical bytes: CIDv1, dag-cbor, SHA2-256, base32
 * (https://github.com/multiformats/cid). Written out here, since each command has one, and the
 * general library takes ten times as long.
 */
export function cidOf(sha256: Hash, bytes: Uint8Array): string {
  const cid = new Uint8Array(PREFIX.length + HASH_BYTES);
  cid.set(PREFIX);
  cid.set(sha256(bytes), PREFIX.length);
  let text = 'b';
  let bits = 0;
  let held = 0;
  for (const byte of cid) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32.charAt((held >>> (bits - 5)) & 31);
    held &= (1 << bits) - 1;
  }
  return text + BASE32.charAt((held << (5 - bits)) & 31);
}

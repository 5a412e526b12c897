import { z } from 'zod';
import { isWithinUtf8, LIMITS } from '../interface/index.ts';

/** Byte strings of a bounded length. */
export const bytesUpTo = (bytesMax: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= bytesMax, {
    message: `expected at most ${bytesMax} bytes`,
  });

/** Byte strings of exactly one length (keys, hashes, signatures). */
export const bytesOf = (length: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length, {
    message: `expected ${length} bytes`,
  });

/** A count or index: a safe integer from 0. */
export const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The last millisecond of the year 9999, since the Unix epoch. */
export const TIME_MS_MAX = 253_402_300_799_999;

/** Milliseconds since the Unix epoch, below the year 10000. */
export const timeMs = z.number().int().min(0).max(TIME_MS_MAX);

/**
 * An Ed25519 peer id in text form: base58btc of the identity multihash of its key, always 52
 * characters and always with this beginning
 * (https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md).
 */
export const peerIdText = z.string().regex(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/);

/** A CID version 1, dag-cbor, SHA2-256, in base32 (ids of meshes, calls, submissions, commands). */
export const cidText = z.string().regex(/^bafyrei[a-z2-7]{52}$/);

/**
 * A multiaddr in text form; only its length and alphabet are checked here, dialling checks the
 * rest.
 */
export const multiaddrText = z
  .string()
  .min(2)
  .max(256)
  .regex(/^\/[\x21-\x7e]+$/);

/** The addresses of one node. */
export const addressList = z.array(multiaddrText).max(LIMITS.memberAddressesMax);

/**
 * Control, formatting, line-breaking, private and surrogate code points (Cc, Cf, Zl, Zp, Co, Cs of
 * Unicode 16). Spelled out, since `\p{…}` changes with the Unicode version of the runtime: reducers
 * check names, and two nodes on different versions of Node.js must not come to different answers.
 */
const INVISIBLE = [
  '\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u180e',
  '\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\uf8ff\\ufeff\\ufff0-\\uffff',
  '\\u{110bd}\\u{110cd}\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{10ffff}',
].join('');

const NAME = new RegExp(`^[^${INVISIBLE}]+$`, 'u');

/**
 * What may stand in a member's or mesh's name: printable, no control or invisible formatting
 * characters.
 */
export const nameText = z
  .string()
  .min(1)
  .max(LIMITS.memberNameBytesMax)
  .regex(NAME)
  .refine((text) => isWithinUtf8(text, LIMITS.memberNameBytesMax), {
    message: `expected at most ${LIMITS.memberNameBytesMax} bytes`,
  });

const signedWrapping = (bytesMax: number) =>
  z.strictObject({ b: bytesUpTo(bytesMax), s: bytesOf(64) });

const signedSchemas = new Map<number, ReturnType<typeof signedWrapping>>();

/**
 * A signature over the domain prefix and the body, as received. One schema for each of the few
 * limits that there are: to make one costs more than to decode a batch.
 */
export function signedSchema(bytesMax: number): ReturnType<typeof signedWrapping> {
  let schema = signedSchemas.get(bytesMax);
  if (schema === undefined) {
    schema = signedWrapping(bytesMax);
    signedSchemas.set(bytesMax, schema);
  }
  return schema;
}

import { z } from 'zod';
import { isWithinUtf8, LIMITS, PRINTABLE } from '../interface/index.ts';

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
 * What may stand in a member's or mesh's name: printable, no control or invisible formatting
 * characters.
 */
export const nameText = z
  .string()
  .min(1)
  .max(LIMITS.memberNameBytesMax)
  .regex(PRINTABLE)
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

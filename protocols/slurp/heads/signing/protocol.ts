import { z } from 'zod';
import { bytesOf, decodeAs, encodeCanonical } from '../../../wire/index.ts';

/** The protocol by which a leader asks voters to sign a head: the body of one in, 64 bytes out. */
export const headProtocol = (mesh: string): string => `/cooee/${mesh}/head/1`;

const answerSchema = z.strictObject({ v: z.literal(1), s: bytesOf(64) });

/** A voter's signature over the body that was sent. */
export const headAnswer = {
  encode: (s: Uint8Array): Uint8Array => encodeCanonical({ v: 1, s }),
  /** @throws CooeeError ERR_WIRE_* */
  decode: (bytes: Uint8Array): Uint8Array => decodeAs(answerSchema, bytes, 128).s,
};

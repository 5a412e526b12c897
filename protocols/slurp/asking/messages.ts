import { z } from 'zod';
import { count, decodeAs, encodeCanonical } from '../../wire/index.ts';

const PEER_CHARS_MAX = 128;
const REQUEST_BYTES_MAX = 256;

/** The protocol by which members ask the leader for a read index. */
export const readProtocol = (mesh: string): string => `/cooee/${mesh}/read/1`;

/** The protocol by which admins ask the leader to hand over. */
export const transferProtocol = (mesh: string): string => `/cooee/${mesh}/transfer/1`;

/** The protocol by which members ask the leader to give a seat to another. */
export const vacateProtocol = (mesh: string): string => `/cooee/${mesh}/vacate/1`;

const readSchema = z.strictObject({ v: z.literal(1) });
const transferSchema = z.strictObject({
  v: z.literal(1),
  to: z.string().min(1).max(PEER_CHARS_MAX).optional(),
});
const vacateSchema = z.strictObject({
  v: z.literal(1),
  peer: z.string().min(1).max(PEER_CHARS_MAX),
});
const indexSchema = z.strictObject({ v: z.literal(1), index: count });

/** Asks for an index that a linearizable read must have applied. */
export const readRequest = {
  encode: (): Uint8Array => encodeCanonical({ v: 1 }),
  decode: (bytes: Uint8Array) => decodeAs(readSchema, bytes, REQUEST_BYTES_MAX),
};

/** Asks the leader to hand over; without `to` to whoever is furthest. */
export const transferRequest = {
  encode: (to: string | undefined): Uint8Array =>
    encodeCanonical({ v: 1, ...(to === undefined ? {} : { to }) }),
  decode: (bytes: Uint8Array) => decodeAs(transferSchema, bytes, REQUEST_BYTES_MAX),
};

/** Asks the leader to give the seat of a member that is about to leave to another. */
export const vacateRequest = {
  encode: (peer: string): Uint8Array => encodeCanonical({ v: 1, peer }),
  decode: (bytes: Uint8Array) => decodeAs(vacateSchema, bytes, REQUEST_BYTES_MAX),
};

/** The leader's answer to each: an index, 0 where none is asked for. */
export const indexAnswer = {
  encode: (index: number): Uint8Array => encodeCanonical({ v: 1, index }),
  decode: (bytes: Uint8Array) => decodeAs(indexSchema, bytes, REQUEST_BYTES_MAX),
};

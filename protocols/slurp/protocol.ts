import { z } from 'zod';
import { LIMITS } from '../interface/index.ts';
import { bytesUpTo, count, decodeAs, encodeCanonical } from '../wire/index.ts';
import { HEAD_BYTES_MAX } from './machine/codec.ts';

/** Members that may hand a batch on before it reaches the leader. */
export const HOPS_MAX = 3;

/** Room for entries in one answer: a frame less the head and the framing. */
export const PULL_BYTES_MAX = LIMITS.streamMessageBytesMax - HEAD_BYTES_MAX - 16 * 1024;

/** The protocol by which batches reach the leader. */
export const submitProtocol = (mesh: string): string => `/cooee/${mesh}/submit/1`;

/** The protocol by which members follow the log. */
export const replicaProtocol = (mesh: string): string => `/cooee/${mesh}/replica/1`;

const submitSchema = z.strictObject({
  v: z.literal(1),
  hops: z.number().int().min(0).max(HOPS_MAX),
  batch: bytesUpTo(LIMITS.batchBytesMax),
});

const committedSchema = z.strictObject({ v: z.literal(1), index: count });

const pullSchema = z.strictObject({ v: z.literal(1), from: count.min(1) });

const pulledSchema = z.strictObject({
  v: z.literal(1),
  head: bytesUpTo(HEAD_BYTES_MAX),
  entries: z.array(bytesUpTo(LIMITS.batchBytesMax + 512)).max(LIMITS.replicaEntriesMax),
});

/** A batch on its way to the leader, with the members it went through. */
export const submitRequest = {
  encode: (hops: number, batch: Uint8Array): Uint8Array => encodeCanonical({ v: 1, hops, batch }),
  decode: (bytes: Uint8Array) => decodeAs(submitSchema, bytes, LIMITS.batchBytesMax + 64),
};

/** The leader's answer: up to where to follow the log to find the outcome. */
export const submitResponse = {
  encode: (index: number): Uint8Array => encodeCanonical({ v: 1, index }),
  decode: (bytes: Uint8Array) => decodeAs(committedSchema, bytes, 64),
};

/** Asks for the entries from an index on. */
export const pullRequest = {
  encode: (from: number): Uint8Array => encodeCanonical({ v: 1, from }),
  decode: (bytes: Uint8Array) => decodeAs(pullSchema, bytes, 64),
};

/** Entries in order, none beyond the head that proves them. */
export const pullResponse = {
  encode: (head: Uint8Array, entries: readonly Uint8Array[]): Uint8Array =>
    encodeCanonical({ v: 1, head, entries }),
  decode: (bytes: Uint8Array) => decodeAs(pulledSchema, bytes, LIMITS.streamMessageBytesMax),
};

import { z } from 'zod';
import { LIMITS } from '../interface/index.ts';
import { bytesUpTo, count, decodeAs, encodeCanonical } from '../wire/index.ts';
import { HEAD_BYTES_MAX } from './machine/codec.ts';
import { type SnapshotOffer, snapshotOffer } from './snapshot/records.ts';

/** Members that may hand a batch on before it reaches the leader. */
export const HOPS_MAX = 3;

/** Links of the trust chain in one answer. */
export const LINKS_MAX = 64;

/** Room for entries in one answer: a frame less the head and the framing. */
export const PULL_BYTES_MAX = LIMITS.streamMessageBytesMax - HEAD_BYTES_MAX - 16 * 1024;

/** The protocol by which batches reach the leader. */
export const submitProtocol = (mesh: string): string => `/cooee/${mesh}/submit/1`;

/** The protocol by which members follow the log. */
export const replicaProtocol = (mesh: string): string => `/cooee/${mesh}/replica/1`;

/**
 * Batches that travel together, the first of those that wait and what is behind it: the leader
 * checks their signatures in one go, and should not be held up by that.
 */
export const SUBMIT_BATCHES_MAX = 16;
/** And no more than this, unless the first alone is larger. */
export const SUBMIT_BYTES_MAX = 512 * 1024;

const submitSchema = z.strictObject({
  v: z.literal(1),
  hops: z.number().int().min(0).max(HOPS_MAX),
  batches: z.array(bytesUpTo(LIMITS.batchBytesMax)).min(1).max(SUBMIT_BATCHES_MAX),
});

const committedSchema = z.strictObject({ v: z.literal(1), index: count });

const pullSchema = z.strictObject({
  v: z.literal(1),
  from: count.min(1),
  /** Index up to which the asker knows who voted: links behind it are wanted. */
  chain: count.default(0),
  /** Index of the newest mark head that the asker has: a newer one is wanted. */
  mark: count.default(0),
});

const pulledSchema = z.strictObject({
  v: z.literal(1),
  head: bytesUpTo(HEAD_BYTES_MAX),
  entries: z.array(bytesUpTo(LIMITS.batchBytesMax + 512)).max(LIMITS.replicaEntriesMax),
  links: z.array(bytesUpTo(HEAD_BYTES_MAX)).max(LINKS_MAX).default([]),
  mark: bytesUpTo(HEAD_BYTES_MAX).optional(),
  /** For one who is far behind: the state at an index, which saves it the entries up to there. */
  snapshot: snapshotOffer.optional(),
});

/** Batches of one origin on their way to the leader, with the members they went through. */
export const submitRequest = {
  encode: (hops: number, batches: readonly Uint8Array[]): Uint8Array =>
    encodeCanonical({ v: 1, hops, batches }),
  decode: (bytes: Uint8Array) => decodeAs(submitSchema, bytes, SUBMIT_BYTES_MAX + 1024),
};

/** The leader's answer: up to where to follow the log to find the outcome. */
export const submitResponse = {
  encode: (index: number): Uint8Array => encodeCanonical({ v: 1, index }),
  decode: (bytes: Uint8Array) => decodeAs(committedSchema, bytes, 64),
};

/** What the asker of a pull has of the trust chain. */
export interface KnownHeads {
  /** Index up to which it knows who voted. */
  readonly chain?: number;
  /** Index of its newest head with the CID of a state. */
  readonly mark?: number;
}

/** Asks for the entries from an index on, and for what the asker lacks of the trust chain. */
export const pullRequest = {
  encode: (from: number, { chain = 0, mark = 0 }: KnownHeads = {}): Uint8Array =>
    encodeCanonical({ v: 1, from, chain, mark }),
  decode: (bytes: Uint8Array) => decodeAs(pullSchema, bytes, 64),
};

/** What goes with the entries of a pull. */
export interface PulledHeads {
  /** Links of the trust chain, by rising index: with 64 of them there may be more. */
  readonly links?: readonly Uint8Array[];
  /** The newest head with the CID of a state. */
  readonly mark?: Uint8Array | undefined;
  readonly snapshot?: SnapshotOffer | undefined;
}

/** Entries in order, none beyond the head that proves them. */
export const pullResponse = {
  encode: (
    head: Uint8Array,
    entries: readonly Uint8Array[],
    { links = [], mark, snapshot }: PulledHeads = {},
  ): Uint8Array =>
    encodeCanonical({
      v: 1,
      head,
      entries,
      links,
      ...(mark === undefined ? {} : { mark }),
      ...(snapshot === undefined ? {} : { snapshot }),
    }),
  decode: (bytes: Uint8Array) => decodeAs(pulledSchema, bytes, LIMITS.streamMessageBytesMax),
};

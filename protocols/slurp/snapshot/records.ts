import { z } from 'zod';
import { CooeeError, type Hash, type KeyValueStore, LIMITS } from '../../interface/index.ts';
import {
  assertFrontier,
  bytesOf,
  bytesUpTo,
  cidText,
  count,
  decodeAs,
  encodeCanonical,
  equalBytes,
  type MerkleFrontier,
  merkleRoot,
  timeMs,
} from '../../wire/index.ts';
import type { Head } from '../machine/codec.ts';
import { HEAD_BYTES_MAX } from '../machine/codec.ts';

const RECORD_BYTES_MAX = 16 * 1024;
/** Blocks that one request may ask for. */
export const BLOCKS_ASKED_MAX = 32;

const peaks = z.array(bytesOf(32)).max(53);

const recordSchema = z.strictObject({
  v: z.literal(1),
  index: count.min(1),
  term: count,
  timeMs,
  peaks,
  stateCid: cidText,
  /** The signed head that names the CID, once it is here. */
  head: bytesUpTo(HEAD_BYTES_MAX).optional(),
});

/** A snapshot of the state, and what a log needs to go on behind it. */
export interface SnapshotRecord {
  /** Log index of the mark. */
  readonly index: number;
  /** Term and agreed time of the entry there. */
  readonly term: number;
  readonly timeMs: number;
  readonly frontier: MerkleFrontier;
  readonly stateCid: string;
  /** The head, signed by a majority, that names the CID; undefined while there is none. */
  readonly head?: Uint8Array | undefined;
}

/** Records of the namespace `snapshot`, and the marker of an install that is under way. */
export const snapshotRecord = {
  key: (index: number): string => String(index).padStart(16, '0'),
  encode: ({ frontier, head, ...record }: SnapshotRecord): Uint8Array =>
    encodeCanonical({
      v: 1,
      ...record,
      peaks: frontier.peaks,
      ...(head === undefined ? {} : { head }),
    }),
  /** @throws CooeeError ERR_WIRE_*, ERR_STORAGE_DAMAGED */
  decode: (bytes: Uint8Array): SnapshotRecord => {
    const { v: _v, peaks: hashes, ...record } = decodeAs(recordSchema, bytes, RECORD_BYTES_MAX);
    return { ...record, frontier: assertFrontier({ size: record.index, peaks: hashes }) };
  },
};

/** Key of the marker in the namespace `snapshot`: behind the digits of the others. */
export const INSTALL_KEY = 'install';

/** All snapshots that are kept, by rising index. @throws as {@link snapshotRecord.decode} */
export async function readRecords(store: KeyValueStore): Promise<SnapshotRecord[]> {
  const records: SnapshotRecord[] = [];
  for await (const [, bytes] of store.entries('snapshot', { lt: INSTALL_KEY })) {
    records.push(snapshotRecord.decode(bytes));
  }
  return records;
}

const offerSchema = z.strictObject({
  /** Names index, root and the CID of the state. */
  head: bytesUpTo(HEAD_BYTES_MAX),
  peaks,
});

/** What a member offers to one whose log is far behind its own. */
export interface SnapshotOffer {
  /** A head, signed by a majority, with the CID of the state at its index. */
  readonly head: Uint8Array;
  /** The Merkle frontier at that index, which must have the head's root. */
  readonly peaks: readonly Uint8Array[];
}

/** How an offer stands in the answer to a pull. */
export const snapshotOffer = offerSchema;

/**
 * The place in the log that an offer is of.
 *
 * @throws CooeeError ERR_SLURP_HEAD (details.reason `state`, `root`)
 */
export function frontierOf(
  sha256: Hash,
  head: Head,
  hashes: readonly Uint8Array[],
): { readonly stateCid: string; readonly frontier: MerkleFrontier } {
  const details = { index: head.index };
  const { stateCid } = head;
  if (stateCid === undefined) {
    throw new CooeeError('ERR_SLURP_HEAD', 'the head names no state', {
      details: { ...details, reason: 'state' },
    });
  }
  const frontier = { size: head.index, peaks: hashes };
  if (!isFrontier(frontier) || !equalBytes(merkleRoot(sha256, frontier), head.root)) {
    throw new CooeeError('ERR_SLURP_HEAD', 'the frontier does not have the root of the head', {
      details: { ...details, reason: 'root' },
    });
  }
  return { stateCid, frontier };
}

function isFrontier(frontier: MerkleFrontier): boolean {
  try {
    assertFrontier(frontier);
    return true;
  } catch {
    return false;
  }
}

/** The protocol by which members fetch the blocks of a snapshot. */
export const blockProtocol = (mesh: string): string => `/cooee/${mesh}/block/1`;

const askSchema = z.strictObject({
  v: z.literal(1),
  cids: z.array(cidText).min(1).max(BLOCKS_ASKED_MAX),
});

const blocksSchema = z.strictObject({
  v: z.literal(1),
  blocks: z.array(bytesUpTo(LIMITS.streamMessageBytesMax)).max(BLOCKS_ASKED_MAX),
});

/** Asks for blocks by their ids. */
export const blockRequest = {
  encode: (cids: readonly string[]): Uint8Array => encodeCanonical({ v: 1, cids }),
  decode: (bytes: Uint8Array) => decodeAs(askSchema, bytes, BLOCKS_ASKED_MAX * 64 + 64),
};

/** Room for blocks in one answer: two, or a list. */
export const ANSWER_BYTES_MAX = LIMITS.streamMessageBytesMax - 4_096;

/** Those of the blocks that are there, in any order, as many as fit: at least one. */
export const blockResponse = {
  encode: (blocks: readonly Uint8Array[]): Uint8Array => encodeCanonical({ v: 1, blocks }),
  decode: (bytes: Uint8Array) => decodeAs(blocksSchema, bytes, LIMITS.streamMessageBytesMax),
};

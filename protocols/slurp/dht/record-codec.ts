import { z } from 'zod';
import { type AgentRecord, LIMITS } from '../../interface/index.ts';
import {
  bytesOf,
  bytesUpTo,
  count,
  decodeAs,
  encodeCanonical,
  peerIdText,
} from '../../wire/index.ts';
import { HEAD_BYTES_MAX } from '../machine/codec.ts';
import { refuseRecord } from './refusal.ts';

/** Links of the trust chain that go with a head: the last ones, as many as there is room for. */
export const RECORD_LINKS_MAX = 32;

const ENTRY_BYTES_MAX = LIMITS.batchBytesMax + 512;

const tupleText = z.string().min(1).max(LIMITS.tupleFieldBytesMax);

const agentSchema = z.strictObject({
  model: tupleText,
  hostname: tupleText,
  mac: z.string().regex(/^[0-9a-f]{12}$/),
  gpuId: z.string().regex(/^(?:[0-9]|1[0-5])$/),
  token: z.string().min(5).max(8),
  number: count,
  gpuSlot: count.max(LIMITS.gpuSlotsMax - 1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  tinyHash: z.string().length(10),
  peer: peerIdText,
  grantedIndex: count.min(1),
  retiredIndex: count.min(1).nullable(),
});

const agentRecordSchema = z.strictObject({
  v: z.literal(1),
  record: agentSchema,
  index: count.min(1),
  entry: bytesUpTo(ENTRY_BYTES_MAX),
  path: z.array(bytesOf(32)).max(64),
  head: bytesUpTo(HEAD_BYTES_MAX),
});

/** Value of a token's and of a hash's key: an agent, and where the log says so. */
export interface AgentDhtRecord {
  readonly record: AgentRecord;
  /** Index of the entry that changed the agent last. */
  readonly index: number;
  /** That entry, canonical bytes. */
  readonly entry: Uint8Array;
  /** Its audit path in the tree of the head (RFC 6962, section 2.1.1). */
  readonly path: readonly Uint8Array[];
  /** A head that a majority of the voters signed. */
  readonly head: Uint8Array;
}

const headRecordSchema = z.strictObject({
  v: z.literal(1),
  head: bytesUpTo(HEAD_BYTES_MAX),
  links: z.array(bytesUpTo(HEAD_BYTES_MAX)).max(RECORD_LINKS_MAX),
});

/** Value of the head's key. */
export interface HeadDhtRecord {
  readonly head: Uint8Array;
  /** The last links of the trust chain, by rising index. */
  readonly links: readonly Uint8Array[];
}

/** Records of agents. */
export const agentDhtRecord = {
  /** @throws CooeeError ERR_SLURP_RECORD `too-large`, ERR_WIRE_MALFORMED */
  encode: (value: AgentDhtRecord): Uint8Array => bounded(encodeCanonical({ v: 1, ...value })),
  /** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
  decode: (bytes: Uint8Array): AgentDhtRecord =>
    decodeAs(agentRecordSchema, bytes, LIMITS.dhtRecordBytesMax),
};

/** Records of heads. */
export const headDhtRecord = {
  /** @throws CooeeError ERR_SLURP_RECORD `too-large`, ERR_WIRE_MALFORMED */
  encode: (value: HeadDhtRecord): Uint8Array => bounded(encodeCanonical({ v: 1, ...value })),
  /** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
  decode: (bytes: Uint8Array): HeadDhtRecord =>
    decodeAs(headRecordSchema, bytes, LIMITS.dhtRecordBytesMax),
};

function bounded(bytes: Uint8Array): Uint8Array {
  if (bytes.length > LIMITS.dhtRecordBytesMax) throw refuseRecord('too-large');
  return bytes;
}

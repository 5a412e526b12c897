import { hashTuple, type TokenCodec } from '../../agent-id/index.ts';
import type { Claim } from '../../enrolment/index.ts';
import { type AgentRecord, type Crypto, isCooeeError } from '../../interface/index.ts';
import { isInTree, isSignedBy, leafHash, type Signed, toHex } from '../../wire/index.ts';
import {
  type Command,
  decodeBatch,
  decodeEntry,
  type Entry,
  isBatchSigned,
  type SignedHead,
} from '../machine/codec.ts';
import type { DhtName } from './key.ts';
import type { AgentDhtRecord } from './record-codec.ts';
import { refuseRecord } from './refusal.ts';

/** What a record is judged with, besides heads and state. */
export interface RecordContext {
  readonly mesh: string;
  readonly crypto: Crypto;
  readonly tokens: TokenCodec;
  /** @throws CooeeError for what is no claim */
  readonly decodeClaim: (bytes: Uint8Array) => Signed<Claim>;
}

/**
 * Checks that a record is of the agent that the key names, and that token, number, slot, tuple and
 * hashes fit each other.
 *
 * @throws CooeeError ERR_SLURP_RECORD `foreign`
 */
export function assertNamed(
  { crypto, tokens }: Pick<RecordContext, 'crypto' | 'tokens'>,
  name: DhtName,
  record: AgentRecord,
): void {
  const { model, hostname, mac, gpuId, token } = record;
  const hashes = hashTuple({ model, hostname, mac, gpu_id: gpuId }, crypto.sha256);
  const isHash = hashes.hash === record.hash && hashes.tinyHash === record.tinyHash;
  if (!isHash || !isToken(tokens, record)) throw refuseRecord('foreign');
  const isAsked =
    (name.kind === 'token' && name.token === token) ||
    (name.kind === 'hash' && name.tinyHash === record.tinyHash);
  if (!isAsked) throw refuseRecord('foreign');
}

function isToken(tokens: TokenCodec, { token, number, gpuSlot, gpuId }: AgentRecord): boolean {
  try {
    const fields = tokens.decodeToken(token);
    const isCanonical = tokens.encodeToken(fields) === token;
    const isSame = fields.host === number && fields.gpu === gpuSlot;
    return isCanonical && isSame && gpuId === String(gpuSlot);
  } catch (error) {
    if (isCooeeError(error)) return false;
    throw error;
  }
}

/**
 * Checks that the entry stands in the log that the head speaks of. The head's signatures are
 * checked elsewhere.
 *
 * @throws CooeeError ERR_SLURP_RECORD `path`; ERR_WIRE_*
 */
export function assertInLog(
  { crypto }: Pick<RecordContext, 'crypto'>,
  value: AgentDhtRecord,
  { head }: SignedHead,
): Entry {
  const entry = decodeEntry(value.entry);
  if (entry.index !== value.index || value.index > head.index) throw refuseRecord('path');
  const leaf = { hash: leafHash(crypto.sha256, value.entry), index: entry.index - 1 };
  const tree = { size: head.index, root: head.root };
  if (!isInTree(crypto.sha256, leaf, value.path, tree)) throw refuseRecord('path');
  return entry;
}

/**
 * Checks that one of the commands makes of the agent what the record says: a grant to the node that
 * claimed its tuple and signed for it, the retirement of its token, or a rebinding to its node. How
 * the log decided them is not in an entry: that is for the state to say.
 *
 * @throws CooeeError ERR_SLURP_RECORD `change`; ERR_WIRE_*
 */
export function assertChange(context: RecordContext, value: AgentDhtRecord, entry: Entry): void {
  const { crypto, mesh } = context;
  const batch = decodeBatch(entry.batch);
  if (batch.value.mesh !== mesh || !isBatchSigned(crypto, batch)) throw refuseRecord('change');
  const isMade = batch.value.commands.some((command) => isChange(context, value, command));
  if (!isMade) throw refuseRecord('change');
}

function isChange(
  context: RecordContext,
  { record, index }: AgentDhtRecord,
  { kind, body }: Command,
): boolean {
  if (kind === 'agent.retire') {
    return body['token'] === record.token && record.retiredIndex === index;
  }
  if (kind === 'agent.rebind') return body['peer'] === record.peer;
  const { claim } = body;
  if (kind !== 'agent.grant' || !(claim instanceof Uint8Array)) return false;
  return record.retiredIndex === null && isClaimed(context, record, claim);
}

function isClaimed(
  { crypto, mesh, decodeClaim }: RecordContext,
  record: AgentRecord,
  bytes: Uint8Array,
): boolean {
  try {
    const signed = decodeClaim(bytes);
    const { value } = signed;
    if (value.mesh !== mesh || value.peer !== record.peer) return false;
    if (!value.agents.some(({ hash }) => toHex(hash) === record.hash)) return false;
    return isSignedBy(crypto.verify, 'claim', value.peer, signed);
  } catch (error) {
    if (isCooeeError(error)) return false;
    throw error;
  }
}

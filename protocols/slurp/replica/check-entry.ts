import { CooeeError, type Crypto, isCooeeError, type LogRecord } from '../../interface/index.ts';
import { refuseHead } from '../heads/head-rules.ts';
import { type Batch, decodeBatch, decodeEntry, isBatchSigned } from '../machine/codec.ts';

/** Where an entry that another node sent must fit. */
export interface EntryPlace {
  readonly crypto: Crypto;
  readonly meshId: string;
  readonly index: number;
  /** The term of the head that goes with it. */
  readonly termMax: number;
}

/**
 * Checks what can be told of one entry alone: form, place, and that its origin signed the batch for
 * this mesh. That the entry is the one of this log is shown by the head's root only.
 *
 * @throws CooeeError ERR_WIRE_*, ERR_SLURP_COMMAND, ERR_SLURP_HEAD (details.reason `order`,
 * `term`), ERR_SLURP_SIGNATURE
 */
export function checkEntry(bytes: Uint8Array, place: EntryPlace): LogRecord {
  const { index, termMax, meshId, crypto } = place;
  const entry = decodeEntry(bytes);
  if (entry.index !== index) throw refuseHead('order', 'entries out of order');
  // A log keeps its highest term even when the entry is dropped again: no made-up one may get
  // there.
  if (entry.term > termMax) throw refuseHead('term', 'an entry of a later term than its head');
  signedBatch(entry.batch, { crypto, meshId, index });
  return { index, term: entry.term, bytes };
}

/**
 * The batch of an entry, once it is certain that its origin signed it for this mesh.
 *
 * @throws CooeeError ERR_WIRE_*, ERR_SLURP_COMMAND, ERR_SLURP_SIGNATURE
 */
export function signedBatch(
  bytes: Uint8Array,
  { crypto, meshId, index }: Pick<EntryPlace, 'crypto' | 'index' | 'meshId'>,
): Batch {
  const batch = decodeBatch(bytes);
  // A batch of another mesh is genuine there, and a forgery here.
  if (batch.value.mesh === meshId && isBatchSigned(crypto, batch)) return batch.value;
  throw new CooeeError('ERR_SLURP_SIGNATURE', 'an entry holds a forged batch', {
    details: { index },
  });
}

/**
 * Whether what is held does not fit a sound head or the anchor: whoever sent that, it need not be
 * the last source.
 */
export function isMisfit(error: unknown): boolean {
  if (isCooeeError(error, 'ERR_SLURP_ANCHOR')) return true;
  if (!isCooeeError(error, 'ERR_SLURP_HEAD')) return false;
  return error.details['reason'] === 'root' || error.details['reason'] === 'beyond';
}

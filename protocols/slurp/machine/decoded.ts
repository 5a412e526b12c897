import { type Batch, batchSignedHere, decodeBatch, decodeEntry, type Entry } from './codec.ts';

/** An entry with the batch in it, taken apart. */
export interface DecodedEntry {
  readonly entry: Entry;
  readonly batch: Batch;
}

/**
 * Entries taken apart, or put together, on their way into the log, by their bytes: what is
 * applied a moment later is not taken apart again. Forgotten when it is applied: the bytes are kept
 * for a while for those who follow, and what was made of them takes several times as much.
 */
const entries = new WeakMap<Uint8Array, Partial<DecodedEntry>>();

/** Remembers what was made of the bytes of an entry. */
export function rememberEntry(bytes: Uint8Array, decoded: Partial<DecodedEntry>): void {
  entries.set(bytes, decoded);
}

/**
 * What the bytes of an entry are, to apply it: what was remembered of them is forgotten.
 *
 * @throws CooeeError ERR_WIRE_*, ERR_SLURP_COMMAND
 */
export function takeEntry(bytes: Uint8Array): DecodedEntry {
  const known = entries.get(bytes);
  entries.delete(bytes);
  const entry = known?.entry ?? decodeEntry(bytes);
  const batch = known?.batch ?? batchSignedHere(entry.batch) ?? decodeBatch(entry.batch).value;
  return { entry, batch };
}

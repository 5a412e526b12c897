import {
  type Clock,
  CooeeError,
  type Crypto,
  delay,
  type LogRecord,
} from '../../interface/index.ts';
import { equalBytes } from '../../wire/index.ts';
import { refuseHead } from '../heads/head-rules.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import type { SignedHead } from '../machine/codec.ts';
import { checkEntry } from './check-entry.ts';

/** Batches whose signatures are checked before the loop turns: about 2.5 ms. */
const VERIFY_SLICE = 32;

/** What checking pulled entries works with. */
export interface CheckComponents {
  readonly meshLog: MeshLog;
  readonly trust: TrustBook;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Entries as a source gave them, behind what is held, with the head that is to prove them. */
export interface PulledEntries {
  readonly entries: readonly Uint8Array[];
  readonly from: number;
  readonly signed: SignedHead;
}

/**
 * Entries must be well-formed, in order, signed by their origins for this mesh, and pass through
 * the anchor.
 *
 * @throws CooeeError ERR_SLURP_HEAD (details.reason), ERR_SLURP_ANCHOR, ERR_SLURP_SIGNATURE,
 * ERR_WIRE_*; the signal's reason
 */
export async function checkEntries(
  components: CheckComponents,
  { entries, from, signed }: PulledEntries,
): Promise<readonly LogRecord[]> {
  const { clock, crypto, meshLog, signal } = components;
  if (from + entries.length - 1 > signed.head.index) {
    throw refuseHead('beyond', 'entries beyond the head that proves them');
  }
  const place = { crypto, meshId: meshLog.meshId, termMax: signed.head.term };
  const records: LogRecord[] = [];
  for (const [i, bytes] of entries.entries()) {
    records.push(checkEntry(bytes, { ...place, index: from + i }));
    if (i % VERIFY_SLICE === VERIFY_SLICE - 1) await delay(clock, 0, signal);
  }
  assertAnchor(components, entries, from);
  return records;
}

function assertAnchor(
  { meshLog, trust }: CheckComponents,
  entries: readonly Uint8Array[],
  from: number,
): void {
  const { anchor } = trust;
  if (anchor.index < from || anchor.index >= from + entries.length) return;
  const root = meshLog.rootsWith(entries.slice(0, anchor.index - from + 1)).at(-1);
  if (root === undefined || !equalBytes(root, anchor.root)) {
    throw new CooeeError('ERR_SLURP_ANCHOR');
  }
}

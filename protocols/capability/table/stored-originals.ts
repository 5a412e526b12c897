import { z } from 'zod';
import { type KeyValueStore, LIMITS, type Logger, toError } from '../../interface/index.ts';
import { bytesUpTo, decodeAs, encodeCanonical } from '../../wire/index.ts';
import type { NodeEntry } from './announcement-table.ts';

/** Peer ids of Ed25519 keys begin with `12D3KooW`. */
const FIRST_PEER = '12D3';
const AFTER_PEERS = '12D4';
const RECORD_BYTES_MAX = (LIMITS.announcementPartsMax + 2) * LIMITS.gossipMessageBytesMax;

const original = bytesUpTo(LIMITS.gossipMessageBytesMax);
const recordSchema = z.strictObject({
  v: z.literal(1),
  originals: z.array(original).max(LIMITS.announcementPartsMax + 1),
});

/**
 * The signed announcements of other nodes, so that what was known outlives a restart (as stale,
 * until a beat).
 */
export class StoredOriginals {
  readonly #store: KeyValueStore;
  readonly #logger: Logger;
  readonly #changed = new Map<string, NodeEntry | undefined>();

  constructor(store: KeyValueStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** All messages that were stored; not checked. */
  async load(): Promise<Uint8Array[]> {
    const found: Uint8Array[] = [];
    const range = { gte: FIRST_PEER, lt: AFTER_PEERS };
    for await (const [peer, bytes] of this.#store.entries('announcement', range)) {
      try {
        found.push(...decodeAs(recordSchema, bytes, RECORD_BYTES_MAX).originals);
      } catch (error) {
        this.#logger.warn({ err: toError(error), peer }, 'a stored announcement is damaged');
      }
    }
    return found;
  }

  /** Notes that a node's entry is another now, or gone. */
  changed(peer: string, entry: NodeEntry | undefined): void {
    this.#changed.set(peer, entry);
  }

  /** Writes what changed. Not synced: what a crash loses is asked for again. */
  async save(): Promise<void> {
    const changed = [...this.#changed];
    this.#changed.clear();
    if (changed.length === 0) return;
    const writes = changed.map(([key, entry]) => {
      const namespace = 'announcement' as const;
      if (entry === undefined) return { namespace, key };
      const originals = [...entry.originals, ...(entry.beat === undefined ? [] : [entry.beat])];
      return { namespace, key, value: encodeCanonical({ v: 1, originals }) };
    });
    try {
      await this.#store.batch(writes);
    } catch (error) {
      for (const [peer, entry] of changed) {
        if (!this.#changed.has(peer)) this.#changed.set(peer, entry);
      }
      this.#logger.warn({ err: toError(error) }, 'announcements were not stored');
    }
  }
}

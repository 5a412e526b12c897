import type { Hash, KeyValueStore, LogRecord } from '../../interface/index.ts';
import {
  appendLeaf,
  auditSiblings,
  EMPTY_FRONTIER,
  leafHash,
  type MerkleFrontier,
  merkleRoot,
  nodeHash,
} from '../../wire/index.ts';
import { lastPeakSize, TILE_ENTRIES, tileRow } from '../log/tiles.ts';

/** Bytes of the log that are read at once: a tile of ordinary entries. */
const READ_BYTES_MAX = 256 * 1024;

/** What {@link AuditTree} reads from. */
export interface AuditTreeComponents {
  readonly store: Pick<KeyValueStore, 'get'>;
  readonly sha256: Hash;
  /** @throws CooeeError ERR_STORAGE_COMPACTED for what the log does not hold any more */
  readonly read: (
    from: number,
    countMax: number,
    bytesMax: number,
  ) => Promise<readonly LogRecord[]>;
}

/**
 * The Merkle tree over a long log, for audit paths (RFC 6962, section 2.1.1): inner nodes out of
 * the stored rows, and the entries of at most a few tiles. A path takes a dozen rows and some
 * hundred entries, however long the log is, and the disk is waited for tile by tile.
 */
export class AuditTree {
  readonly #components: AuditTreeComponents;

  constructor(components: AuditTreeComponents) {
    this.#components = components;
  }

  /**
   * The audit path of an entry in the tree of the first `size` entries.
   *
   * @throws CooeeError ERR_STORAGE_COMPACTED, ERR_STORAGE_*; RangeError when there is no such entry
   */
  async path(index: number, size: number): Promise<readonly Uint8Array[]> {
    const path: Uint8Array[] = [];
    for (const [low, high] of auditSiblings(index - 1, size)) {
      path.push(await this.#root(low, high));
    }
    return path;
  }

  /**
   * Root of the entries from `low` (counted from 0) up to, not including, `high`: a sibling of an
   * audit path.
   *
   * @throws CooeeError ERR_STORAGE_COMPACTED, ERR_STORAGE_*
   */
  async subtree(low: number, high: number): Promise<Uint8Array> {
    return await this.#root(low, high);
  }

  /**
   * The frontier of the first `size` entries, out of the stored rows alone; undefined when one is
   * missing.
   *
   * @param size a multiple of 256
   */
  async frontier(size: number): Promise<MerkleFrontier | undefined> {
    const peaks: Uint8Array[] = [];
    for (let rest = size; rest > 0; rest -= lastPeakSize(rest)) {
      const row = await this.#row(rest);
      if (row === undefined) return undefined;
      peaks.unshift(row.peak);
    }
    return { size, peaks };
  }

  /** Root of the entries from `low` (counted from 0) up to, not including, `high`. */
  async #root(low: number, high: number): Promise<Uint8Array> {
    const size = high - low;
    if (size < TILE_ENTRIES) return await this.#fromEntries(low, high);
    const row = high % TILE_ENTRIES === 0 ? await this.#row(high) : undefined;
    if (row !== undefined && lastPeakSize(high) === size) return row.peak;
    if (size === TILE_ENTRIES) return row?.tile ?? (await this.#fromEntries(low, high));
    let half = TILE_ENTRIES;
    while (half * 2 < size) half *= 2;
    const left = await this.#root(low, low + half);
    return nodeHash(this.#components.sha256, left, await this.#root(low + half, high));
  }

  async #row(end: number) {
    const bytes = await this.#components.store.get('tile', tileRow.key(end));
    return bytes === undefined ? undefined : tileRow.decode(bytes);
  }

  async #fromEntries(low: number, high: number): Promise<Uint8Array> {
    const { read, sha256 } = this.#components;
    let frontier = EMPTY_FRONTIER;
    while (low + frontier.size < high) {
      const left = high - low - frontier.size;
      const records = await read(low + frontier.size + 1, left, READ_BYTES_MAX);
      if (records.length === 0) throw new RangeError('the log ends before the tree');
      for (const { bytes } of records) {
        frontier = appendLeaf(sha256, frontier, leafHash(sha256, bytes));
      }
    }
    return merkleRoot(sha256, frontier);
  }
}

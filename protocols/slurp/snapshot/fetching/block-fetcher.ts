import {
  CooeeError,
  type Crypto,
  type KeyValueStore,
  type Logger,
  type Requester,
  toError,
} from '../../../interface/index.ts';
import { cidOf } from '../../../wire/index.ts';
import type { SnapshotFiles } from '../files/snapshot-files.ts';
import { BLOCKS_ASKED_MAX, blockProtocol, blockRequest, blockResponse } from '../records.ts';

/** Members that are asked at the same time. */
const SOURCES_AT_ONCE = 3;
const REQUEST_TIMEOUT_MS = 10_000;
/** Held blocks that are looked up in one go. */
const CHECK_SLICE = 16;

/** What {@link BlockFetcher} works with. */
export interface BlockFetcherComponents {
  readonly meshId: string;
  readonly crypto: Crypto;
  readonly requester: Requester;
  readonly logger: Logger;
  /** Where the blocks are kept. */
  readonly shelf: BlockShelf;
}

/** Where fetched blocks are kept. */
export interface BlockShelf {
  /** Whether the block is there, with the bytes of its id. */
  has(cid: string): Promise<boolean>;
  keep(blocks: readonly FetchedBlock[]): Promise<void>;
}

/** How a fetch is carried out. */
export interface FetchInit {
  /** Members to ask, the best first. */
  readonly sources: readonly string[];
  readonly signal: AbortSignal;
  /** Blocks that are here by now, of all. */
  readonly onProgress?: (held: number, all: number) => void;
}

/** Blocks that no source was asked for yet, shared by those who ask. */
class Wanted {
  readonly #left: Set<string>;
  readonly #asked = new Set<string>();

  constructor(cids: readonly string[]) {
    this.#left = new Set(cids);
  }

  /** Blocks that are not here yet. */
  get size(): number {
    return this.#left.size;
  }

  /** The next few that nobody is asked for at present. */
  take(refused: ReadonlySet<string>): readonly string[] {
    const taken: string[] = [];
    for (const cid of this.#left) {
      if (this.#asked.has(cid) || refused.has(cid)) continue;
      taken.push(cid);
      if (taken.length === BLOCKS_ASKED_MAX) break;
    }
    for (const cid of taken) this.#asked.add(cid);
    return taken;
  }

  /** True when that block was wanted. */
  got(cid: string): boolean {
    this.#asked.delete(cid);
    return this.#left.delete(cid);
  }

  release(cids: readonly string[]): void {
    for (const cid of cids) this.#asked.delete(cid);
  }
}

/**
 * Fetches blocks from several members. What is there already is not asked for, so
 * that a fetch which was broken off goes on where it was; every block is checked against its id.
 */
export class BlockFetcher {
  readonly #components: BlockFetcherComponents;
  readonly #shelf: BlockShelf;

  constructor(components: BlockFetcherComponents) {
    this.#components = components;
    this.#shelf = components.shelf;
  }

  /**
   * Resolves when all blocks are here.
   *
   * @throws CooeeError ERR_SLURP_SNAPSHOT when no source has what is left, ERR_STORAGE_*; the
   * signal's reason
   */
  async fetch(cids: readonly string[], init: FetchInit): Promise<void> {
    const all = [...new Set(cids)];
    const wanted = new Wanted(await this.#missing(all, init.signal));
    const tell = () => init.onProgress?.(all.length - wanted.size, all.length);
    tell();
    // Who found nothing left to ask for may have been wrong: another one's answer may have failed.
    for (let before = Number.POSITIVE_INFINITY; wanted.size > 0 && wanted.size < before; ) {
      before = wanted.size;
      await this.#askAll(wanted, { ...init, onProgress: tell });
    }
    init.signal.throwIfAborted();
    if (wanted.size > 0) {
      throw new CooeeError('ERR_SLURP_SNAPSHOT', undefined, { details: { missing: wanted.size } });
    }
  }

  async #askAll(wanted: Wanted, init: FetchInit): Promise<void> {
    const queue = [...init.sources];
    const ask = async (): Promise<void> => {
      while (wanted.size > 0) {
        const source = queue.shift();
        if (source === undefined) return;
        await this.#drain(source, wanted, init);
      }
    };
    await Promise.all(Array.from({ length: Math.min(SOURCES_AT_ONCE, queue.length) }, ask));
  }

  /** Those that are not here, or not with the bytes of their id. */
  async #missing(cids: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const missing: string[] = [];
    for (const [i, cid] of cids.entries()) {
      if (i % CHECK_SLICE === 0) signal.throwIfAborted();
      if (!(await this.#shelf.has(cid))) missing.push(cid);
    }
    return missing;
  }

  /** Asks one source until it has no more; what goes wrong there is no fault of the others. */
  async #drain(source: string, wanted: Wanted, init: FetchInit): Promise<void> {
    const refused = new Set<string>();
    for (;;) {
      const cids = wanted.take(refused);
      if (cids.length === 0) return;
      let blocks: readonly FetchedBlock[];
      try {
        blocks = await this.#ask(source, cids, init.signal);
      } catch (error) {
        wanted.release(cids);
        init.signal.throwIfAborted();
        this.#components.logger.debug({ err: toError(error), source }, 'no blocks from a member');
        return;
      }
      const fresh = blocks.filter(({ cid }) => wanted.got(cid));
      wanted.release(cids);
      // An answer is cut where it is full; one with nothing in it means that none of these is
      // there.
      if (blocks.length === 0) for (const cid of cids) refused.add(cid);
      await this.#shelf.keep(fresh);
      init.onProgress?.(0, 0);
    }
  }

  async #ask(
    source: string,
    cids: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly FetchedBlock[]> {
    const { meshId, requester, crypto } = this.#components;
    const answer = await requester.request(
      source,
      blockProtocol(meshId),
      blockRequest.encode(cids),
      { timeoutMs: REQUEST_TIMEOUT_MS, signal },
    );
    const asked = new Set(cids);
    return blockResponse.decode(answer).blocks.map((bytes) => {
      const cid = cidOf(crypto.sha256, bytes);
      if (!asked.has(cid)) {
        throw new CooeeError('ERR_WIRE_MALFORMED', 'a block that was not asked for');
      }
      return { cid, bytes };
    });
  }
}

/** A block whose bytes have the id that was asked for. */
export interface FetchedBlock {
  readonly cid: string;
  readonly bytes: Uint8Array;
}

/** What {@link SnapshotShelf} works with. */
export interface SnapshotShelfComponents {
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  /** Files of snapshots that were taken here: most of one is often in another. */
  readonly files: Pick<SnapshotFiles, 'read'>;
}

/**
 * Where blocks of snapshots are kept that are fetched, in any order: the store's namespace `block`.
 * One that is in a file is copied there, since files go when their snapshots are not kept any more.
 */
export class SnapshotShelf implements BlockShelf {
  readonly #components: SnapshotShelfComponents;

  constructor(components: SnapshotShelfComponents) {
    this.#components = components;
  }

  async has(cid: string): Promise<boolean> {
    if ((await readBlock(this.#components, cid)) !== undefined) return true;
    const bytes = await this.#components.files.read(cid);
    if (bytes === undefined) return false;
    await this.keep([{ cid, bytes }]);
    return true;
  }

  async keep(blocks: readonly FetchedBlock[]): Promise<void> {
    await this.#components.store.batch(
      blocks.map(({ cid, bytes }) => ({ namespace: 'block', key: cid, value: bytes })),
    );
  }
}

/** A block that was fetched, out of the store; undefined when it is not there or damaged. */
export async function readBlock(
  { store, crypto }: { readonly store: KeyValueStore; readonly crypto: Crypto },
  cid: string,
): Promise<Uint8Array | undefined> {
  const bytes = await store.get('block', cid);
  return bytes !== undefined && cidOf(crypto.sha256, bytes) === cid ? bytes : undefined;
}

import {
  type BlockRecord,
  type Clock,
  CooeeError,
  type Crypto,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type Requester,
  type StateReader,
  type StoreWrite,
} from '../../interface/index.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import { BlockFetcher, type FetchedBlock } from '../snapshot/fetching/block-fetcher.ts';
import { BlockScrub } from './block-scrub.ts';
import { ContentStore, HELD_RANGE } from './content-store.ts';
import { MissingBlocks } from './missing-blocks.ts';

/** How long a reader waits for a block of others. */
const FETCH_TIMEOUT_MS = 8_000;

/** What {@link ContentBlocks} works with. */
export interface ContentBlocksComponents {
  readonly meshId: string;
  readonly store: KeyValueStore;
  readonly state: StateReader;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly requester: Requester;
  /** Members to fetch from, the best first. */
  readonly sources: () => readonly string[];
  /** Whether what waits in this node's outbox refers to that block. */
  readonly isWaiting: (cid: string) => boolean;
}

/**
 * The large contents and patches of submissions, by their ids: kept here, fetched from whoever
 * holds them when they are asked for, and in the background once the log refers to them.
 */
export class ContentBlocks {
  readonly #components: ContentBlocksComponents;
  readonly #blocks: ContentStore;
  readonly #missing: MissingBlocks;
  readonly #scrub: BlockScrub;
  readonly #stopped = new AbortController();
  /** Fetches under way, by block. */
  readonly #fetching = new Map<string, Promise<void>>();

  constructor(components: ContentBlocksComponents) {
    this.#components = components;
    this.#blocks = new ContentStore({ ...components, onDamaged: (cid) => this.#damaged(cid) });
    this.#scrub = new BlockScrub({
      ...components,
      range: HELD_RANGE,
      check: async (cid) => void (await this.#blocks.get(cid)),
    });
    this.#missing = new MissingBlocks({
      ...components,
      has: (cid) => this.#blocks.has(cid),
      fetch: (by, block) => this.fetch(by, [block]),
    });
  }

  /** @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* */
  async open(): Promise<void> {
    await this.#blocks.open();
  }

  /** Begins to fetch what the log refers to and is not here, and to look for what is damaged. */
  start(): void {
    this.#missing.lookThrough();
    this.#scrub.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    this.#blocks.stop();
    await this.#scrub.stop();
    await this.#missing.stop();
    await Promise.allSettled(this.#fetching.values());
  }

  /** Blocks that no submission refers to, and blocks that are to be fetched. */
  get counts(): { readonly loose: number; readonly missing: number } {
    return { loose: this.#blocks.loose.count, missing: this.#missing.size };
  }

  /**
   * Keeps blocks of a submission by a member; they are on the disk when it resolves.
   *
   * @throws CooeeError ERR_SUBMISSION_BLOCKS_FULL, ERR_STORAGE_*
   */
  async keep(by: string, blocks: readonly FetchedBlock[]): Promise<void> {
    await this.#blocks.keep(by, blocks);
  }

  /** The block, when it is here and sound. @throws CooeeError ERR_STORAGE_* */
  async held({ cid, bytes }: BlockRecord): Promise<Uint8Array | undefined> {
    const block = await this.#blocks.get(cid);
    if (block === undefined || block.length === bytes) return block;
    throw new CooeeError('ERR_SUBMISSION_MALFORMED', 'the block has another length');
  }

  /**
   * The block, from here or from whoever holds it.
   *
   * @throws CooeeError ERR_SUBMISSION_BLOCK_MISSING when nobody has it at present,
   * ERR_SUBMISSION_MALFORMED, ERR_STORAGE_*
   */
  async read(block: BlockRecord): Promise<Uint8Array> {
    const here = await this.held(block);
    if (here !== undefined) return here;
    const { state } = this.#components;
    const id = state.get('attached', block.cid)?.id ?? '';
    await this.fetch(state.get('submission', id)?.author.peer, [block]);
    const fetched = await this.held(block);
    if (fetched !== undefined) return fetched;
    throw new CooeeError('ERR_SUBMISSION_BLOCK_MISSING');
  }

  /**
   * Sees to it that blocks are here, on the disk.
   *
   * @param by the member whose submission refers to them: it is asked first
   * @param more others to ask before all other members
   * @throws CooeeError ERR_SUBMISSION_BLOCK_MISSING, ERR_SUBMISSION_BLOCKS_FULL, ERR_STORAGE_*
   */
  async fetch(
    by: string | undefined,
    blocks: readonly BlockRecord[],
    more: readonly string[] = [],
  ): Promise<void> {
    const all = blocks.map(({ cid }) => {
      const fetching = this.#fetching.get(cid) ?? this.#fetch(by, cid, more);
      this.#fetching.set(cid, fetching);
      return fetching.finally(() => {
        if (this.#fetching.get(cid) === fetching) this.#fetching.delete(cid);
      });
    });
    await Promise.all(all);
  }

  /** The writes that go with an entry: its blocks are referred to from now on. */
  writesFor(entry: AppliedEntry): readonly StoreWrite[] {
    const writes: StoreWrite[] = [];
    for (const { command, outcome } of entry.decisions) {
      if (command.kind !== 'submission.commit' || !outcome.ok) continue;
      const { blocks } = outcome.value as { readonly blocks?: readonly BlockRecord[] };
      if (blocks === undefined) continue;
      const referred = this.#blocks.refer(blocks);
      writes.push(...referred.writes);
      for (const block of referred.missing) this.#missing.add(block, entry.batch.origin);
    }
    return writes;
  }

  /** The state was replaced by another, which may refer to blocks that are not here. */
  onReplaced(): void {
    this.#missing.lookThrough();
  }

  /** There is somebody new to ask. */
  nudge(): void {
    this.#missing.nudge();
  }

  /** What a submission refers to is fetched again; all else is for who needs it. */
  #damaged(cid: string): void {
    const { state } = this.#components;
    const attached = state.get('attached', cid);
    if (attached === undefined) return;
    const by = state.get('submission', attached.id)?.author.peer;
    this.#missing.add({ cid, bytes: attached.bytes }, by);
  }

  async #fetch(by: string | undefined, cid: string, more: readonly string[]): Promise<void> {
    const { clock, sources } = this.#components;
    const shelf = this.#blocks.shelfFor(by);
    const fetcher = new BlockFetcher({ ...this.#components, shelf });
    const ended = new AbortController();
    const timer = clock.schedule(FETCH_TIMEOUT_MS, () => ended.abort());
    const signal = AbortSignal.any([ended.signal, this.#stopped.signal]);
    const first = by === undefined ? more : [by, ...more];
    let last: unknown;
    try {
      if (await shelf.has(cid)) {
        await this.#blocks.renew(cid);
        return;
      }
      // One after the other: it is one block, and the first of them should have it.
      for (const source of new Set([...first, ...sources()])) {
        try {
          await fetcher.fetch([cid], { sources: [source], signal });
          return;
        } catch (error) {
          if (!signal.aborted && !isCooeeError(error, 'ERR_SLURP_SNAPSHOT')) throw error;
          last = error;
          if (signal.aborted) break;
        }
      }
    } finally {
      timer.cancel();
    }
    const init = { cause: last, details: { cid } };
    throw new CooeeError('ERR_SUBMISSION_BLOCK_MISSING', undefined, init);
  }
}

import { z } from 'zod';
import {
  isCooeeError,
  type KeyValueStore,
  type StateEvent,
  type StateReader,
  type StoreWrite,
} from '../../interface/index.ts';
import { auditSiblings, bytesOf, count, decodeAs, encodeCanonical } from '../../wire/index.ts';
import { TILE_ENTRIES } from '../log/tiles.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import { encodeEntry } from '../machine/codec.ts';
import type { AuditTree } from '../proof/audit-tree.ts';

const AGENT_EVENT = /^agent:(?:grant|retire|rebind)$/;

const changeSchema = z.strictObject({ v: z.literal(1), index: count.min(1) });
const pathSchema = z.strictObject({ v: z.literal(1), siblings: z.array(bytesOf(32)).length(8) });

const entryKey = (index: number): string => `entry/${String(index).padStart(16, '0')}`;
const pathKey = (index: number): string => `path/${String(index).padStart(16, '0')}`;
const CHANGE = 'change/';

/** What {@link OwnChanges} works with. */
export interface OwnChangesComponents {
  readonly store: KeyValueStore;
  readonly state: StateReader;
  /** This node's peer id. */
  readonly self: string;
  readonly tree: AuditTree;
  /**
   * An entry of the log; undefined when it is not there any more. @throws CooeeError ERR_STORAGE_*
   */
  readonly read: (index: number) => Promise<Uint8Array | undefined>;
}

/** An entry that changed an agent, with its audit path in the tree of a head. */
export interface ProvedChange {
  readonly index: number;
  readonly entry: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/**
 * The entries that changed this node's agents last: kept as they are applied, with the part of
 * their audit paths that is settled once their 256 entries are complete. The log forgets entries;
 * the records of agents must be proved for as long as these live.
 */
export class OwnChanges {
  readonly #components: OwnChangesComponents;
  /** Token -> index of the last change. */
  readonly #indices = new Map<string, number>();
  /** Index -> the siblings inside its 256 entries, lowest first as in the path. */
  readonly #settled = new Map<number, readonly Uint8Array[]>();

  constructor(components: OwnChangesComponents) {
    this.#components = components;
  }

  /** Loads what is kept, and drops what nothing refers to any more. */
  async open(): Promise<void> {
    const { store } = this.#components;
    const drop: StoreWrite[] = [];
    for await (const [key, value] of store.entries('dht', { gte: CHANGE, lt: 'change0' })) {
      const token = key.slice(CHANGE.length);
      if (this.#isOwn(token)) this.#indices.set(token, decodeAs(changeSchema, value, 64).index);
      else drop.push({ namespace: 'dht', key });
    }
    const used = new Set(this.#indices.values());
    for await (const [key, value] of store.entries('dht', { gte: 'entry/', lt: 'path0' })) {
      const index = Number(key.slice(key.indexOf('/') + 1));
      if (!used.has(index)) drop.push({ namespace: 'dht', key });
      else if (key === pathKey(index)) {
        this.#settled.set(index, decodeAs(pathSchema, value, 1024).siblings);
      }
    }
    await store.batch(drop);
    await this.adopt();
  }

  /**
   * Takes in changes that the state tells of and that were not kept, as far as the log still has
   * them: those of a home from before, and of entries that were applied while the node started.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async adopt(): Promise<void> {
    const { state, store, self, read } = this.#components;
    for (const [token, { peer, grantedIndex, retiredIndex }] of state.entries('agent')) {
      const index = Math.max(grantedIndex, retiredIndex ?? 0);
      if (peer !== self || (this.#indices.get(token) ?? 0) >= index) continue;
      const entry = await read(index);
      if (entry === undefined) continue;
      await store.batch([
        { namespace: 'dht', key: entryKey(index), value: entry },
        { namespace: 'dht', key: CHANGE + token, value: encodeCanonical({ v: 1, index }) },
      ]);
      this.#indices.set(token, index);
    }
  }

  /** What must be written together with an entry that changes agents of this node. */
  writesFor(entry: AppliedEntry): StoreWrite[] {
    const tokens = this.tokensOf(entry.events);
    if (tokens.length === 0) return [];
    const { index, term, timeMs, batchBytes } = entry;
    const bytes = encodeEntry({ index, term, timeMs, batch: batchBytes });
    const value = encodeCanonical({ v: 1, index });
    return [
      { namespace: 'dht', key: entryKey(index), value: bytes },
      ...tokens.map((token) => ({ namespace: 'dht' as const, key: CHANGE + token, value })),
    ];
  }

  /** The entry is applied and in the store. @returns tokens of this node's agents in it */
  onApplied({ index, events }: Pick<AppliedEntry, 'events' | 'index'>): readonly string[] {
    const tokens = this.tokensOf(events);
    for (const token of tokens) this.#indices.set(token, index);
    return tokens;
  }

  /** Tokens of agents of this node that the events tell of. */
  tokensOf(events: readonly StateEvent[]): string[] {
    const { self } = this.#components;
    return events.flatMap(({ type, data }) => {
      const { token, peer } = data;
      return AGENT_EVENT.test(type) && peer === self && typeof token === 'string' ? [token] : [];
    });
  }

  /**
   * The last change of an agent of this node, with its path in the tree of the first `size`
   * entries.
   *
   * @returns undefined when this node did not see the entry (it came by a snapshot) or the tree
   * does not reach there yet
   * @throws CooeeError ERR_STORAGE_*
   */
  async prove(token: string, size: number): Promise<ProvedChange | undefined> {
    const index = this.#indices.get(token);
    if (index === undefined || index > size) return undefined;
    const entry = await this.#components.store.get('dht', entryKey(index));
    if (entry === undefined) return undefined;
    return { index, entry, path: await this.#path(index, size) };
  }

  /**
   * Keeps the inner part of paths that are settled: called when 256 entries more are applied, and
   * at the start, while the log still has them. Where a snapshot has taken their place before they
   * were complete, there is none to keep.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async settle(appliedIndex: number): Promise<void> {
    for (const index of new Set(this.#indices.values())) {
      if (this.#settled.has(index) || tileOf(index) + TILE_ENTRIES > appliedIndex) continue;
      const siblings = await this.#subtrees(innerSiblings(index));
      if (siblings === undefined) continue;
      this.#settled.set(index, siblings);
      const value = encodeCanonical({ v: 1, siblings });
      await this.#components.store.batch([{ namespace: 'dht', key: pathKey(index), value }]);
    }
    const used = new Set(this.#indices.values());
    for (const index of this.#settled.keys()) if (!used.has(index)) this.#settled.delete(index);
  }

  async #path(index: number, size: number): Promise<Uint8Array[]> {
    const settled = this.#settled.get(index);
    const known = new Map<string, Uint8Array>();
    if (settled !== undefined) {
      for (const [i, [low, high]] of innerSiblings(index).entries()) {
        known.set(`${low}-${high}`, settled[i] as Uint8Array);
      }
    }
    const path: Uint8Array[] = [];
    for (const [low, high] of auditSiblings(index - 1, size)) {
      path.push(known.get(`${low}-${high}`) ?? (await this.#components.tree.subtree(low, high)));
    }
    return path;
  }

  /** Undefined when the log has forgotten any of it. */
  async #subtrees(
    ranges: readonly (readonly [number, number])[],
  ): Promise<readonly Uint8Array[] | undefined> {
    const roots: Uint8Array[] = [];
    try {
      for (const [low, high] of ranges) roots.push(await this.#components.tree.subtree(low, high));
    } catch (error) {
      if (isCooeeError(error, 'ERR_STORAGE_COMPACTED')) return undefined;
      throw error;
    }
    return roots;
  }

  #isOwn(token: string): boolean {
    return this.#components.state.get('agent', token)?.peer === this.#components.self;
  }
}

/** The first leaf, counted from 0, of the 256 entries that an entry is in. */
function tileOf(index: number): number {
  return Math.floor((index - 1) / TILE_ENTRIES) * TILE_ENTRIES;
}

/**
 * The siblings of an entry inside its 256 entries: the same in every tree that holds all of them.
 */
function innerSiblings(index: number): readonly (readonly [number, number])[] {
  const tile = tileOf(index);
  return auditSiblings(index - 1 - tile, TILE_ENTRIES).map(
    ([low, high]) => [tile + low, tile + high] as const,
  );
}

import type { KeyValueStore, StoreWrite } from '../../interface/index.ts';
import { decodeHead, type SignedHead } from '../machine/codec.ts';
import { entryIndexOf, epochNumberOf, isRecovery } from '../recovery/recovery-link.ts';
import type { ChainLink } from './trust-chain.ts';

/** A verified head, as received and taken apart. */
export interface KeptHead {
  readonly bytes: Uint8Array;
  readonly signed: SignedHead;
}

/** Names of single heads in the namespace `head`; `voter/<peer>`: the last with its signature. */
export type HeadName = 'highest' | 'mark' | 'fork-ours' | 'fork-theirs' | `voter/${string}`;

const SYNCED = { sync: true } as const;
const OF_VOTERS: HeadName = 'voter/';
/** Behind all names that begin so. */
const OF_VOTERS_END = 'voter0';

/** The index of a link, be it a head or a recovery. @throws CooeeError ERR_WIRE_* */
export function linkIndex(bytes: Uint8Array): number {
  if (isRecovery(bytes)) return entryIndexOf(bytes);
  return decodeHead(bytes).head.index;
}

function linkEpoch(bytes: Uint8Array): number {
  return isRecovery(bytes) ? epochNumberOf(bytes) : decodeHead(bytes).head.epoch;
}

const linkKey = (index: number): string => String(index).padStart(16, '0');

/** Where trust is kept: single heads by name, links of the chain by index. */
export class TrustStore {
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  /** @throws CooeeError ERR_WIRE_* when it is damaged, ERR_STORAGE_* */
  async head(name: HeadName): Promise<KeptHead | undefined> {
    const bytes = await this.#store.get('head', name);
    return bytes === undefined ? undefined : { bytes, signed: decodeHead(bytes) };
  }

  /** By voter. @throws CooeeError as {@link TrustStore.head} */
  async signedHeads(): Promise<Map<string, KeptHead>> {
    const heads = new Map<string, KeptHead>();
    const range = { gte: OF_VOTERS, lt: OF_VOTERS_END };
    for await (const [key, bytes] of this.#store.entries('head', range)) {
      heads.set(key.slice(OF_VOTERS.length), { bytes, signed: decodeHead(bytes) });
    }
    return heads;
  }

  /** Those without a value are forgotten; all in one write. */
  async keepHeads(heads: Partial<Record<HeadName, Uint8Array | undefined>>): Promise<void> {
    await this.#write(
      Object.entries(heads).map(([key, value]) =>
        value === undefined ? { namespace: 'head', key } : { namespace: 'head', key, value },
      ),
    );
  }

  /** Indices of all links that are kept. */
  async linkIndices(): Promise<Set<number>> {
    const indices = new Set<number>();
    for await (const [key] of this.#store.entries('chain')) indices.add(Number(key));
    return indices;
  }

  /** Links behind an index, the first so many of them. */
  async linksAfter(index: number, countMax: number): Promise<Uint8Array[]> {
    const links: Uint8Array[] = [];
    const range = { gt: linkKey(index), limit: countMax };
    for await (const [, bytes] of this.#store.entries('chain', range)) links.push(bytes);
    return links;
  }

  /** Indices of links behind an index that are of an earlier epoch. */
  async linksBefore(epoch: number, after: number): Promise<number[]> {
    const indices: number[] = [];
    for await (const [key, bytes] of this.#store.entries('chain', { gt: linkKey(after) })) {
      if (linkEpoch(bytes) < epoch) indices.push(Number(key));
    }
    return indices;
  }

  /**
   * Those who signed a link may lose their disks: it is on this one when this resolves, since
   * nobody else can sign it again.
   *
   * @param gone indices of those that are forgotten in the same write
   */
  async keepLinks(
    links: readonly Pick<ChainLink, 'bytes' | 'set'>[],
    gone: readonly number[] = [],
  ): Promise<void> {
    const forgotten = gone.map((index) => ({ namespace: 'chain', key: linkKey(index) }) as const);
    await this.#write([...forgotten, ...links.map(linkWrite)], SYNCED);
  }

  /**
   * Keeps a recovery as a link of the chain, and forgets links and heads that it gives up: all in
   * one write, and on the disk when this resolves.
   */
  async keepRecovery(
    link: Pick<ChainLink, 'bytes' | 'set'>,
    forget: { readonly links: readonly number[]; readonly heads: readonly HeadName[] },
  ): Promise<void> {
    const writes: readonly StoreWrite[] = [
      ...forget.links.map((index) => ({ namespace: 'chain', key: linkKey(index) }) as const),
      ...forget.heads.map((key) => ({ namespace: 'head', key }) as const),
      linkWrite(link),
    ];
    await this.#write(writes, SYNCED);
  }

  async #write(writes: readonly StoreWrite[], options?: { readonly sync: boolean }): Promise<void> {
    // A closed store is its owner's; a failed one is mended by opening it.
    if (this.#store.status === 'failed') await this.#store.open();
    await this.#store.batch(writes, options);
  }
}

function linkWrite({ bytes, set }: Pick<ChainLink, 'bytes' | 'set'>): StoreWrite {
  return { namespace: 'chain', key: linkKey(set.index), value: bytes };
}

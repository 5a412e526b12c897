import type { KeyValueStore, StoreWrite } from '../../interface/index.ts';
import { decodeHead, type SignedHead } from '../machine/codec.ts';

/** A verified head, as received and taken apart. */
export interface KeptHead {
  readonly bytes: Uint8Array;
  readonly signed: SignedHead;
}

/** Names of single heads in the namespace `head`. */
export type HeadName = 'highest' | 'mark' | 'fork-ours' | 'fork-theirs';

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

  async keepHeads(heads: Partial<Record<HeadName, Uint8Array>>): Promise<void> {
    await this.#write(
      Object.entries(heads).map(([key, value]) => ({ namespace: 'head', key, value })),
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

  async keepLinks(links: readonly KeptHead[]): Promise<void> {
    await this.#write(
      links.map(({ bytes, signed }) => ({
        namespace: 'chain',
        key: linkKey(signed.head.index),
        value: bytes,
      })),
    );
  }

  async #write(writes: readonly StoreWrite[]): Promise<void> {
    // A closed store is its owner's; a failed one is mended by opening it.
    if (this.#store.status === 'failed') await this.#store.open();
    await this.#store.batch(writes);
  }
}

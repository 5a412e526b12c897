import {
  CooeeError,
  type Crypto,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  toError,
} from '../../interface/index.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import { linkIndex } from '../heads/trust-store.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { decodeEntry } from '../machine/codec.ts';
import { LINKS_MAX } from '../protocol.ts';
import { AuditTree } from './audit-tree.ts';
import { toBase64 } from './base64.ts';
import { PROOF_LINKS_MAX, type Proof } from './proof.ts';

const ENTRY_BYTES_MAX = 128 * 1024;
const GENESIS = { namespace: 'head', key: 'genesis' } as const;

/** What {@link ProofMaker} works with. */
export interface ProofMakerComponents {
  readonly meshLog: MeshLog;
  readonly trust: TrustBook;
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  readonly logger: Logger;
  /** On the leader: has a head signed for what has no head yet. */
  readonly refresh?: () => Promise<void>;
}

/** Makes proofs of entries, for people who are not in the mesh. */
export class ProofMaker {
  readonly #components: ProofMakerComponents;
  /** The Merkle tree of the log. */
  readonly tree: AuditTree;

  constructor(components: ProofMakerComponents) {
    this.#components = components;
    const { meshLog, store, crypto } = components;
    this.tree = new AuditTree({
      store,
      sha256: crypto.sha256,
      read: (from, countMax, bytesMax) => meshLog.read(from, countMax, bytesMax),
    });
  }

  /** Keeps the first batch: every proof without an anchor begins there, and the log forgets it. */
  async open(): Promise<void> {
    const { meshLog, store, logger } = this.#components;
    if ((await store.get(GENESIS.namespace, GENESIS.key)) !== undefined) return;
    if (meshLog.appliedIndex > 0) {
      await this.#keepGenesis();
      return;
    }
    meshLog.onApplied(({ index }) => {
      if (index !== 1) return;
      this.#keepGenesis().catch((error: unknown) => {
        logger.warn({ err: toError(error) }, 'the first entry is not kept');
      });
    });
  }

  /**
   * A proof of one entry.
   *
   * @param after index of the reader's anchor: links up to there are left out; 0 = from genesis on
   * @throws CooeeError ERR_API_NOT_FOUND for an entry that no signed head speaks of;
   * ERR_STORAGE_COMPACTED; ERR_API_QUERY when the chain is too long without a later anchor;
   * ERR_STORAGE_*
   */
  async make(index: number, after = 0): Promise<Proof> {
    const { meshLog, trust } = this.#components;
    if ((trust.highest()?.signed.head.index ?? 0) < index) await this.#components.refresh?.();
    const head = trust.highest();
    if (head === undefined || head.signed.head.index < index) {
      throw new CooeeError('ERR_API_NOT_FOUND', 'no signed head speaks of that entry yet', {
        details: { index, head: head?.signed.head.index ?? 0 },
        remedy: 'Try again in a moment; cooee status shows how far the log is committed.',
      });
    }
    const [record] = await meshLog.read(index, 1, ENTRY_BYTES_MAX);
    if (record === undefined) throw new CooeeError('ERR_API_NOT_FOUND');
    const size = head.signed.head.index;
    const path = await this.tree.path(index, size);
    const genesis = after > 0 ? undefined : await this.#genesis();
    return {
      v: 1,
      kind: 'cooee-proof',
      mesh: meshLog.meshId,
      index,
      entry: toBase64(record.bytes),
      path: path.map(toBase64),
      head: toBase64(head.bytes),
      links: (await this.#links(after, size)).map(toBase64),
      ...(genesis === undefined ? {} : { genesis: toBase64(genesis) }),
    };
  }

  async #links(after: number, upTo: number): Promise<Uint8Array[]> {
    const { trust } = this.#components;
    const links: Uint8Array[] = [];
    for (let from = after; ; ) {
      const more = await trust.links(from, LINKS_MAX);
      for (const link of more) {
        from = linkIndex(link);
        if (from > upTo) return links;
        // Who verifies it takes no more.
        if (links.length === PROOF_LINKS_MAX) {
          throw new CooeeError('ERR_API_QUERY', 'too many changes of voters since that anchor', {
            remedy: 'Give the index of a later anchor, such as the one in a newer invite.',
          });
        }
        links.push(link);
      }
      if (more.length < LINKS_MAX) return links;
    }
  }

  async #genesis(): Promise<Uint8Array | undefined> {
    return await this.#components.store.get(GENESIS.namespace, GENESIS.key);
  }

  async #keepGenesis(): Promise<void> {
    const { meshLog, store } = this.#components;
    try {
      const [record] = await meshLog.read(1, 1, ENTRY_BYTES_MAX);
      if (record === undefined) return;
      await store.batch([{ ...GENESIS, value: decodeEntry(record.bytes).batch }]);
    } catch (error) {
      // A log that began behind a snapshot has none; proofs from here need an anchor then.
      if (!isCooeeError(error, 'ERR_STORAGE_COMPACTED')) throw error;
    }
  }
}

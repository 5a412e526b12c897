import { type Crypto, isCooeeError, type Logger } from '../../../interface/index.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import { LINKS_MAX } from '../../protocol.ts';
import type { EpochBook } from '../../recovery/epoch-book.ts';
import { type MissingLink, missingLinks, verifyMissing } from '../missing-links.ts';
import { SkippedLinks } from '../skipped-links.ts';
import { type ChainStart, followChain } from '../trust-chain.ts';
import { linkIndex, type TrustStore } from '../trust-store.ts';
import type { VoterHistory } from '../voter-history.ts';

/** Links without a place in the chain that are kept in case they get one. */
const NEEDLESS_KEPT_MAX = 16;

/** What {@link KeptLinks} works with: parts of the book that it is a part of. */
export interface KeptLinksComponents {
  readonly meshLog: Pick<MeshLog, 'meshId'>;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly epochs: Pick<EpochBook, 'key'>;
  readonly history: VoterHistory;
  readonly store: TrustStore;
  /** Nothing else is taken into the chain meanwhile, and no recovery followed. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
}

/** The links of the chain of trust that a book keeps, and what it knows of voters by them. */
export class KeptLinks {
  /** Changes of voters that this node went past. */
  readonly skipped: SkippedLinks;
  readonly #components: KeptLinksComponents;
  readonly #indices = new Set<number>();
  /** The last ones that another took the place of: voters that come back make such a link too. */
  #needless: number[] = [];

  constructor(components: KeptLinksComponents) {
    this.#components = components;
    this.skipped = new SkippedLinks(components);
  }

  /** Indices of those that are kept; changed by recoveries too. */
  get indices(): Set<number> {
    return this.#indices;
  }

  /** Loads which are kept. @throws CooeeError ERR_STORAGE_* */
  async open(): Promise<void> {
    for (const index of await this.#components.store.linkIndices()) this.#indices.add(index);
  }

  /**
   * Follows those that lead on from what is known. One that does not follow is passed over, and
   * asked for as if it were not there: the state may have got to the middle of what it went past,
   * or the disk has damaged it.
   *
   * @throws CooeeError ERR_WIRE_* when one is damaged, ERR_STORAGE_*
   */
  async follow(): Promise<void> {
    const { store, history } = this.#components;
    for (let after = history.last().index; ; ) {
      const links = await store.linksAfter(after, LINKS_MAX);
      for (const bytes of links) this.#follow(bytes);
      const last = links.at(-1);
      if (links.length < LINKS_MAX || last === undefined) return;
      const next = linkIndex(last);
      // A link under the number of another one is damage too.
      if (next <= after) return;
      after = next;
    }
  }

  /** Those behind an index that are part of the chain here, by rising index. */
  async after(index: number, countMax: number): Promise<Uint8Array[]> {
    const found: Uint8Array[] = [];
    for (let from = index; ; ) {
      const links = await this.#components.store.linksAfter(from, countMax);
      found.push(...links.filter((bytes) => this.#indices.has(linkIndex(bytes))));
      const last = links.at(-1);
      const isFull = found.length >= countMax;
      if (isFull || links.length < countMax || last === undefined) return found.slice(0, countMax);
      const next = linkIndex(last);
      if (next <= from) return found;
      from = next;
    }
  }

  /** Changes of voters that this node's state knows and that it has no link for. */
  missing(): readonly MissingLink[] {
    return missingLinks(this.#components.history.own(), this.#indices);
  }

  /**
   * Verifies heads as links, one call after the other, each from what the ones before it led to,
   * and keeps them.
   *
   * @throws CooeeError ERR_SLURP_HEAD (details.reason), ERR_WIRE_*, ERR_STORAGE_*; of those behind
   * the last recovery nothing was taken then
   */
  async learn(heads: readonly Uint8Array[]): Promise<void> {
    const { crypto, meshLog, history, store, inTurn } = this.#components;
    await inTurn(async () => {
      const place = { crypto, mesh: meshLog.meshId };
      // The state may be of a branch that a recovery gives up.
      const own = verifyMissing(place, this.missing(), heads).filter(({ set }) =>
        history.isInForce(set),
      );
      const detours = await this.skipped.find(heads);
      const ahead = followChain(crypto, this.#start(), heads).links;
      const fresh = [...own, ...detours.flatMap(({ links }) => links), ...ahead];
      if (fresh.length === 0) return;
      const needless = detours.filter((it) => it.isNeedless).map(({ next }) => next.index);
      const inPlace = new Set(fresh.map(({ set }) => set.index));
      const doubtful = [...this.#needless, ...needless].filter((index) => !inPlace.has(index));
      const gone = doubtful.splice(0, doubtful.length - NEEDLESS_KEPT_MAX);
      await store.keepLinks(fresh, gone);
      this.#needless = doubtful;
      for (const index of gone) this.#indices.delete(index);
      for (const { set } of fresh) this.#indices.add(set.index);
      this.skipped.fill(detours);
      for (const { set } of ahead) history.extend(set);
    });
  }

  #follow(bytes: Uint8Array): void {
    const { crypto, history, logger } = this.#components;
    try {
      const { links } = followChain(crypto, this.#start(), [bytes]);
      for (const { set } of links) history.extend(set);
    } catch (error) {
      if (!isCooeeError(error, 'ERR_SLURP_HEAD')) throw error;
      const index = linkIndex(bytes);
      this.#indices.delete(index);
      logger.warn({ err: error, index }, 'a link that was kept does not follow from the others');
    }
  }

  #start(): ChainStart {
    const { epochs, history, meshLog } = this.#components;
    const set = history.last();
    return { mesh: meshLog.meshId, epoch: set.epoch, set, key: epochs.key };
  }
}

import type { Crypto } from '../../interface/index.ts';
import { decodeRecovery, isRecovery } from '../recovery/recovery-link.ts';
import { isSameVoters, refuseHead, type VoterSet } from './head-rules.ts';
import { type ChainLink, followChain } from './trust-chain.ts';
import { linkIndex } from './trust-store.ts';
import type { HistoryGap } from './voter-history.ts';

/** Where a {@link ChainWalk} begins and ends. */
export interface ChainWalkInit {
  readonly mesh: string;
  /** The operator's recovery key. */
  readonly key: Uint8Array | undefined;
  readonly gap: HistoryGap;
  /** The recovery that it is to lead to. */
  readonly id: string;
}

/**
 * Follows links from what is certain to a recovery that was heard of, page by page, as one source
 * gives them. Nothing of it is believed before it has led there: a source that follows another
 * branch has no such links.
 */
export class ChainWalk {
  readonly gap: HistoryGap;
  readonly #crypto: Crypto;
  readonly #init: ChainWalkInit;
  readonly #links: ChainLink[] = [];
  #set: VoterSet;
  #after: number;

  constructor(crypto: Crypto, init: ChainWalkInit) {
    this.#crypto = crypto;
    this.#init = init;
    this.gap = init.gap;
    this.#set = init.gap.base;
    this.#after = init.gap.base.index;
  }

  /** Index behind which links are wanted next. */
  get after(): number {
    return this.#after;
  }

  /** Verified links up to the recovery, without it. */
  get links(): readonly ChainLink[] {
    return this.#links;
  }

  /**
   * Takes the links behind {@link after}.
   *
   * @returns whether they led to the recovery; undefined when they led on
   * @throws CooeeError ERR_SLURP_HEAD (details.reason), ERR_WIRE_*
   */
  take(links: readonly Uint8Array[]): boolean | undefined {
    const end = links.findIndex((bytes) => this.#isEnd(bytes));
    const way = end < 0 ? links : links.slice(0, end + 1);
    const { mesh, key } = this.#init;
    const start = { mesh, key, epoch: this.#set.epoch, set: this.#set };
    const { set, links: all } = followChain(this.#crypto, start, way);
    const followed = [...all];
    if (end >= 0) {
      // From a place behind the recovery no links lead to it.
      if (followed.pop()?.bytes !== way.at(-1)) throw refuseHead('chain');
      this.#links.push(...followed);
      this.#assertVia();
      return true;
    }
    const last = links.at(-1);
    if (followed.length === 0 || last === undefined) return false;
    this.#links.push(...followed);
    this.#set = set;
    this.#after = linkIndex(last);
    return undefined;
  }

  /** The state here is of an epoch that these links know nothing of. */
  #assertVia(): void {
    const { via } = this.gap;
    if (via === undefined || this.#links.some(({ set }) => isSameSet(set, via))) return;
    throw refuseHead('chain');
  }

  #isEnd(bytes: Uint8Array): boolean {
    if (!isRecovery(bytes)) return false;
    return decodeRecovery(this.#crypto.sha256, bytes).id === this.#init.id;
  }
}

function isSameSet(a: VoterSet, b: VoterSet): boolean {
  return a.index === b.index && a.epoch === b.epoch && isSameVoters(a.voters, b.voters);
}

import { isCooeeError } from '../../interface/index.ts';
import type { ChainWalk } from '../heads/chain-walk.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import { linkIndex } from '../heads/trust-store.ts';
import { type KnownHeads, LINKS_MAX } from '../protocol.ts';

/** Answers of links in a row, from one source, for what this node went past. */
const DETOUR_PAGES_MAX = 16;

/**
 * What a pull asks of the trust chain: the links that lead to a recovery which this node heard of
 * from afar; when it has those, the ones from before its anchor, which it needs only to hand them
 * on; the ones that it went past; and the ones that lead on.
 */
export class ChainBackfill {
  readonly #trust: TrustBook;
  /** Where the search for missing links goes on; undefined when it is over. */
  #cursor: number | undefined = 0;
  /** Changes that were missing when the search began. */
  #wanted = 0;
  #isAsking = false;
  #walk: ChainWalk | undefined;
  #isAstray = false;
  /** Behind which index this source is asked for links that were passed over. */
  #detour: number | undefined;
  #detourPages = 0;

  constructor(trust: TrustBook) {
    this.#trust = trust;
  }

  /** Another source is asked: what one alone says is followed. */
  begin(): void {
    this.#walk = this.#trust.recoveries.walk();
    this.#isAstray = false;
    this.#detour = this.#trust.skipped.wanted?.after;
    this.#detourPages = 0;
  }

  /**
   * The links of this source lead to the recovery that is followed, but not from the state here: it
   * is of a branch that was given up, or the source is at fault.
   */
  get isAstray(): boolean {
    return this.#isAstray;
  }

  /** What the next request says of this node. */
  known(): KnownHeads {
    const { chainIndex } = this.#trust;
    const mark = this.#trust.mark()?.signed.head.index ?? 0;
    if (this.#walk !== undefined) return { chain: this.#walk.after, mark };
    const missing = this.#trust.missingLinks();
    const [first] = missing;
    if (missing.length > this.#wanted) this.#cursor = first?.before.index;
    this.#wanted = missing.length;
    this.#isAsking = first !== undefined && this.#cursor !== undefined;
    const from = this.#isAsking ? this.#cursor : this.#detour;
    return { chain: from ?? chainIndex, mark };
  }

  /**
   * Takes the links of an answer in; true when more must be asked for before its head can be
   * judged.
   *
   * @param asked what the request said
   * @throws CooeeError ERR_SLURP_HEAD, ERR_WIRE_*, ERR_STORAGE_*
   */
  async take(links: readonly Uint8Array[], asked: KnownHeads): Promise<boolean> {
    const { recoveries, epochs } = this.#trust;
    const before = this.#trust.chainIndex;
    const missing = this.#trust.missingLinks().length;
    const followed = epochs.current.id;
    if (links.length > 0) await this.#trust.learn(links);
    if (epochs.current.id !== followed) {
      // They were asked for from a place that may be of another branch.
      this.#walk = recoveries.walk();
      if (this.#walk !== undefined) return true;
    }
    const isMore = links.length === LINKS_MAX;
    if (this.#walk !== undefined) {
      return asked.chain === this.#walk.after && (await this.#follow(this.#walk, links));
    }
    if (this.#isAsking) {
      const left = this.#trust.missingLinks();
      // Nobody need have the rest: one search for each new gap.
      this.#cursor = left.length < missing ? left[0]?.before.index : undefined;
      return isMore && this.#cursor !== undefined;
    }
    if (this.#detour !== undefined) return this.#turnBack(links);
    return isMore && this.#trust.chainIndex > before;
  }

  /** True when there may be more of the detour, or links that lead on behind it. */
  #turnBack(links: readonly Uint8Array[]): boolean {
    const { wanted } = this.#trust.skipped;
    const last = links.at(-1);
    const isMore = links.length === LINKS_MAX && last !== undefined;
    const after = isMore && ++this.#detourPages < DETOUR_PAGES_MAX ? linkIndex(last) : undefined;
    this.#detour = (after ?? 0) < (wanted?.end ?? 0) ? after : undefined;
    return isMore;
  }

  /** True when there may be more links, on the way or behind its end. */
  async #follow(walk: ChainWalk, links: readonly Uint8Array[]): Promise<boolean> {
    const isMore = links.length === LINKS_MAX;
    try {
      const isThere = walk.take(links);
      if (isThere === undefined && isMore) return true;
      this.#walk = undefined;
      if (isThere === true) await this.#trust.recoveries.arrive(walk);
      return isMore && isThere === true;
    } catch (error) {
      if (!isCooeeError(error, 'ERR_SLURP_HEAD')) throw error;
      this.#walk = undefined;
      this.#isAstray = walk.gap.isOwn;
      return isMore;
    }
  }
}

import type { TrustBook } from '../heads/trust-book.ts';
import { type KnownHeads, LINKS_MAX } from '../protocol.ts';

/**
 * What a pull asks of the trust chain: the links that lead on, and when this node has those, the
 * ones from before its anchor, which it needs only to hand them on.
 */
export class ChainBackfill {
  readonly #trust: TrustBook;
  /** Where the search for missing links goes on; undefined when it is over. */
  #cursor: number | undefined = 0;
  /** Changes that were missing when the search began. */
  #wanted = 0;
  #isAsking = false;

  constructor(trust: TrustBook) {
    this.#trust = trust;
  }

  /** What the next request says of this node. */
  known(): KnownHeads {
    const { chainIndex } = this.#trust;
    const mark = this.#trust.mark()?.signed.head.index ?? 0;
    const missing = this.#trust.missingLinks();
    const [first] = missing;
    if (missing.length > this.#wanted) this.#cursor = first?.before.index;
    this.#wanted = missing.length;
    this.#isAsking = first !== undefined && this.#cursor !== undefined;
    return { chain: this.#isAsking ? (this.#cursor ?? chainIndex) : chainIndex, mark };
  }

  /**
   * Takes the links of an answer in; true when more must be asked for before its head can be
   * judged.
   *
   * @throws CooeeError ERR_SLURP_HEAD, ERR_WIRE_*, ERR_STORAGE_*
   */
  async take(links: readonly Uint8Array[]): Promise<boolean> {
    const before = this.#trust.chainIndex;
    const missing = this.#trust.missingLinks().length;
    if (links.length > 0) await this.#trust.learn(links);
    const isMore = links.length === LINKS_MAX;
    if (this.#isAsking) {
      const left = this.#trust.missingLinks();
      // Nobody need have the rest: one search for each new gap.
      this.#cursor = left.length < missing ? left[0]?.before.index : undefined;
      return isMore && this.#cursor !== undefined;
    }
    return isMore && this.#trust.chainIndex > before;
  }
}

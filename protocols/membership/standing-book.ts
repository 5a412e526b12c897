import type { StateReader } from '../interface/index.ts';
import type { PeerStanding, Standing } from './door/index.ts';

/**
 * The standing of peers out of the replicated member list. A joiner has no list yet: until it finds
 * itself in it, it takes those for members whom its invite names, or it would turn them away
 * half-way through the log.
 */
export class StandingBook implements Standing {
  readonly #state: StateReader;
  readonly #vouched: ReadonlySet<string>;
  readonly #self: string | undefined;
  readonly #listeners = new Set<(peer: string) => void>();
  #isOut = false;

  /**
   * @param vouched - peers that the invite names
   * @param self - this node; without it those peers count until anybody stands in the list
   */
  constructor(state: StateReader, vouched: Iterable<string> = [], self?: string) {
    this.#state = state;
    this.#vouched = new Set(vouched);
    this.#self = self;
  }

  standing(peer: string): PeerStanding {
    if (this.#isOut) return 'removed';
    const record = this.#state.get('member', peer);
    if (record !== undefined) return record.removedIndex === null ? 'member' : 'removed';
    return this.#isListless() && this.#vouched.has(peer) ? 'member' : 'guest';
  }

  onChange(listener: (peer: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the doors that the standing of a peer changed. */
  changed(peer: string): void {
    for (const listener of this.#listeners) listener(peer);
  }

  /** This node is no member any more: its connections are closed, and it dials nobody. */
  close(): void {
    this.#isOut = true;
    for (const [peer] of this.#state.entries('member')) this.changed(peer);
  }

  #isListless(): boolean {
    if (this.#self === undefined) return this.#state.size('member') === 0;
    return this.#state.get('member', this.#self) === undefined;
  }
}

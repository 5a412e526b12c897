import type { StateReader } from '../interface/index.ts';
import type { PeerStanding, Standing } from './door/index.ts';

/**
 * The standing of peers out of the replicated member list. A joiner has no list yet: until it has one, it takes those for
 * members whom its invite names.
 */
export class StandingBook implements Standing {
  readonly #state: StateReader;
  readonly #vouched: ReadonlySet<string>;
  readonly #listeners = new Set<(peer: string) => void>();

  /** @param vouched - peers that the invite names */
  constructor(state: StateReader, vouched: Iterable<string> = []) {
    this.#state = state;
    this.#vouched = new Set(vouched);
  }

  standing(peer: string): PeerStanding {
    const record = this.#state.get('member', peer);
    if (record !== undefined) return record.removedIndex === null ? 'member' : 'removed';
    return this.#state.size('member') === 0 && this.#vouched.has(peer) ? 'member' : 'guest';
  }

  onChange(listener: (peer: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the doors that the standing of a peer changed. */
  changed(peer: string): void {
    for (const listener of this.#listeners) listener(peer);
  }
}

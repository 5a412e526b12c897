import { LIMITS } from '../protocols/interface/index.ts';
import type { Inviter } from './redeem.ts';

/** Hints that are told when they come: whoever makes up more must not interrupt us. */
const NEWS_MAX = 8;

/**
 * Where members that an invite names were heard of since, on the local network. Hints come from
 * anyone: only of those members are they kept, a bounded number of each, and Noise proves who
 * answers.
 */
export class JoinHints {
  readonly #wanted: ReadonlySet<string>;
  /** The addresses of each, the latest first. */
  readonly #heard = new Map<string, readonly string[]>();
  readonly #listeners = new Set<() => void>();
  #news = 0;

  /** @param wanted - peer ids of the members that the invite names, also without an address */
  constructor(wanted: Iterable<string>) {
    this.#wanted = new Set(wanted);
  }

  /** Somebody says that a peer can be reached there. */
  add(peer: string, addresses: readonly string[]): void {
    if (!this.#wanted.has(peer)) return;
    const known = this.#heard.get(peer) ?? [];
    const isNews = addresses.some((it) => !known.includes(it));
    const all = new Set([...addresses, ...known]);
    this.#heard.set(peer, [...all].slice(0, LIMITS.memberAddressesMax));
    if (!isNews || this.#news === NEWS_MAX) return;
    this.#news += 1;
    for (const listener of [...this.#listeners]) listener();
  }

  /** All that was heard; what was heard last of each member comes first. */
  list(): readonly Inviter[] {
    const ranked = [...this.#heard].flatMap(([peer, addresses]) =>
      addresses.map((address, rank) => ({ peer, address, rank })),
    );
    ranked.sort((a, b) => a.rank - b.rank);
    return ranked.map(({ peer, address }) => ({ peer, address }));
  }

  /** Called when a hint is new. @returns ends it */
  onNews(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

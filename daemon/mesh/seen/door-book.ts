import type { Clock } from '../../../protocols/interface/index.ts';

/** Peers that are remembered; beyond that the one that was turned away longest ago is forgotten. */
const PEERS_MAX = 256;
/** The list of reasons is closed, so this is never reached by one peer in good faith. */
const REASONS_MAX = 16;

/** Who turned whom away. */
export type DoorSide = 'here' | 'there';

/** How often and when a peer was turned away for one reason, since this daemon runs. */
export interface TurnedAway {
  /** A reason of the door or an error code. */
  readonly reason: string;
  /** `here`: this node refused the peer; `there`: the peer refused this node. */
  readonly side: DoorSide;
  readonly count: number;
  /** By the clock of this node. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/**
 * Who was turned away and why, as far as this node has seen it: so that somebody who asks about a
 * peer gets an answer. Bounded, since anybody may knock.
 */
export class DoorBook {
  readonly #clock: Clock;
  /** The one that was turned away last stands last. */
  readonly #peers = new Map<string, Map<string, TurnedAway>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes one refusal. */
  note(peer: string, reason: string, side: DoorSide): void {
    const nowMs = this.#clock.nowMs();
    const rows = this.#peers.get(peer) ?? new Map<string, TurnedAway>();
    const key = `${side} ${reason}`;
    const known = rows.get(key);
    if (known === undefined && rows.size >= REASONS_MAX) return;
    const firstMs = known?.firstMs ?? nowMs;
    rows.set(key, { reason, side, count: (known?.count ?? 0) + 1, firstMs, lastMs: nowMs });
    this.#peers.delete(peer);
    this.#peers.set(peer, rows);
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= PEERS_MAX) break;
      this.#peers.delete(oldest);
    }
  }

  /** Why a peer was turned away, the last reason first. */
  of(peer: string): readonly TurnedAway[] {
    return [...(this.#peers.get(peer)?.values() ?? [])].sort((a, b) => b.lastMs - a.lastMs);
  }

  /** The peers that are remembered, the last one first. */
  get peers(): readonly string[] {
    return [...this.#peers.keys()].reverse();
  }
}

import type { Health, StateReader } from '../interface/index.ts';
import type { LivenessTable } from './state.ts';

/** What lasts for less is healed by redialling, and leaders change. */
const LASTS_MS = 10_000;
/** A sign of life brought by another says so much of the present: it is asked for again by then. */
const VOUCHED_KEPT_MS = 15_000;
/** Names in the text of a condition. */
const NAMED_MAX = 4;

/** What a {@link PartitionWatch} works with. */
export interface PartitionWatchComponents {
  readonly health: Health;
  readonly state: StateReader;
  readonly table: LivenessTable;
  readonly self: string;
  readonly leader: () => string | undefined;
}

/**
 * Sees that the mesh is not one: members that others reach and this node does not, and members that
 * follow another leader.
 */
export class PartitionWatch {
  readonly #components: PartitionWatchComponents;
  /** Since when a member follows which leader that is not this node's. */
  readonly #others = new Map<string, { readonly leader: string; readonly sinceMs: number }>();
  readonly #follows = new Map<string, string>();

  constructor(components: PartitionWatchComponents) {
    this.#components = components;
  }

  /** A member says whom it takes for the leader. */
  follows(peer: string, leader: string | null): void {
    if (leader === null) this.#follows.delete(peer);
    else this.#follows.set(peer, leader);
  }

  check(nowMs: number): void {
    const facts = [...this.#behindOthers(nowMs), ...this.#elsewhere(nowMs)];
    const { health } = this.#components;
    if (facts.length === 0) {
      health.clear('partition');
      return;
    }
    const more = facts.length > NAMED_MAX ? ` (and ${facts.length - NAMED_MAX} more)` : '';
    health.raise({
      code: 'partition',
      severity: 'warn',
      text: `The mesh is not one: ${facts.slice(0, NAMED_MAX).join('; ')}${more}.`,
      remedy: 'Check the network between those hosts, their addresses and firewalls: cooee doctor',
    });
  }

  stop(): void {
    this.#components.health.clear('partition');
  }

  #behindOthers(nowMs: number): string[] {
    const facts: string[] = [];
    for (const { peer, state, sinceMs, vouchedMs, vouchedBy } of this.#components.table.all()) {
      if (state !== 'suspect' || vouchedMs === undefined || vouchedBy === undefined) continue;
      if (nowMs - sinceMs < LASTS_MS || nowMs - vouchedMs > VOUCHED_KEPT_MS) continue;
      facts.push(`${this.#name(vouchedBy)} reaches ${this.#name(peer)}, this node does not`);
    }
    return facts;
  }

  #elsewhere(nowMs: number): string[] {
    const { table, self, leader } = this.#components;
    const own = leader();
    for (const peer of this.#follows.keys()) {
      if (table.get(peer)?.state !== 'alive') this.#follows.delete(peer);
    }
    for (const peer of this.#others.keys()) {
      if (this.#follows.get(peer) === undefined) this.#others.delete(peer);
    }
    const facts: string[] = [];
    for (const [peer, other] of this.#follows) {
      if (own === undefined || other === own) {
        this.#others.delete(peer);
        continue;
      }
      const known = this.#others.get(peer);
      if (known?.leader !== other) this.#others.set(peer, { leader: other, sinceMs: nowMs });
      else if (nowMs - known.sinceMs >= LASTS_MS) {
        const mine = own === self ? 'this node leads' : `this node follows ${this.#name(own)}`;
        facts.push(`${this.#name(peer)} follows ${this.#name(other)}, ${mine}`);
      }
    }
    return facts;
  }

  #name(peer: string): string {
    const name = this.#components.state.get('member', peer)?.name;
    return name === undefined ? peer.slice(-8) : `${name} (${peer.slice(-8)})`;
  }
}

import type { Clock, StateReader, Timer } from '../../protocols/interface/index.ts';

/**
 * How long a member may be unconnected before it counts as unreachable: a connection that broke is
 * redialled at once.
 */
const GRACE_MS = 3_000;

/** What a member is to this node right now. */
export type PresenceState = 'alive' | 'suspect' | 'unreachable';

/** What {@link Presence} works with. */
export interface PresenceComponents {
  readonly clock: Clock;
  readonly state: StateReader;
  readonly self: string;
  readonly isConnected: (peer: string) => boolean;
}

interface Seen {
  /** Wall-clock time of the last sign of life. */
  lastSeenMs: number | null;
  timer: Timer | undefined;
  isReachable: boolean;
}

/** Which members can be reached, by the connections of this node. */
export class Presence {
  readonly #components: PresenceComponents;
  readonly #seen = new Map<string, Seen>();
  readonly #listeners: ((peer: string) => void)[] = [];

  constructor(components: PresenceComponents) {
    this.#components = components;
  }

  /** A connection to the peer was opened. */
  connected(peer: string): void {
    const seen = this.#entry(peer);
    seen.timer?.cancel();
    seen.timer = undefined;
    seen.lastSeenMs = this.#components.clock.nowMs();
    this.#set(peer, seen, true);
  }

  /** The last connection to the peer was closed. */
  disconnected(peer: string): void {
    const seen = this.#seen.get(peer);
    // A guest or a stranger: whoever comes and goes with new keys must not fill the memory.
    if (seen === undefined) return;
    seen.lastSeenMs = this.#components.clock.nowMs();
    seen.timer?.cancel();
    seen.timer = this.#components.clock.schedule(GRACE_MS, () => {
      seen.timer = undefined;
      this.#set(peer, seen, false);
    });
  }

  isReachable(peer: string): boolean {
    if (peer === this.#components.self) return true;
    return this.#components.isConnected(peer) || (this.#seen.get(peer)?.isReachable ?? false);
  }

  stateOf(peer: string): PresenceState {
    if (peer === this.#components.self || this.#components.isConnected(peer)) return 'alive';
    return this.isReachable(peer) ? 'suspect' : 'unreachable';
  }

  /** Wall-clock time of the last sign of life, ms; null when there was none since this start. */
  lastSeenMs(peer: string): number | null {
    const { clock, self, isConnected } = this.#components;
    if (peer === self || isConnected(peer)) return clock.nowMs();
    return this.#seen.get(peer)?.lastSeenMs ?? null;
  }

  /** Called when a member became reachable or unreachable. */
  onChange(listener: (peer: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Forgets a peer that is no member any more. */
  forget(peer: string): void {
    this.#seen.get(peer)?.timer?.cancel();
    this.#seen.delete(peer);
  }

  stop(): void {
    for (const { timer } of this.#seen.values()) timer?.cancel();
    this.#seen.clear();
  }

  #entry(peer: string): Seen {
    let seen = this.#seen.get(peer);
    if (seen === undefined) {
      seen = { lastSeenMs: null, timer: undefined, isReachable: false };
      this.#seen.set(peer, seen);
    }
    return seen;
  }

  #set(peer: string, seen: Seen, isReachable: boolean): void {
    if (seen.isReachable === isReachable) return;
    seen.isReachable = isReachable;
    for (const listener of this.#listeners) listener(peer);
  }
}

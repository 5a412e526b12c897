import type { Clock, Timer } from '../../interface/index.ts';

/** Bounds on guests. */
export interface GuestLimits {
  readonly guestsMax: number;
  readonly guestsPerAddressMax: number;
  readonly guestStayMs: number;
}

interface Guest {
  readonly group: string;
  readonly timer: Timer;
}

/** The guest slots: who holds one, and for how long. */
export class Guests {
  readonly #clock: Clock;
  readonly #limits: GuestLimits;
  readonly #guests = new Map<string, Guest>();

  constructor(clock: Clock, limits: GuestLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get size(): number {
    return this.#guests.size;
  }

  /** Why a guest from that address group has no slot now, or undefined when there is one. */
  refusal(group: string): 'guests-full' | 'guests-per-address' | undefined {
    if (this.#guests.size >= this.#limits.guestsMax) return 'guests-full';
    const sameGroup = [...this.#guests.values()].filter((guest) => guest.group === group).length;
    return sameGroup >= this.#limits.guestsPerAddressMax ? 'guests-per-address' : undefined;
  }

  /**
   * Takes a slot for a connection; `onTimeout` is called when its time is up, with the slot free
   * already.
   */
  admit(connectionId: string, group: string, onTimeout: () => void): void {
    const timer = this.#clock.schedule(this.#limits.guestStayMs, () => {
      this.#guests.delete(connectionId);
      onTimeout();
    });
    this.#guests.set(connectionId, { group, timer });
  }

  /** Frees the slot of a connection; harmless when it has none. */
  release(connectionId: string): void {
    this.#guests.get(connectionId)?.timer.cancel();
    this.#guests.delete(connectionId);
  }

  clear(): void {
    for (const id of [...this.#guests.keys()]) this.release(id);
  }
}

import { type Clock, type CooeeError, isCooeeError } from '../../protocols/interface/index.ts';
import type { Command, Outbox } from '../../protocols/slurp/index.ts';

/** What {@link Relays} works with. */
export interface RelaysComponents {
  readonly clock: Clock;
  readonly outbox: Pick<Outbox, 'waiting'>;
  /** As the courier's. */
  readonly deliver: (batches: readonly Uint8Array[]) => Promise<number>;
}

/** Why the last delivery came to nothing. */
export interface FailedDelivery {
  readonly error: CooeeError;
  /** By the clock of this node. */
  readonly atMs: number;
}

/**
 * Brings what is in the outbox to the leader, and remembers which commands a leader has taken, and
 * when.
 */
export class Relays {
  readonly #components: RelaysComponents;
  readonly #takenMs = new WeakMap<Command, number>();
  #failure: FailedDelivery | undefined;

  constructor(components: RelaysComponents) {
    this.#components = components;
  }

  /** As the courier's. */
  async deliver(batches: readonly Uint8Array[]): Promise<number> {
    const { clock, deliver } = this.#components;
    try {
      const index = await deliver(batches);
      this.#failure = undefined;
      // Of those behind the first it is not known how many were taken.
      const first = this.#first(batches);
      for (const command of first?.commands ?? []) this.#takenMs.set(command, clock.nowMs());
      return index;
    } catch (error) {
      if (isCooeeError(error)) this.#failure = { error, atMs: clock.nowMs() };
      throw error;
    }
  }

  /** Why what is first in the outbox was not taken; undefined after a delivery that was. */
  get failure(): FailedDelivery | undefined {
    return this.#failure;
  }

  /** When a leader took the command; undefined before that. */
  takenMs(command: Command): number | undefined {
    return this.#takenMs.get(command);
  }

  #first(batches: readonly Uint8Array[]) {
    const [first] = this.#components.outbox.waiting();
    return first?.bytes === batches[0] ? first : undefined;
  }
}

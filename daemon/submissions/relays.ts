import { type Clock, CooeeError, isCooeeError } from '../../protocols/interface/index.ts';
import {
  blocksOfCommand,
  type Command,
  type ContentBlocks,
  type Outbox,
} from '../../protocols/slurp/index.ts';

/** What {@link Relays} works with. */
export interface RelaysComponents {
  readonly self: string;
  readonly clock: Clock;
  readonly outbox: Pick<Outbox, 'waiting' | 'refuse'>;
  readonly contents: Pick<ContentBlocks, 'fetch'>;
  /** As the courier's. */
  readonly deliver: (batches: readonly Uint8Array[]) => Promise<number>;
}

/**
 * Brings what is in the outbox to the leader, and remembers which commands a leader has taken, and
 * when.
 */
export class Relays {
  readonly #components: RelaysComponents;
  readonly #takenMs = new WeakMap<Command, number>();

  constructor(components: RelaysComponents) {
    this.#components = components;
  }

  /** As the courier's. */
  async deliver(batches: readonly Uint8Array[]): Promise<number> {
    const { clock, deliver } = this.#components;
    try {
      const index = await deliver(batches);
      // Of those behind the first it is not known how many were taken.
      const first = this.#first(batches);
      for (const command of first?.commands ?? []) this.#takenMs.set(command, clock.nowMs());
      return index;
    } catch (error) {
      if (isCooeeError(error, 'ERR_SUBMISSION_BLOCK_MISSING')) await this.#refuseLost(batches);
      throw error;
    }
  }

  /** When a leader took the command; undefined before that. */
  takenMs(command: Command): number | undefined {
    return this.#takenMs.get(command);
  }

  /**
   * A block that this node's disk has lost, and that no other has by now: what refers to it can
   * never be taken.
   */
  async #refuseLost(batches: readonly Uint8Array[]): Promise<void> {
    const { outbox, contents, self } = this.#components;
    const first = this.#first(batches);
    if (first === undefined) return;
    const blocks = first.commands.flatMap((command) => blocksOfCommand(command));
    try {
      await contents.fetch(self, blocks);
    } catch (cause) {
      if (!isCooeeError(cause, 'ERR_SUBMISSION_BLOCK_MISSING')) throw cause;
      const message = 'a block of the submission is lost';
      await outbox.refuse(first, new CooeeError('ERR_STORAGE_DAMAGED', message, { cause }));
    }
  }

  #first(batches: readonly Uint8Array[]) {
    const [first] = this.#components.outbox.waiting();
    return first?.bytes === batches[0] ? first : undefined;
  }
}

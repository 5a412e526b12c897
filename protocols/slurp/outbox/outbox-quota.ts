import { CooeeError, LIMITS } from '../../interface/index.ts';
import type { Command } from '../machine/codec.ts';

/** Counts the commands that wait, in all and by agent, against their limits. */
export class OutboxQuota {
  readonly #byAgent = new Map<string, number>();
  #items = 0;

  /** Commands counted at present. */
  get items(): number {
    return this.#items;
  }

  /** Counts a command in. @throws CooeeError ERR_SLURP_OUTBOX_FULL */
  reserve(command: Command): void {
    const { agent } = command.actor;
    const ofAgent = agent === undefined ? 0 : (this.#byAgent.get(agent) ?? 0);
    if (this.#items >= LIMITS.outboxItemsMax || ofAgent >= LIMITS.outboxItemsPerAgentMax) {
      throw new CooeeError('ERR_SLURP_OUTBOX_FULL');
    }
    this.add(command);
  }

  /**
   * Counts a command in that was accepted by an earlier start: the limits do not take it away
   * again.
   */
  add(command: Command): void {
    this.#count(command, 1);
  }

  /** Counts a command out. */
  release(command: Command): void {
    this.#count(command, -1);
  }

  #count({ actor: { agent } }: Command, by: 1 | -1): void {
    this.#items += by;
    if (agent === undefined) return;
    const left = (this.#byAgent.get(agent) ?? 0) + by;
    if (left === 0) this.#byAgent.delete(agent);
    else this.#byAgent.set(agent, left);
  }
}

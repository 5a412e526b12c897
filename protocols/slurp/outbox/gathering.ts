import { type Clock, LIMITS } from '../../interface/index.ts';
import type { Command } from '../machine/codec.ts';

/** Room in a batch for everything but the commands. */
export const BATCH_OVERHEAD_BYTES = 1024;

/** One on its way: what is put into batches behind it meanwhile only makes smaller ones. */
const BATCHES_AHEAD = 1;

/** A command that is to be put into a batch. */
export interface Gathered {
  readonly bytes: number;
  readonly isAlone: boolean;
}

/** A command that has no batch yet, and whom to tell when it has one. */
export interface Waiting extends Gathered {
  readonly command: Command;
  /** It was accepted before, and has a row of its own. */
  readonly isHeld: boolean;
  readonly accept: () => void;
  readonly fail: (error: unknown) => void;
}

/** How many of the first commands share a batch. */
export function batchLength(items: readonly Gathered[]): number {
  let bytes = BATCH_OVERHEAD_BYTES;
  let length = 0;
  for (const item of items) {
    bytes += item.bytes;
    const isFull = length === LIMITS.batchCommandsMax || bytes > LIMITS.batchBytesMax;
    if (length > 0 && (isFull || item.isAlone)) break;
    length++;
    if (item.isAlone) break;
  }
  return length;
}

/** With so many callers that wait there is a rush: those that are answered come back. */
const RUSH = 8;

/**
 * Lets commands wait for others to share a batch with: a batch is signed, checked, stored and
 * decided as one, whatever it holds. Callers that were answered together come back together, so in
 * a rush what comes behind a batch goes into one; a lone caller waits for nobody.
 */
export class Gathering {
  readonly #clock: Clock;
  readonly #forMs: number;
  #end: (() => void) | undefined;

  /**
   * @param forMs - the longest wait: commands are to be accepted also while nobody leads; 0 = none
   */
  constructor(clock: Clock, forMs: number) {
    this.#clock = clock;
    this.#forMs = forMs;
  }

  /**
   * Waits in a rush while there are batches enough before these, not longer than the time.
   *
   * @param awaited - commands whose callers go on only when they are decided: callers that are
   *   content with less would only be held up
   */
  async wait(batches: number, commands: number, awaited: number): Promise<void> {
    const isEnough = batches < BATCHES_AHEAD || commands >= LIMITS.batchCommandsMax;
    if (isEnough || awaited < RUSH || this.#forMs === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#end = resolve;
    const timer = this.#clock.schedule(this.#forMs, resolve);
    await promise;
    timer.cancel();
    this.#end = undefined;
  }

  /** Another command is there. */
  added(commands: number): void {
    if (commands >= LIMITS.batchCommandsMax) this.end();
  }

  /** A batch was decided, or nothing more comes. */
  end(): void {
    this.#end?.();
  }
}

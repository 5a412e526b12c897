import { type Clock, LIMITS } from '../../interface/index.ts';

/** Room in a batch for everything but the commands. */
export const BATCH_OVERHEAD_BYTES = 1024;

/** One on its way: what is put into batches behind it meanwhile only makes smaller ones. */
const BATCHES_AHEAD = 1;

/** A command that is to be put into a batch. */
export interface Gathered {
  readonly bytes: number;
  readonly isAlone: boolean;
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

/**
 * Lets commands wait for others to share a batch with. The courier sends one batch at a time: what
 * is put into batches one by one behind it is also sent one by one.
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

  /** Waits while there are batches enough before these, not longer than the time. */
  async wait(batches: number, commands: number): Promise<void> {
    const isEnough = batches < BATCHES_AHEAD || commands >= LIMITS.batchCommandsMax;
    if (isEnough || this.#forMs === 0) return;
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

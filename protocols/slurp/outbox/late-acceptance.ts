import { type Clock, type Logger, type Timer, toError } from '../../interface/index.ts';

/** A batch that the log has not decided by then is made durable here. */
const SECURE_MS = 20;
const RETRY_MS = 500;

/** What {@link LateAcceptance} works with. */
export interface LateAcceptanceComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the batch with this key durable in the outbox. @throws CooeeError ERR_STORAGE_* */
  readonly secure: (key: string) => Promise<void>;
}

/**
 * Batches of a leader that are written and not synced: they count as accepted when the log has
 * decided them, which takes one fsync for both, or after a little while when they were synced after
 * all.
 */
export class LateAcceptance {
  readonly #components: LateAcceptanceComponents;
  readonly #waiting = new Map<string, { readonly accept: () => void; timer: Timer }>();
  #isStopped = false;

  constructor(components: LateAcceptanceComponents) {
    this.#components = components;
  }

  /** Calls `accept` once the batch is durable one way or the other. */
  wait(key: string, accept: () => void): void {
    this.#waiting.set(key, { accept, timer: this.#arm(key, SECURE_MS) });
  }

  /** The batch is durable: the log has it, or it was refused. */
  settle(key: string): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    waiting.timer.cancel();
    waiting.accept();
  }

  /** Nothing is secured any more: the store is about to be closed. */
  stop(): void {
    this.#isStopped = true;
    for (const { timer } of this.#waiting.values()) timer.cancel();
  }

  #arm(key: string, delayMs: number): Timer {
    return this.#components.clock.schedule(delayMs, () => void this.#secure(key));
  }

  async #secure(key: string): Promise<void> {
    const { secure, logger } = this.#components;
    try {
      await secure(key);
      this.settle(key);
    } catch (error) {
      const waiting = this.#waiting.get(key);
      if (waiting === undefined || this.#isStopped) return;
      logger.warn({ err: toError(error) }, 'what waits for the log could not be kept yet');
      waiting.timer = this.#arm(key, RETRY_MS);
    }
  }
}

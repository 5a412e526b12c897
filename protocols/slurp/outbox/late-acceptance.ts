import { type Clock, delay, type Logger, toError } from '../../interface/index.ts';

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
 * decided them, which takes one fsync for both, or after a little while when they were synced
 * after all.
 */
export class LateAcceptance {
  readonly #components: LateAcceptanceComponents;
  readonly #waiting = new Map<
    string,
    { readonly accept: () => void; readonly done: AbortController }
  >();

  constructor(components: LateAcceptanceComponents) {
    this.#components = components;
  }

  /** Calls `accept` once the batch is durable one way or the other. */
  wait(key: string, accept: () => void): void {
    const done = new AbortController();
    this.#waiting.set(key, { accept, done });
    void this.#secureLater(key, done.signal);
  }

  /** The batch is durable: the log has it, or it was refused. */
  settle(key: string): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    waiting.done.abort();
    waiting.accept();
  }

  async #secureLater(key: string, signal: AbortSignal): Promise<void> {
    const { clock, secure, logger } = this.#components;
    for (let waitMs = SECURE_MS; !signal.aborted; waitMs = RETRY_MS) {
      // Called off: the log was quicker.
      await delay(clock, waitMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await secure(key);
        this.settle(key);
      } catch (error) {
        logger.warn({ err: toError(error) }, 'what waits for the log could not be kept yet');
      }
    }
  }
}

import {
  type Clock,
  type CooeeError,
  type Logger,
  type Timer,
  toError,
} from '../../interface/index.ts';
import { ChurnMap } from '../churn-map.ts';

/** A batch that the log has not decided by then is made durable here. */
const SECURE_MS = 20;

/** Whom to tell. */
export interface Acceptance {
  readonly accept: () => void;
  readonly fail: (error: unknown) => void;
}

/** What {@link LateAcceptance} works with. */
export interface LateAcceptanceComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the batch with this key durable in the outbox. @throws CooeeError ERR_STORAGE_* */
  readonly secure: (key: string) => Promise<void>;
  /** It is not accepted: from now on nobody may send it. */
  readonly withdraw: (key: string) => void;
}

/**
 * Batches of a leader that are in memory: they count as accepted when the log has decided them,
 * which takes one fsync and no write here, or after a little while when they were written and
 * synced after all. One that can be neither is not accepted, and is withdrawn: who handed it in
 * does so again, and it would be done twice. Only what other voters have of it by then may be
 * decided all the same.
 */
export class LateAcceptance {
  readonly #components: LateAcceptanceComponents;
  readonly #waiting = new ChurnMap<
    string,
    { readonly all: readonly Acceptance[]; readonly timer: Timer }
  >();

  constructor(components: LateAcceptanceComponents) {
    this.#components = components;
  }

  /** Tells once the batch is durable one way or the other, or that it cannot be made so. */
  wait(key: string, all: readonly Acceptance[]): void {
    const timer = this.#components.clock.schedule(SECURE_MS, () => void this.#secure(key));
    this.#waiting.set(key, { all, timer });
  }

  /** The batch is durable: the log has it, or it was refused. */
  settle(key: string): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    waiting.timer.cancel();
    for (const { accept } of waiting.all) accept();
  }

  /** It is made durable in another way: {@link settle} or {@link fail} tells. */
  hold(key: string): void {
    this.#waiting.get(key)?.timer.cancel();
  }

  /** It could not be made durable: it is not accepted. */
  fail(key: string, error: unknown): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    waiting.timer.cancel();
    this.#components.logger.warn(
      { err: toError(error) },
      'what waits for the log could not be kept',
    );
    this.#components.withdraw(key);
    for (const { fail } of waiting.all) fail(error);
  }

  /**
   * Nothing is secured any more: the store is about to be closed. Who waits is told why: the log
   * may decide it all the same.
   */
  stop(error: CooeeError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { all, timer } of waiting) {
      timer.cancel();
      for (const { fail } of all) fail(error);
    }
  }

  async #secure(key: string): Promise<void> {
    try {
      await this.#components.secure(key);
      this.settle(key);
    } catch (error) {
      this.fail(key, error);
    }
  }
}

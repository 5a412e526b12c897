import { type Clock, CooeeError, type Timer } from '../../interface/index.ts';

/** How long somebody waits for an index that the leader has named. */
const WAIT_TIMEOUT_MS = 10_000;

interface Waiter {
  readonly index: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who wait until an index is applied here. */
export class IndexWaiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves when the index is applied.
   *
   * @throws CooeeError ERR_WIRE_TIMEOUT after ten seconds; what {@link rejectAll} is given; the
   * signal's reason
   */
  async until(index: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    let waiter: Waiter | undefined;
    let timer: Timer | undefined;
    const onAbort = (): void => waiter?.reject(signal?.reason);
    try {
      await new Promise<void>((resolve, reject) => {
        waiter = { index, resolve, reject };
        this.#waiting.add(waiter);
        timer = this.#clock.schedule(WAIT_TIMEOUT_MS, () => reject(late(index)));
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    } finally {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
      if (waiter !== undefined) this.#waiting.delete(waiter);
    }
  }

  /** An index is applied. */
  applied(index: number): void {
    for (const waiter of this.#waiting) if (waiter.index <= index) waiter.resolve();
  }

  rejectAll(reason: CooeeError): void {
    for (const { reject } of this.#waiting) reject(reason);
  }
}

function late(index: number): CooeeError {
  return new CooeeError('ERR_WIRE_TIMEOUT', 'the log did not come that far in time', {
    details: { index },
  });
}

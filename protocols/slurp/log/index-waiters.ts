import { type Clock, CooeeError, type Timer } from '../../interface/index.ts';
import type { MeshLog } from './mesh-log.ts';

/** How long somebody waits for an index that the leader has named. */
const WAIT_TIMEOUT_MS = 10_000;

interface Waiter {
  readonly index: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** What {@link IndexWaiters} hears of the log. */
export type WaitedLog = Pick<MeshLog, 'appliedIndex' | 'onApplied' | 'onReplaced'>;

/** Options of {@link IndexWaiters.until}. */
export interface IndexWait {
  /** Default ten seconds. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Those who wait until an index is applied here. */
export class IndexWaiters {
  readonly #clock: Clock;
  readonly #log: WaitedLog;
  readonly #waiting = new Set<Waiter>();
  #closed: CooeeError | undefined;

  constructor(clock: Clock, log: WaitedLog) {
    this.#clock = clock;
    this.#log = log;
    log.onApplied(({ index }) => this.#wake(index));
    log.onReplaced((index) => this.#wake(index));
  }

  /**
   * Resolves when the index is applied.
   *
   * @throws CooeeError ERR_WIRE_TIMEOUT when it is not in time; what {@link close} was given; the
   * signal's reason
   */
  async until(index: number, { timeoutMs, signal }: IndexWait = {}): Promise<void> {
    if (this.#log.appliedIndex >= index) return;
    if (this.#closed !== undefined) throw this.#closed;
    signal?.throwIfAborted();
    let waiter: Waiter | undefined;
    let timer: Timer | undefined;
    const onAbort = (): void => waiter?.reject(signal?.reason);
    try {
      await new Promise<void>((resolve, reject) => {
        waiter = { index, resolve, reject };
        this.#waiting.add(waiter);
        timer = this.#clock.schedule(timeoutMs ?? WAIT_TIMEOUT_MS, () => reject(late(index)));
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    } finally {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
      if (waiter !== undefined) this.#waiting.delete(waiter);
    }
  }

  /** Ends all waiting, also what begins later. */
  close(reason: CooeeError): void {
    this.#closed = reason;
    for (const { reject } of this.#waiting) reject(reason);
  }

  #wake(index: number): void {
    for (const waiter of this.#waiting) if (waiter.index <= index) waiter.resolve();
  }
}

function late(index: number): CooeeError {
  return new CooeeError('ERR_WIRE_TIMEOUT', 'the log did not come that far in time', {
    details: { index },
  });
}

/** A timer that can be called off. */
export interface Timer {
  /** Calls the timer off; harmless when it has fired already. */
  cancel(): void;
}

/** Time as a dependency: the daemon has the system's, tests and the simulator have their own. */
export interface Clock {
  /** Wall-clock time in ms since the Unix epoch; may jump. For what people and other nodes see. */
  nowMs(): number;
  /**
   * Monotonic time in ms from an arbitrary origin; never goes back. For durations and deadlines.
   */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`. A timer never keeps the process alive. */
  schedule(delayMs: number, task: () => void): Timer;
}

/**
 * Waits `delayMs` on the given clock; rejects with the signal's reason when it is aborted first.
 */
export async function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

import { type Clock, type CooeeError, delay } from '../../interface/index.ts';
import { isFatal, LogMender, type LogMenderComponents } from '../log/log-mender.ts';

const REOPEN_DELAY_MS = 500;

/** What mending a log works with. */
export interface LogMending extends LogMenderComponents {
  readonly clock: Clock;
  /** Ends the tries: the node stops. */
  readonly signal: AbortSignal;
  /** Goes on from what the disk holds. */
  readonly begin: () => Promise<void>;
}

/**
 * Opens a log again after a failed write, until it takes writes. What turns out to be on the disk
 * after all is what counts.
 *
 * @param thrown what the write failed with
 * @returns the error after which there is no going on in this process (a failed sync), when it was
 * that
 */
export async function mendLog(
  mending: LogMending,
  thrown: unknown,
): Promise<CooeeError | undefined> {
  const { clock, signal, begin } = mending;
  const mender = new LogMender(mending);
  for (let error = thrown; ; ) {
    if (signal.aborted && !isFatal(error)) return undefined;
    mender.failed(error);
    if (mender.fatal !== undefined) return mender.fatal;
    try {
      await delay(clock, REOPEN_DELAY_MS, signal);
      await mender.mend(async () => {
        // Stopped meanwhile: the log is somebody else's now.
        signal.throwIfAborted();
        await begin();
      });
      return undefined;
    } catch (again) {
      error = again;
    }
  }
}

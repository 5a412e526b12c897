import {
  type Clock,
  type CooeeError,
  delay,
  type Health,
  isCooeeError,
  type Logger,
  toError,
} from '../../interface/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';

const REOPEN_DELAY_MS = 500;

/** What mending a log works with. */
export interface LogMending {
  readonly meshLog: Pick<MeshLog, 'ensureRoom' | 'reopenLog'>;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  readonly onFatal: (error: CooeeError) => void;
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
  { meshLog, clock, health, logger, onFatal, signal, begin }: LogMending,
  thrown: unknown,
): Promise<CooeeError | undefined> {
  let said = '';
  for (let error = toError(thrown); ; ) {
    if (isCooeeError(error) && error.details['fatal'] === true) {
      onFatal(error);
      return error;
    }
    if (signal.aborted) return undefined;
    const remedy = isCooeeError(error) ? error.remedy : 'See the log of the daemon.';
    const text = `The log cannot be written: ${error.message}`;
    // Once: it may last for days, and this line may go to the very disk that is full.
    if (text !== said) logger.error({ err: error }, 'the log cannot be written; opening it again');
    said = text;
    health.raise({ code: 'log-failed', severity: 'error', text, remedy });
    try {
      await delay(clock, REOPEN_DELAY_MS, signal);
      await meshLog.reopenLog();
      // It can be read now. Begun without room, all would fail again with the next append.
      await meshLog.ensureRoom();
      // Stopped meanwhile: the log is somebody else's now.
      signal.throwIfAborted();
      await begin();
      health.clear('log-failed');
      return undefined;
    } catch (again) {
      error = toError(again);
    }
  }
}

import { isCooeeError } from '../../../protocols/interface/index.ts';
import { isPassing } from '../../client/failure.ts';
import type { CliHost } from '../context.ts';

/** As long as the watch of events waits for a daemon. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 250;

/**
 * Asks again while the daemon is away, starts, changes its mesh or is busy: who may have waited for
 * hours is not sent away for a moment.
 *
 * @throws what `ask` throws otherwise, or still after half a minute
 */
export async function patiently<T>(
  { delay }: Pick<CliHost, 'delay'>,
  ask: () => Promise<T>,
): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    const beganMs = performance.now();
    try {
      return await ask();
    } catch (error) {
      const mayPass = isCooeeError(error) && isPassing(error);
      // A frozen daemon takes the time of a whole request to be given up.
      waitedMs += performance.now() - beganMs;
      if (!mayPass || waitedMs >= PATIENCE_MS) throw error;
    }
    await delay(RETRY_MS);
  }
}

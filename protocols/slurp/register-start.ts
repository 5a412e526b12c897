import { type Clock, CooeeError, delay, type Logger, toError } from '../interface/index.ts';
import type { CommandBody } from './machine/kinds.ts';
import type { Outbox } from './outbox/outbox.ts';

/** So long nothing is tried; twice as long after each try. A disk may be full for days. */
const AGAIN_MS = 1_000;
const AGAIN_MS_MAX = 30_000;

/** What {@link registerStart} works with. */
export interface RegisterStartComponents {
  readonly outbox: Pick<Outbox, 'submit'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Registers a start of this node in the log: until then a voter that lost its disk is given no seat
 * anew, and nobody has its addresses. While the outbox cannot keep the command, it is handed in
 * again and again; twice is as good as once.
 *
 * @returns once it is decided, however long that takes
 * @throws CooeeError why it was not, ERR_MEMBERSHIP_REMOVED and ERR_MEMBERSHIP_CLONE among others;
 * the signal's reason
 */
export async function registerStart(
  { outbox, clock, logger }: RegisterStartComponents,
  body: CommandBody<'member.boot'>,
  signal: AbortSignal,
): Promise<void> {
  for (let pauseMs = AGAIN_MS; ; pauseMs = Math.min(2 * pauseMs, AGAIN_MS_MAX)) {
    try {
      const { accepted, decided } = outbox.submit('member.boot', body, { alone: true });
      await accepted;
      const word = await decided;
      if ('error' in word) throw word.error;
      return;
    } catch (error) {
      if (!isUnkept(error)) throw error;
      const say = pauseMs === AGAIN_MS ? 'warn' : 'debug';
      logger[say]({ err: toError(error) }, 'this start cannot be registered yet');
    }
    await delay(clock, pauseMs, signal);
  }
}

/** Whether it was refused for want of room, or by a disk that fails. */
function isUnkept(error: unknown): boolean {
  if (!(error instanceof CooeeError)) return false;
  return error.code === 'ERR_SLURP_OUTBOX_FULL' || error.code.startsWith('ERR_STORAGE_');
}

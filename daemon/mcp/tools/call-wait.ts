import { setTimeout as sleep } from 'node:timers/promises';
import { CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import { callAddress } from '../../../protocols/ucxl/index.ts';
import type { ResponseOf } from '../../api/routes/index.ts';
import type { ToolContext } from '../tool.ts';

type Call = ResponseOf<'getCall'>;

/** Which call, and how long it is waited for. */
export interface CallWait {
  readonly id: string;
  /** True right after it was opened: whoever did must learn what becomes of it. */
  readonly isNew?: boolean;
  readonly lengthMs: number;
}

const FINAL = new Set<Call['state']>(['answered', 'expired', 'withdrawn']);
/** So often a waiting client hears that the server lives, and the call is looked at anyway. */
const TICK_MS = 5_000;
/** A stream that is not open by then is not waited for: the call is looked at every tick. */
const OPEN_MS = 1_000;

/**
 * The call once it is settled, or as it is when the time is over. A daemon that goes away meanwhile
 * is waited for, too; one that is not there from the beginning is not.
 *
 * @throws CooeeError the daemon's own when the call cannot be read by then; it names the id
 */
export async function waitForCall(context: ToolContext, wait: CallWait): Promise<Call> {
  const { id, lengthMs } = wait;
  const address = callAddress(id);
  const { events, signal, report } = context;
  const endMs = performance.now() + lengthMs;
  let isThere = wait.isNew === true;
  let changed = Promise.withResolvers<void>();
  const ring = (): void => changed.resolve();
  const stop =
    lengthMs === 0
      ? ring
      : events.listen({
          event: (event) => {
            if (event.address === address) ring();
          },
          missed: ring,
        });
  try {
    if (lengthMs > 0) await events.opened(OPEN_MS);
    for (;;) {
      changed = Promise.withResolvers<void>();
      const read = await readCall(context, id);
      const leftMs = endMs - performance.now();
      if (signal.aborted || leftMs <= 0) return callOf(read, id);
      if (read instanceof CooeeError && !(isThere && isPassing(read))) throw withId(read, id);
      isThere = true;
      if (!(read instanceof CooeeError) && FINAL.has(read.state)) return read;
      report(read instanceof CooeeError ? read.message : `Call ${id} is ${read.state}.`);
      await untilChanged(changed.promise, Math.min(TICK_MS, leftMs), signal);
    }
  } finally {
    stop();
  }
}

async function readCall({ client, signal }: ToolContext, id: string): Promise<Call | CooeeError> {
  try {
    return await client.call('getCall', { params: { id }, signal });
  } catch (error) {
    if (isCooeeError(error)) return error;
    throw error;
  }
}

function callOf(read: Call | CooeeError, id: string): Call {
  if (read instanceof CooeeError) throw withId(read, id);
  return read;
}

function isPassing(error: CooeeError): boolean {
  return error.retryable || error.code === 'ERR_API_DAEMON_NOT_RUNNING';
}

/** Whoever opened a call must not lose its id to what failed afterwards. */
function withId(error: CooeeError, id: string): CooeeError {
  return new CooeeError(error.code, `call ${id}: ${error.message}`, {
    cause: error,
    details: { ...error.details, id },
    remedy: error.remedy,
  });
}

async function untilChanged(
  changed: Promise<void>,
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const time = sleep(delayMs, undefined, { signal: AbortSignal.any([signal, done.signal]) });
  await Promise.race([changed, time.catch(() => undefined)]);
  done.abort();
}

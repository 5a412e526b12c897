import { CooeeError } from '../../protocols/interface/errors.ts';
import { LIMITS } from '../../protocols/interface/limits.ts';
import { watchEvents } from './watch.ts';

/** Options of `waitFor()`. */
export interface WaitForInit {
  /** Events after which `check` is run again; all without it. */
  readonly match?: string | undefined;
  /** Default 10 s. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * See {@link CooeeClient.waitFor}. The stream is open before the first check, so nothing slips
 * between.
 */
export async function waitFor<T>(
  socketPath: string,
  check: () => Promise<T | undefined>,
  init: WaitForInit,
): Promise<T> {
  const timeoutMs = init.timeoutMs ?? LIMITS.waitMsDefault;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  for await (const _ of watchEvents(socketPath, { match: init.match, signal, opens: true })) {
    const value = await check();
    if (value !== undefined) return value;
  }
  init.signal?.throwIfAborted();
  throw new CooeeError('ERR_API_TIMEOUT', undefined, { details: { timeoutMs } });
}

import { CooeeError } from '../../protocols/interface/index.ts';
import type { CliContext } from './context.ts';

/** Query of a write that is answered when it is committed, or after the daemon's default time. */
export const COMMITTED = { wait: 'committed' } as const;

/** Query of a write that a person chose to wait for. */
export const COMMITTED_PATIENTLY = { wait: 'committed', timeoutMs: 60_000 } as const;

/** How far a write has come. */
export interface WriteState {
  readonly state: 'accepted' | 'relayed' | 'committed';
}

/**
 * Answers a write that was waited for.
 *
 * @throws CooeeError ERR_API_TIMEOUT when it is not committed yet (it is kept, and will be)
 */
export function answerWrite(context: CliContext, write: WriteState, done: string): number {
  const isDone = write.state === 'committed';
  context.answer(write, () => (isDone ? `${done}\n` : ''));
  if (isDone) return 0;
  throw notCommitted(write);
}

/** What a wait that was too short ends with. */
export function notCommitted(write: WriteState): CooeeError {
  return new CooeeError('ERR_API_TIMEOUT', `it is ${write.state}, but not committed yet`, {
    details: { state: write.state },
    remedy:
      'It is kept and handed on as soon as there is a leader; ' +
      'cooee status tells whether there is one.',
  });
}

import type { EventEmitter } from 'node:events';

/**
 * Asks a person, until an answer or the end of the input (Ctrl-D), which calls off as Ctrl-C does.
 * By itself a prompt would never settle: its library does not notice that its reader has closed.
 *
 * @param ask - asks, and gives up when the signal aborts
 */
export async function untilInputEnds<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  input: EventEmitter = process.stdin,
): Promise<T> {
  const ended = new AbortController();
  let soon: NodeJS.Immediate | undefined;
  // A reader that closes pauses its input; after an answer too, which settles before this comes.
  const onPause = (): void => {
    soon = setImmediate(() => ended.abort());
  };
  input.once('pause', onPause);
  try {
    return await ask(ended.signal);
  } finally {
    input.off('pause', onPause);
    clearImmediate(soon);
  }
}

/**
 * Waits for a task, but no longer than until the signal is aborted. The task itself goes on; what
 * it comes to then matters to nobody, since whatever counts is on the disk.
 *
 * @throws what the task throws, or the signal's reason
 */
export async function untilAborted<T>(task: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([aborted, task]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

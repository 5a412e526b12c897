import { readFile } from 'node:fs/promises';
import { lockHolder } from '../../storage/lock.ts';

/** The process that holds a home, while it lives. */
export async function liveHolder(home: string): Promise<number | undefined> {
  const pid = await lockHolder(home);
  return pid !== undefined && (await isDaemonAlive(pid)) ? pid : undefined;
}

/** What tells whether the process that holds a home now still runs. */
export async function watchHolder(home: string): Promise<() => Promise<boolean>> {
  const pid = await liveHolder(home);
  return async () => pid !== undefined && (await isDaemonAlive(pid));
}

/** Whether the process that a home names still runs, and may be a daemon. */
export async function isDaemonAlive(pid: number): Promise<boolean> {
  return isAlive(pid) && (await mayBeDaemon(pid));
}

/** A process of another user counts as well. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * After a restart of the host, or seen from outside of a container, its number may be another
 * program's, which nobody should kill or wait for. One that ended and was not collected by who
 * started it has no words left.
 */
async function mayBeDaemon(pid: number): Promise<boolean> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  return words === undefined || /node|cooee/.test(words);
}

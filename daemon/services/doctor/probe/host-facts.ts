import { type FileHandle, lstat, open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode, TEMPORARY_SUFFIX } from '../../../../storage/durable-file.ts';
import type { SocketFacts } from '../daemon.ts';
import type { DiskFacts } from '../disk.ts';
import type { HomeFacts } from '../home.ts';

const PERMISSION_BITS = 0o777;
const SECRETS = ['node.key', 'age.key', 'RECOVERY-KEY', 'mesh/mesh.json'];
const RECOVERY_KEY = 'RECOVERY-KEY';

/** As large as a small batch of the log. */
const SYNC_BYTES = 4096;
const SYNCS = 3;

/** What the file system says of a home. @throws the system's error when it cannot be looked at */
export async function homeFacts(path: string): Promise<HomeFacts> {
  const found = await statOf(path, lstat);
  if (found === undefined) {
    const none = { path, kind: undefined, mode: 0, isOurs: true };
    return { ...none, open: [], recoveryKey: undefined };
  }
  const kind = found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'other';
  const uid = process.getuid?.();
  const isOurs = uid === undefined || found.uid === uid;
  const exposed: string[] = [];
  let recoveryKey: string | undefined;
  for (const name of kind === 'folder' && isOurs ? SECRETS : []) {
    const file = join(path, name);
    const mode = await modeOf(file);
    if (mode === undefined) continue;
    if (name === RECOVERY_KEY) recoveryKey = file;
    if ((mode & 0o077) !== 0) exposed.push(file);
  }
  return { path, kind, mode: found.mode & PERMISSION_BITS, isOurs, open: exposed, recoveryKey };
}

/** Room and speed of the disk of a home. @throws the system's error when it cannot be asked */
export async function diskFacts(path: string): Promise<DiskFacts> {
  const { bavail, bsize } = await statfs(path);
  const freeBytes = bavail * bsize;
  try {
    return { freeBytes, syncMs: await syncMsOf(path) };
  } catch (error) {
    return { freeBytes, syncMs: undefined, problem: systemCode(error) ?? String(error) };
  }
}

/** How a socket stands in the file system. */
export async function socketFacts(socket: Omit<SocketFacts, 'mode'>): Promise<SocketFacts> {
  return { ...socket, mode: await modeOf(socket.path) };
}

/** The median of some small synced writes into a file that is deleted again, ms. */
async function syncMsOf(path: string): Promise<number> {
  // The next start of a daemon removes what a crash leaves of it.
  const file = join(path, `doctor-${process.pid}${TEMPORARY_SUFFIX}`);
  const took: number[] = [];
  const handle: FileHandle = await open(file, 'w', 0o600);
  try {
    for (let n = 0; n < SYNCS; n++) {
      const startMs = performance.now();
      await handle.write(new Uint8Array(SYNC_BYTES), 0, SYNC_BYTES, n * SYNC_BYTES);
      await handle.datasync();
      took.push(performance.now() - startMs);
    }
  } finally {
    await handle.close();
    await rm(file, { force: true });
  }
  return took.sort((a, b) => a - b)[SYNCS >> 1] ?? 0;
}

async function modeOf(path: string): Promise<number | undefined> {
  const found = await statOf(path, stat);
  return found === undefined ? undefined : found.mode & PERMISSION_BITS;
}

/** Undefined when there is nothing. */
async function statOf(
  path: string,
  look: typeof stat | typeof lstat,
): Promise<(Awaited<ReturnType<typeof stat>> & { mode: number; uid: number }) | undefined> {
  try {
    const found = await look(path);
    return Object.assign(found, { mode: Number(found.mode), uid: Number(found.uid) });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

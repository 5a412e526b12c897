import { execFile } from 'node:child_process';
import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { CooeeError } from '../../protocols/interface/errors.ts';
import { LIMITS } from '../../protocols/interface/limits.ts';

/** Where a Unix socket stands and who may open it. */
export interface SocketPlace {
  readonly socketPath: string;
  /** Permission bits, 0o600 or 0o660. */
  readonly mode: number;
  /** Name or number of the group that owns it; the process's own when left out. */
  readonly group?: string | undefined;
}

/**
 * Nobody but the owner, from the first moment: the mode proper is set before anybody else is let
 * in.
 */
const BIND_UMASK = 0o077;

function isAbsent(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ENOENT';
}

function isAnswered(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath);
    const done = (answered: boolean): void => {
      probe.destroy();
      resolve(answered);
    };
    probe.once('connect', () => done(true));
    probe.once('error', () => done(false));
  });
}

/**
 * Makes room for a socket: removes what a dead daemon left.
 *
 * @throws CooeeError ERR_API_SOCKET_PATH when the path is longer than a socket address takes
 * @throws CooeeError ERR_API_SOCKET_TAKEN when something stands there that is no leftover socket
 * @throws CooeeError ERR_API_USAGE when there is no folder for it
 */
export async function clearSocketPath(socketPath: string): Promise<void> {
  const details = { socketPath };
  if (Buffer.byteLength(socketPath) > LIMITS.socketPathBytesMax) {
    throw new CooeeError('ERR_API_SOCKET_PATH', undefined, { details });
  }
  const stats = await lstat(socketPath).catch((error: unknown) => {
    if (isAbsent(error)) return assertFolder(socketPath);
    throw new CooeeError('ERR_API_SOCKET_TAKEN', undefined, { details, cause: error });
  });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new CooeeError('ERR_API_SOCKET_TAKEN', undefined, { details });
  // The lock of the home says that no daemon of this home lives; with --socket it may be another
  // one's.
  if (await isAnswered(socketPath)) {
    throw new CooeeError('ERR_API_SOCKET_TAKEN', 'Another daemon answers on that socket.', {
      details,
    });
  }
  await unlink(socketPath).catch((error: unknown) => {
    if (!isAbsent(error)) throw error;
  });
}

/** Node says EACCES of a folder that is not there. */
async function assertFolder(socketPath: string): Promise<undefined> {
  const folder = dirname(socketPath);
  const stats = await lstat(folder).catch((error: unknown) => {
    if (!isAbsent(error)) throw error;
  });
  if (stats !== undefined) return;
  throw new CooeeError('ERR_API_USAGE', `There is no folder ${folder} for the socket.`, {
    details: { socketPath },
    remedy: 'Make the folder first, or give another path with --socket or --agent-socket.',
  });
}

function bind(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(BIND_UMASK);
    try {
      // For a path, node binds inside this call; the process-wide umask is back before anything
      // else runs.
      server.listen(socketPath, () => {
        server.removeListener('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

/**
 * Node cannot look a group up by name; chgrp can, on Linux and macOS.
 *
 * @throws CooeeError ERR_API_USAGE when there is no such group, or this user is not in it
 */
async function giveToGroup(socketPath: string, group: string): Promise<void> {
  await promisify(execFile)('chgrp', ['-h', '--', group, socketPath]).catch((cause: unknown) => {
    const said = String((cause as { stderr?: unknown }).stderr ?? '').trim();
    throw new CooeeError('ERR_API_USAGE', `The group ${group} cannot have the agent socket.`, {
      details: { group, said },
      cause,
      remedy: 'Name a group that is there and has this user, with --agent-group or agentGroup.',
    });
  });
}

/** Binds `server` so that its socket is never open to more than its mode says. */
export async function listenOnSocket(server: Server, place: SocketPlace): Promise<void> {
  const { socketPath, mode, group } = place;
  await clearSocketPath(socketPath);
  await bind(server, socketPath);
  if (group !== undefined) await giveToGroup(socketPath, group);
  await chmod(socketPath, mode);
}

import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { CooeeError, isCooeeError, LIMITS, toError } from '../../../protocols/interface/index.ts';

/** What a ticket looks like; whether it is good is for the daemon to say. */
const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Room for white space around it. */
const FILE_BYTES_MAX = 2 * LIMITS.ticketBytesMax;

const PRIVATE_MODE = 0o600;
const MODE_OF_OTHERS = 0o077;

/**
 * Reads the ticket that a file holds. It comes in a file alone: the words of a command are seen in
 * `ps` by every user of the host, and its environment is handed on to whatever it starts.
 *
 * @throws CooeeError ERR_API_USAGE when the file cannot be read, or others can read it too, or it
 * holds no ticket
 */
export async function readTicketFile(path: string): Promise<string> {
  const ticket = (await readBounded(path)).trim();
  if (SHAPE.test(ticket) && ticket.length <= LIMITS.ticketBytesMax) return ticket;
  throw new CooeeError('ERR_API_USAGE', `${path} holds no ticket`, {
    remedy: 'Have one written there: cooee sessions create TOKEN --out FILE',
  });
}

async function readBounded(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { mode } = await file.stat();
    if ((mode & MODE_OF_OTHERS) !== 0) {
      throw new CooeeError('ERR_API_USAGE', `others can use the ticket in ${path}`, {
        remedy: `Run: chmod 600 ${path}`,
      });
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FILE_BYTES_MAX));
    return buffer.toString('utf8', 0, bytesRead);
  } catch (thrown) {
    throw isCooeeError(thrown) ? thrown : fileError('read', path, thrown);
  } finally {
    await file?.close();
  }
}

/** Where a ticket comes from. */
export interface TicketSource<T> {
  readonly make: () => Promise<T>;
  /** Called for a ticket that was made and is nobody's. */
  readonly revoke: (made: T) => Promise<unknown>;
}

/**
 * Writes the ticket that `make` gives into a file that its owner alone can read, in place of what
 * stood there. The file is opened first: when it cannot be, nothing is made. When it cannot be
 * written then, the ticket is revoked.
 *
 * @throws CooeeError ERR_API_USAGE when the file cannot be written; what `make` throws
 */
export async function writeTicketFile<T extends { readonly id: string; readonly ticket: string }>(
  path: string,
  { make, revoke }: TicketSource<T>,
): Promise<T> {
  const temporary = `${path}.${process.pid}.tmp`;
  let file: FileHandle;
  try {
    file = await open(temporary, 'wx', PRIVATE_MODE);
  } catch (thrown) {
    throw fileError('write', path, thrown);
  }
  try {
    const made = await make();
    try {
      await file.writeFile(`${made.ticket}\n`);
      await file.sync();
      await rename(temporary, path);
    } catch (thrown) {
      const error = fileError('write', path, thrown);
      await revoke(made).catch((cause: unknown) => {
        throw stillGood(error, made.id, cause);
      });
      throw error;
    }
    return made;
  } catch (thrown) {
    await unlink(temporary).catch(() => undefined);
    throw thrown;
  } finally {
    await file.close();
  }
}

function stillGood({ message }: CooeeError, id: string, cause: unknown): CooeeError {
  return new CooeeError('ERR_API_USAGE', `${message}; it was made, and is good`, {
    cause,
    remedy: `Revoke it: cooee sessions revoke ${id}`,
  });
}

function fileError(verb: string, path: string, thrown: unknown): CooeeError {
  const { code, message } = toError(thrown) as NodeJS.ErrnoException;
  return new CooeeError(
    'ERR_API_USAGE',
    `cannot ${verb} the ticket in ${path} (${code ?? message})`,
    {
      cause: thrown,
      remedy: 'Name a file that this user can use.',
    },
  );
}

import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { CooeeError, isCooeeError, LIMITS, toError } from '../../../protocols/interface/index.ts';
import { isFileThere } from './target-file.ts';

/** What a ticket looks like; whether it is good is for the daemon to say. */
const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]+$/;

const SESSION_ID = /^[0-9a-f]{32}$/;

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
  const ticket = await readBounded(path, (mode) => {
    if ((mode & MODE_OF_OTHERS) === 0) return;
    throw new CooeeError('ERR_API_USAGE', `others can use the ticket in ${path}`, {
      remedy: `Run: chmod 600 ${path}`,
    });
  });
  if (SHAPE.test(ticket) && ticket.length <= LIMITS.ticketBytesMax) return ticket;
  throw new CooeeError('ERR_API_USAGE', `${path} holds no ticket`, {
    remedy: 'Have one written there: cooee sessions create TOKEN --out FILE',
  });
}

async function readBounded(path: string, check: (mode: number) => void): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    check((await file.stat()).mode);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FILE_BYTES_MAX));
    return buffer.toString('utf8', 0, bytesRead).trim();
  } catch (thrown) {
    throw fileError('read the ticket in', path, thrown);
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

/** A ticket that stands in its file. */
export interface WrittenTicket<T> {
  readonly made: T;
  /** Id of the session whose ticket stood there before. */
  readonly replaced: string | undefined;
}

/**
 * Writes the ticket that `make` gives into a file that its owner alone can read. In place of an
 * older ticket, and of nothing else: programs take up a new one in the same file. The file is
 * opened first: when it cannot be, nothing is made. When it cannot be written then, the ticket is
 * revoked.
 *
 * @throws CooeeError ERR_API_USAGE when the file cannot be written; what `make` throws
 */
export async function writeTicketFile<T extends { readonly id: string; readonly ticket: string }>(
  path: string,
  { make, revoke }: TicketSource<T>,
): Promise<WrittenTicket<T>> {
  const temporary = `${path}.${process.pid}.tmp`;
  let file: FileHandle;
  try {
    await replaceable(path);
    file = await open(temporary, 'wx', PRIVATE_MODE);
  } catch (thrown) {
    throw fileError('write the ticket to', path, thrown);
  }
  try {
    const made = await make();
    try {
      await file.writeFile(`${made.ticket}\n`);
      await file.sync();
      const replaced = await replaceable(path);
      await rename(temporary, path);
      return { made, replaced };
    } catch (thrown) {
      return await revokeLost(made, { place: path, thrown, revoke });
    }
  } catch (thrown) {
    await unlink(temporary).catch(() => undefined);
    throw thrown;
  } finally {
    await file.close();
  }
}

/**
 * @returns the id of the session whose ticket stands there; undefined when nothing does
 * @throws CooeeError ERR_API_USAGE when anything else does
 */
async function replaceable(path: string): Promise<string | undefined> {
  if (!(await isFileThere(path))) return undefined;
  const id = sessionOf(await readBounded(path, () => undefined));
  if (id !== undefined) return id;
  throw new CooeeError('ERR_API_USAGE', `${path} is there already, and is no ticket`, {
    remedy: 'Name another file, or remove that one first.',
  });
}

/** The id that a ticket has in its middle part; undefined for what is none. */
function sessionOf(text: string): string | undefined {
  if (!SHAPE.test(text)) return undefined;
  try {
    const claims = Buffer.from(text.split('.')[1] ?? '', 'base64url').toString('utf8');
    const { jti } = JSON.parse(claims) as { readonly jti?: unknown };
    return typeof jti === 'string' && SESSION_ID.test(jti) ? jti : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Revokes a ticket that could not be written.
 *
 * @throws CooeeError ERR_API_USAGE always
 */
export async function revokeLost<T extends { readonly id: string }>(
  made: T,
  lost: {
    readonly place: string;
    readonly thrown: unknown;
    readonly revoke: TicketSource<T>['revoke'];
  },
): Promise<never> {
  const error = fileError('write the ticket to', lost.place, lost.thrown);
  await lost.revoke(made).catch((cause: unknown) => {
    throw stillGood(error, made.id, cause);
  });
  throw error;
}

function stillGood({ message }: CooeeError, id: string, cause: unknown): CooeeError {
  return new CooeeError('ERR_API_USAGE', `${message}; it was made, and is good`, {
    cause,
    remedy: `Revoke it: cooee sessions revoke ${id}`,
  });
}

function fileError(verb: string, path: string, thrown: unknown): CooeeError {
  if (isCooeeError(thrown)) return thrown;
  const { code, message } = toError(thrown) as NodeJS.ErrnoException;
  return new CooeeError('ERR_API_USAGE', `cannot ${verb} ${path} (${code ?? message})`, {
    cause: thrown,
    remedy: 'Name a file that this user can use.',
  });
}

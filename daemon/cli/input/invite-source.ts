import { createReadStream } from 'node:fs';
import { CooeeError, isCooeeError, LIMITS } from '../../../protocols/interface/index.ts';

/**
 * Where an invite may come from besides the command line itself, which every user of the host can
 * read in `ps`.
 */
export interface InviteSource {
  /** The argument: an invite, `-` for stdin, `@FILE`; absent when not given. */
  readonly argument: string | undefined;
  /** COOEE_INVITE: the same three forms; used when there is no argument. */
  readonly env: string | undefined;
  readonly stdin: AsyncIterable<Uint8Array | string>;
}

// An invite is one line of at most a KiB; wrapped and with a comment's worth of white space it is
// still far below.
const SOURCE_BYTES_MAX = 8 * LIMITS.inviteBytesMax;

/**
 * The text of the invite with all white space removed (mail and chat wrap long lines), or undefined
 * when none was given. It is not decoded here.
 *
 * @throws CooeeError ERR_API_USAGE when the file cannot be read, or stdin or the file is empty
 * @throws CooeeError ERR_MEMBERSHIP_INVITE_MALFORMED when it is longer than an invite can be
 */
export async function readInvite(source: InviteSource): Promise<string | undefined> {
  const given = source.argument ?? (source.env === '' ? undefined : source.env);
  if (given === undefined) return undefined;
  const invite = (await readSource(given, source.stdin)).replace(/\s+/gu, '');
  if (invite === '') throw new CooeeError('ERR_API_USAGE', 'the invite is empty');
  if (Buffer.byteLength(invite) > LIMITS.inviteBytesMax) {
    throw new CooeeError('ERR_MEMBERSHIP_INVITE_MALFORMED');
  }
  return invite;
}

/**
 * Refuses what cannot be an invite before anything is started or asked. Case does not count, as for
 * the daemon, for whom checksum and content are.
 *
 * @throws CooeeError ERR_MEMBERSHIP_INVITE_MALFORMED
 */
export function checkInviteShape(invite: string): void {
  if (!/^cooee1[a-z2-7]{16,}$/i.test(invite))
    throw new CooeeError('ERR_MEMBERSHIP_INVITE_MALFORMED');
}

async function readSource(given: string, stdin: InviteSource['stdin']): Promise<string> {
  if (given === '-') return readBounded(stdin);
  if (!given.startsWith('@')) return given;
  const path = given.slice(1);
  try {
    return await readBounded(createReadStream(path));
  } catch (cause) {
    if (isCooeeError(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new CooeeError('ERR_API_USAGE', `cannot read the invite from ${path} (${code})`, {
      cause,
      remedy: 'Give the invite itself, - for stdin, or @FILE with a file that can be read.',
    });
  }
}

async function readBounded(source: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > SOURCE_BYTES_MAX) throw new CooeeError('ERR_MEMBERSHIP_INVITE_MALFORMED');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

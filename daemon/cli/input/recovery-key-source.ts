import { type FileHandle, open } from 'node:fs/promises';
import { CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import type { CliHost } from '../context.ts';

/** Where a recovery key may come from: never from the command line, which all users can read. */
export interface KeySource extends Pick<CliHost, 'stdin' | 'stderr'> {
  /** `@FILE` or `-` for stdin; absent: asked for on a terminal. */
  readonly argument: string | undefined;
}

const MODE_OF_OTHERS = 0o077;
const KEY_BYTES_MAX = 4 * 1024;
/** Return, line feed, and what a terminal sends for the end of its input. */
const ENDS = ['\r', '\n', '\u0004'];
const INTERRUPT = '\u0003';
/** What the keys for taking back send: the last character, or all of the line. */
const ERASES = ['\u007f', '\b'];
const ERASES_ALL = '\u0015';
const REMEDY = 'Give @FILE with a file that holds the key, - for stdin, or type it on a terminal.';

/**
 * The text of the operator's recovery key; the daemon checks it.
 *
 * @throws CooeeError ERR_API_USAGE, also when others can read its file
 */
export async function readRecoveryKey(source: KeySource): Promise<string> {
  const { argument, stdin } = source;
  const isTyped = argument === undefined && stdin.isTTY === true;
  const text = isTyped ? await readTyped(source) : await readGiven(argument, stdin);
  if (text.trim() === '') throw usage('the recovery key is empty');
  return text.trim();
}

async function readGiven(argument: string | undefined, stdin: KeySource['stdin']): Promise<string> {
  if (argument === undefined || argument === '-') return await readAll(stdin);
  if (!argument.startsWith('@')) throw usage('a recovery key is not given on the command line');
  const path = argument.slice(1);
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    await assertClosed(file, path);
    return await readAll(file.createReadStream({ autoClose: false }));
  } catch (cause) {
    if (isCooeeError(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw usage(`cannot read the recovery key from ${path} (${code ?? ''})`);
  } finally {
    await file?.close();
  }
}

/** A stick that keeps no modes shows its files to everybody: from there it comes by stdin. */
async function assertClosed(file: FileHandle, path: string): Promise<void> {
  const found = await file.stat();
  if (!found.isFile() || (found.mode & MODE_OF_OTHERS) === 0) return;
  throw new CooeeError('ERR_API_USAGE', `others can read the recovery key in ${path}`, {
    remedy: `Run: chmod 600 ${path}; where that is not possible, give it by --key - < ${path}`,
  });
}

async function readAll(source: KeySource['stdin']): Promise<string> {
  let text = '';
  for await (const chunk of source) {
    text += Buffer.from(chunk).toString('utf8');
    if (text.length > KEY_BYTES_MAX) throw usage('that is too long for a recovery key');
  }
  return text;
}

/** Reads a line that is not shown. */
async function readTyped({ stdin, stderr }: KeySource): Promise<string> {
  stderr.write('recovery key (it is not shown): ');
  stdin.setRawMode?.(true);
  let text = '';
  try {
    for await (const chunk of stdin) {
      text += Buffer.from(chunk).toString('utf8');
      if (text.includes(INTERRUPT)) throw usage('no key was given');
      if (ENDS.some((end) => text.includes(end)) || text.length > KEY_BYTES_MAX) break;
    }
  } finally {
    stdin.setRawMode?.(false);
    stderr.write('\n');
  }
  const ends = ENDS.map((end) => text.indexOf(end)).filter((at) => at >= 0);
  return edited(text.slice(0, Math.min(text.length, ...ends)));
}

/** A terminal that shows nothing leaves to its reader what was typed and taken back. */
function edited(typed: string): string {
  let line = '';
  for (const symbol of typed) {
    if (ERASES.includes(symbol)) line = line.slice(0, -1);
    else line = symbol === ERASES_ALL ? '' : line + symbol;
  }
  return line;
}

function usage(message: string): CooeeError {
  return new CooeeError('ERR_API_USAGE', message, { remedy: REMEDY });
}

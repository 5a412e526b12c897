import { type FileHandle, open } from 'node:fs/promises';
import { isCancel, password } from '@clack/prompts';
import { CooeeError, isCooeeError, LIMITS, toError } from '../../../protocols/interface/index.ts';
import type { CliContext } from '../context.ts';
import { untilInputEnds } from '../input/until-input-ends.ts';

/** Below this a passphrase is guessed sooner or later by whoever has the file. */
const CHARS_ADVISED = 16;

const MODE_OF_OTHERS = 0o077;

/** Where a passphrase comes from. */
export interface PassphraseSource {
  /** `--passphrase-file`. */
  readonly file: string | undefined;
  /** It will be needed again: asked for twice on a terminal, and a weak one is remarked on. */
  readonly isNew: boolean;
}

/**
 * The passphrase of a backup: out of `--passphrase-file`, else of COOEE_PASSPHRASE, else as a
 * person types it. Never an argument: every user of the host reads those in `ps`.
 *
 * @throws CooeeError ERR_API_USAGE when there is none, or it is too long, or its file can be read
 * by others
 */
export async function readPassphrase(
  context: CliContext,
  { file, isNew }: PassphraseSource,
): Promise<string> {
  const given = await givenPassphrase(context, file, isNew);
  if (given === '') throw usage('the passphrase is empty');
  if (Buffer.byteLength(given) > LIMITS.backupPassphraseBytesMax) {
    throw usage(`the passphrase is longer than ${LIMITS.backupPassphraseBytesMax} bytes`);
  }
  if (isNew && [...given].length < CHARS_ADVISED) {
    context.remark(
      `cooee: the passphrase is short: with the file at hand it can be guessed; ` +
        `${CHARS_ADVISED} characters or five random words are safer\n`,
    );
  }
  return given;
}

async function givenPassphrase(
  context: CliContext,
  file: string | undefined,
  isNew: boolean,
): Promise<string> {
  if (file !== undefined) return await readFile(file);
  const { env, stdin, stderr } = context.host;
  const fromEnv = env['COOEE_PASSPHRASE'];
  if (fromEnv !== undefined && fromEnv !== '') return fromEnv;
  if (stdin.isTTY === true && stderr.isTTY === true) return await ask(isNew);
  throw usage('there is no passphrase, and no terminal to ask on');
}

async function ask(isNew: boolean): Promise<string> {
  const first = await askOnce('Passphrase of the backup');
  if (isNew && (await askOnce('Once more')) !== first) throw usage('the two are not the same');
  return first;
}

async function askOnce(message: string): Promise<string> {
  const typed = await untilInputEnds((signal) =>
    password({ message, output: process.stderr, signal }),
  );
  if (isCancel(typed)) throw usage('no passphrase was given');
  return typed;
}

/** The first line of a file that its owner alone can read. */
async function readFile(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const stats = await file.stat();
      if (stats.isFile() && (stats.mode & MODE_OF_OTHERS) !== 0) {
        throw usage(`others can read the passphrase in ${path}`, `Run: chmod 600 ${path}`);
      }
      return await firstLine(file, LIMITS.backupPassphraseBytesMax + 2);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (isCooeeError(thrown)) throw thrown;
    const { code, message } = toError(thrown) as NodeJS.ErrnoException;
    throw usage(`cannot read the passphrase from ${path} (${code ?? message})`);
  }
}

/** Of so many bytes at most. A pipe gives at once what was written so far, which may be a part. */
async function firstLine(file: FileHandle, bytesMax: number): Promise<string> {
  const bytes = Buffer.alloc(bytesMax);
  let length = 0;
  while (length < bytesMax && !bytes.subarray(0, length).includes('\n')) {
    const { bytesRead } = await file.read(bytes, length, bytesMax - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  const [line = ''] = bytes.toString('utf8', 0, length).split(/\r?\n/u);
  return line;
}

function usage(
  message: string,
  remedy = 'Type it on a terminal, or give --passphrase-file FILE or COOEE_PASSPHRASE.',
): CooeeError {
  return new CooeeError('ERR_API_USAGE', message, { remedy });
}

import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { CooeeError, isCooeeError, LIMITS } from '../../../protocols/interface/index.ts';
import type { CliHost } from '../context.ts';

/**
 * The JSON value in a file, or with `-` on stdin. What is in it is for the daemon to judge.
 *
 * @throws CooeeError ERR_API_USAGE when it cannot be read or is no JSON; ERR_API_BODY_TOO_LARGE
 */
export async function readJson(
  host: Pick<CliHost, 'cwd' | 'stdin'>,
  file: string,
): Promise<unknown> {
  const source = file === '-' ? host.stdin : createReadStream(resolve(host.cwd, file));
  const name = file === '-' ? 'stdin' : file;
  const text = await readBounded(source, name);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new CooeeError('ERR_API_USAGE', `${name} is not JSON: ${why}`, {
      cause,
      remedy: 'Give a file with one JSON object, or - for stdin.',
    });
  }
}

async function readBounded(
  source: AsyncIterable<Uint8Array | string>,
  name: string,
): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of source) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > LIMITS.httpBodyBytesMax) throw new CooeeError('ERR_API_BODY_TOO_LARGE');
      chunks.push(bytes);
    }
  } catch (cause) {
    if (isCooeeError(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new CooeeError('ERR_API_USAGE', `cannot read ${name} (${code})`, {
      cause,
      remedy: 'Give a file that can be read, or - for stdin.',
    });
  }
  return Buffer.concat(chunks).toString('utf8');
}

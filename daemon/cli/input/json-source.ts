import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { CooeeError, isCooeeError, LIMITS } from '../../../protocols/interface/index.ts';
import { faultOf } from '../../api/body/parse-json.ts';
import type { CliHost } from '../context.ts';

/**
 * The JSON value in a file, or with `-` on stdin. What is in it is for the daemon to judge,
 * unless it could not be sent as it is.
 *
 * @throws CooeeError ERR_API_USAGE when it cannot be read or is no JSON; ERR_API_BODY_TOO_LARGE,
 * ERR_SUBMISSION_MALFORMED
 */
export async function readJson(
  host: Pick<CliHost, 'cwd' | 'stdin'>,
  file: string,
): Promise<unknown> {
  const source = file === '-' ? host.stdin : createReadStream(resolve(host.cwd, file));
  const name = file === '-' ? 'stdin' : file;
  const bytes = await readBounded(source, name);
  const remedy = 'Give a file with one JSON object, or - for stdin.';
  if (!isUtf8(bytes)) throw new CooeeError('ERR_API_USAGE', `${name} is not UTF-8`, { remedy });
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new CooeeError('ERR_API_USAGE', `${name} is not JSON: ${why}`, { cause, remedy });
  }
  // JSON.stringify would send null for a number that is too large.
  const fault = faultOf(value);
  if (fault !== undefined) throw new CooeeError('ERR_SUBMISSION_MALFORMED', `${name} ${fault}`);
  return value;
}

async function readBounded(
  source: AsyncIterable<Uint8Array | string>,
  name: string,
): Promise<Buffer> {
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
  return Buffer.concat(chunks);
}

import { createHash } from 'node:crypto';
import { createTokenCodec, didYouMean, foldSymbols } from '../../../protocols/agent-id/index.ts';
import { CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import type { CliContext } from '../context.ts';
import { formatFields } from '../format/table.ts';
import { parseInteger } from '../input/numbers.ts';
import { listAgents } from './agents.ts';

/** Options of `cooee id encode`. */
export interface EncodeFlags {
  readonly host: string;
  readonly gpu: string;
  readonly version?: string;
  readonly reserved?: string;
}

const NUMBER_MAX = 2 ** 24 - 1;
const codec = createTokenCodec((data) => createHash('sha256').update(data).digest());

/** `cooee id encode`: the token of these fields; the codec says which ranges its version has. */
export async function runEncode(context: CliContext, flags: EncodeFlags): Promise<number> {
  const number = (name: string, text = '0'): number =>
    parseInteger(text, { name, min: 0, max: NUMBER_MAX });
  const token = codec.encodeToken({
    version: number('--version', flags.version ?? '1'),
    host: number('--host', flags.host),
    gpu: number('--gpu', flags.gpu),
    reserved: number('--reserved', flags.reserved),
  });
  context.answer({ token }, () => `${token}\n`);
  return 0;
}

/**
 * `cooee id decode`: without a daemon too; with one, tokens that may have been meant are offered.
 */
export async function runDecode(context: CliContext, text: string): Promise<number> {
  try {
    const { version, host, gpu, reserved, checksum } = codec.decodeToken(text);
    const fields = { version, host, gpu, reserved, checksum };
    context.answer(fields, () =>
      formatFields(
        Object.entries(fields).map(([label, value]) => [label, [String(value)]] as const),
        context.colours.dim,
      ),
    );
    return 0;
  } catch (error) {
    throw isCooeeError(error) ? await withOffer(context, text, error) : error;
  }
}

async function withOffer(
  context: CliContext,
  text: string,
  error: CooeeError,
): Promise<CooeeError> {
  const near = await nearTokens(context, text);
  const [first] = near;
  if (first === undefined) return error;
  const { code, message, details } = error;
  return new CooeeError(code, message, {
    cause: error,
    details: { ...details, didYouMean: near.join(' ') },
    remedy: `Did you mean ${near.join(' or ')}?`,
  });
}

async function nearTokens(context: CliContext, text: string): Promise<readonly string[]> {
  try {
    const client = await context.client();
    const { agents } = await listAgents(client, {}, Infinity);
    const known = new Set(agents.map((agent) => foldSymbols(agent.token)));
    return didYouMean(text, (token) => known.has(token));
  } catch {
    // Reading a token needs no daemon: whatever keeps us from asking it only costs the offer.
    return [];
  }
}

import { CooeeError, isCooeeError, isErrorCode } from '../../../protocols/interface/index.ts';
import { sanitizeLine, sanitizeText } from '../../../protocols/interface/text/sanitize.ts';
import type { BodyInputOf, CallView, ResponseOf } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { parseDurationMs } from '../input/duration.ts';
import { withProgress } from '../progress.ts';
import type { CliClient } from '../socket-client.ts';
import { COMMITTED, notCommitted } from '../write.ts';
import { byOf, isUnsettled } from './format.ts';
import { patiently } from './patience.ts';

type CallBody = BodyInputOf<'openCall'>;

/** Options of `cooee call`. */
export interface CallFlags {
  readonly context?: string;
  readonly option?: readonly string[];
  readonly severity?: CallBody['severity'];
  readonly deadline?: string;
  readonly onTimeout?: CallBody['onTimeout'];
  readonly default?: string;
  readonly wait?: boolean;
}

/**
 * `cooee call QUESTION`: prints the id of the call.
 *
 * @throws CooeeError ERR_API_TIMEOUT, after the id, when it is not committed yet
 */
export async function runCall(
  context: CliContext,
  question: string,
  flags: CallFlags,
): Promise<number> {
  const body = bodyOf(question, flags);
  const client = await context.client();
  const opened = await client.call('openCall', { query: COMMITTED, body });
  if (flags.wait === true) return await waitFor(context, opened);
  context.answer(opened, () => `${opened.id}\n`);
  // Nobody else sees the call yet: who goes on without looking must be able to tell.
  if (opened.state !== 'committed') throw notCommitted(opened);
  context.remark(`cooee: ${context.command} calls ${opened.id} shows what becomes of it\n`);
  return 0;
}

async function waitFor(context: CliContext, opened: ResponseOf<'openCall'>): Promise<number> {
  const client = await context.client();
  context.remark(`cooee: called as ${opened.id}\n`);
  const call = await withProgress(context.host.stderr, 'waiting for an answer', () =>
    untilSettled(context.host, client, opened),
  );
  const answer = call.answer === undefined ? '' : `${sanitizeText(call.answer)}\n`;
  context.answer(call, () => answer);
  if (call.state === 'answered') {
    context.remark(`cooee: answered by ${sanitizeLine(byOf(call) ?? '')}\n`);
    return 0;
  }
  if (call.refusal !== undefined) throw refused(call.refusal);
  context.remark(`cooee: the call is ${call.state}; nobody answered it\n`);
  return 3;
}

function refused({ code, message }: NonNullable<CallView['refusal']>): CooeeError {
  return new CooeeError(isErrorCode(code) ? code : 'ERR_API_INTERNAL', message);
}

/** Looks now and whenever something happens to the call, until it is settled. */
async function untilSettled(
  host: CliContext['host'],
  client: CliClient,
  { id, address }: Pick<ResponseOf<'openCall'>, 'address' | 'id'>,
): Promise<CallView> {
  for await (const _ of client.watch({ match: address, opens: true })) {
    const call = await patiently(host, () => read(client, id));
    if (!isUnsettled(call)) return call;
  }
  throw new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
}

async function read(client: CliClient, id: string): Promise<CallView> {
  try {
    return await client.call('getCall', { params: { id } });
  } catch (error) {
    if (!isCooeeError(error, 'ERR_HELP_UNKNOWN')) throw error;
    // It was accepted, and is neither on its way nor in the log.
    throw new CooeeError('ERR_HELP_UNKNOWN', 'the log refused the call', {
      cause: error,
      remedy: 'See why: cooee log; most often too many calls of this node are open.',
    });
  }
}

function bodyOf(question: string, flags: CallFlags): CallBody {
  const { context, option, severity, deadline } = flags;
  const onTimeout = flags.onTimeout ?? (flags.default === undefined ? undefined : 'default');
  if ((onTimeout === 'default') !== (flags.default !== undefined)) {
    throw new CooeeError('ERR_API_USAGE', '--on-timeout default and --default go together');
  }
  return {
    question,
    ...(context === undefined ? {} : { context }),
    ...(option === undefined ? {} : { options: [...option] }),
    ...(severity === undefined ? {} : { severity }),
    ...(deadline === undefined ? {} : whenOf(deadline)),
    ...(onTimeout === undefined ? {} : { onTimeout }),
    ...(flags.default === undefined ? {} : { default: flags.default }),
  };
}

/** A duration counts by the clock of the log; a time is that time. */
function whenOf(text: string): Pick<CallBody, 'afterMs' | 'deadline'> {
  if (!/^\d{4}-/u.test(text)) return { afterMs: parseDurationMs(text) };
  const timeMs = Date.parse(text);
  if (Number.isFinite(timeMs)) return { deadline: new Date(timeMs).toISOString() };
  throw new CooeeError('ERR_API_USAGE', `"${text}" is not a time`, {
    remedy: 'Write it like 2026-11-21T15:00:00Z, or as a duration like 30m.',
  });
}

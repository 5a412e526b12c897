import { CooeeError } from '../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { CallRow } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import type { CliClient } from '../socket-client.ts';
import { answerWrite, COMMITTED, notCommitted } from '../write.ts';
import { findCall } from './find.ts';

/** Options of `cooee claim`, `release` and `answer`. */
export interface HumanFlags {
  readonly by?: string;
}

/** `cooee claim ID` */
export async function runClaim(
  context: CliContext,
  text: string,
  { by = context.host.user }: HumanFlags,
): Promise<number> {
  const client = await context.client();
  const id = await findCall(client, text);
  const claimed = await client.call('claimCall', {
    params: { id },
    query: COMMITTED,
    body: { by },
  });
  const until = claimed.claimedUntil ?? '';
  const done = `${sanitizeLine(by)} has the call until ${until}`;
  const exit = answerWrite(context, claimed, done);
  context.remark(`cooee: answer it with: ${context.command} answer ${id} TEXT\n`);
  return exit;
}

/** `cooee release ID` */
export async function runRelease(
  context: CliContext,
  text: string,
  flags: HumanFlags,
): Promise<number> {
  const client = await context.client();
  const id = await findCall(client, text);
  const { fence } = await client.call('getCall', { params: { id } });
  if (fence === undefined) throw new CooeeError('ERR_HELP_UNCLAIMED');
  const body = { fence, ...flags };
  const released = await client.call('releaseCall', { params: { id }, query: COMMITTED, body });
  return answerWrite(context, released, 'the call is open again');
}

/** `cooee answer ID TEXT` */
export async function runAnswer(
  context: CliContext,
  input: { readonly id: string; readonly text: string },
  flags: HumanFlags,
): Promise<number> {
  const client = await context.client();
  const id = await findCall(client, input.id);
  const call = await client.call('getCall', { params: { id } });
  const by = flags.by ?? context.host.user;
  const hold =
    call.state === 'open' ? await claim(client, call, by) : { fence: call.fence, ...flags };
  const { fence } = hold;
  // What is settled is refused by the log, which says what became of it.
  const body = { text: input.text, ...hold, fence: fence ?? 1 };
  const answered = await client.call('answerCall', { params: { id }, query: COMMITTED, body });
  return answerWrite(context, answered, 'answered');
}

/** `cooee withdraw ID` */
export async function runWithdraw(context: CliContext, text: string): Promise<number> {
  const client = await context.client();
  const id = await findCall(client, text);
  const withdrawn = await client.call('withdrawCall', { params: { id }, query: COMMITTED });
  return answerWrite(context, withdrawn, 'the call is withdrawn');
}

/**
 * Claims the call. @throws CooeeError ERR_HELP_CLAIMED when another was first; ERR_API_TIMEOUT
 */
export async function claim(
  client: CliClient,
  { id }: Pick<CallRow, 'id'>,
  by: string,
): Promise<{ readonly fence: number; readonly by: string }> {
  const claimed = await client.call('claimCall', {
    params: { id },
    query: COMMITTED,
    body: { by },
  });
  if (claimed.fence === undefined) throw notCommitted(claimed);
  return { fence: claimed.fence, by };
}

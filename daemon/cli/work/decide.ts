import { CooeeError } from '../../../protocols/interface/index.ts';
import type { BodyInputOf } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import { COMMITTED_PATIENTLY, notCommitted } from '../write.ts';

/** Options of `cooee decide`. */
export interface DecideFlags {
  readonly as: string;
  readonly why: string;
  readonly by?: string;
  readonly instead?: boolean;
}

/** `cooee decide ID --as WORD --why TEXT`: for curators. */
export async function runDecide(
  context: CliContext,
  id: string,
  { as, why, by, instead }: DecideFlags,
): Promise<number> {
  const client = await context.client();
  const body: BodyInputOf<'decideSubmission'> = { as, why, ...(by === undefined ? {} : { by }) };
  if (instead === true) {
    const { decision } = await client.call('getSubmission', { params: { id } });
    if (decision === undefined) {
      throw new CooeeError('ERR_API_USAGE', 'there is no decision yet that yours could replace', {
        remedy: 'Leave --instead out.',
      });
    }
    body.replaces = decision.version;
  }
  const input = { params: { id }, query: COMMITTED_PATIENTLY, body };
  const answer = await withProgress(context.host.stderr, 'waiting for the commit', () =>
    client.call('decideSubmission', input),
  );
  context.answer(answer, () => `${id} ${answer.decision?.as ?? answer.state}\n`);
  if (answer.state === 'committed') return 0;
  throw notCommitted(answer);
}

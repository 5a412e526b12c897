import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { LeaderView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatFields } from '../format/table.ts';
import { findPeer } from './members.ts';

/** `cooee leader`: who leads, since which term, and what enrolments are sealed to. */
export async function runLeader(context: CliContext): Promise<number> {
  const client = await context.client();
  return answerLeader(context, await client.call('getLeader'));
}

/** `cooee leader transfer [PEER]` */
export async function runTransfer(context: CliContext, text?: string): Promise<number> {
  const client = await context.client();
  const to = text === undefined ? undefined : await findPeer(client, text);
  const body = to === undefined ? {} : { to };
  return answerLeader(context, await client.call('transferLeader', { body }));
}

function answerLeader(context: CliContext, leader: LeaderView): number {
  context.answer(leader, () =>
    formatFields(
      [
        ['leader', [leader.peer ?? 'none right now']],
        ['term', [String(leader.term)]],
        ['recipient', [sanitizeLine(leader.recipient ?? '-')]],
      ],
      context.colours.dim,
    ),
  );
  return 0;
}

import { CooeeError } from '../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { LeaderView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatFields } from '../format/table.ts';
import { findPeer } from './members.ts';

/**
 * `cooee leader`: who leads, since which term, and what enrolments are sealed to.
 *
 * @throws CooeeError ERR_SLURP_NO_LEADER, after the answer, when nobody leads
 */
export async function runLeader(context: CliContext): Promise<number> {
  const client = await context.client();
  const leader = await client.call('getLeader');
  const exit = answerLeader(context, leader);
  if (leader.peer === null) throw new CooeeError('ERR_SLURP_NO_LEADER');
  return exit;
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
        ...lastLines(leader),
      ],
      context.colours.dim,
    ),
  );
  return 0;
}

function lastLines({ last }: LeaderView): [string, string[]][] {
  return last === undefined ? [] : [['led last', [`${last.peer}, term ${last.term}`]]];
}

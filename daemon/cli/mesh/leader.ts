import type { CliContext } from '../context.ts';
import { formatFields } from '../format/table.ts';
import { sanitizeLine } from '../sanitize.ts';

/** `cooee leader`: who leads, since which term, and what enrolments are sealed to. */
export async function runLeader(context: CliContext): Promise<number> {
  const client = await context.client();
  const leader = await client.call('getLeader');
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

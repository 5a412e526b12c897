import { CooeeError } from '../../../protocols/interface/index.ts';
import type { InviteRow } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatDuration } from '../format/duration.ts';
import { type Column, formatTable } from '../format/table.ts';
import type { CliClient } from '../socket-client.ts';
import { answerWrite, COMMITTED } from '../write.ts';

/** A beginning of an id that is shorter names too many. */
const ID_CHARS_MIN = 6;
const WHOLE_ID = /^[0-9a-f]{64}$/;

/** `cooee invites`: those that still let somebody in. */
export async function runInvites(context: CliContext): Promise<number> {
  const client = await context.client();
  const answer = await client.call('listInvites');
  context.answer(answer, () =>
    formatTable(columns(context), answer.invites, { titleStyle: context.colours.dim }),
  );
  return 0;
}

/** `cooee invites revoke ID` */
export async function runRevoke(context: CliContext, text: string): Promise<number> {
  const client = await context.client();
  const id = await findInvite(client, text.toLowerCase());
  const write = await client.call('revokeInvite', { params: { id }, query: COMMITTED });
  return answerWrite(context, write, `revoked ${id}`);
}

async function findInvite(client: CliClient, text: string): Promise<string> {
  // Also one that is not listed: it may not have come to this node yet.
  if (WHOLE_ID.test(text)) return text;
  const { invites } = await client.call('listInvites');
  const found = invites.filter(({ id }) => text.length >= ID_CHARS_MIN && id.startsWith(text));
  const [first] = found;
  if (found.length === 1 && first !== undefined) return first.id;
  if (found.length === 0) {
    throw new CooeeError('ERR_API_NOT_FOUND', 'no invite that is good has that id', {
      remedy: 'cooee invites lists them; six characters of the beginning are enough.',
    });
  }
  throw new CooeeError('ERR_API_USAGE', `${found.length} invites begin with ${text}`, {
    remedy: 'Give more of the id.',
  });
}

function columns(context: CliContext): Column<InviteRow>[] {
  const nowMs = context.host.nowMs();
  return [
    { title: 'ID', text: (row) => row.id },
    { title: 'ROLE', text: (row) => row.role },
    { title: 'USES', text: (row) => String(row.usesLeft) },
    { title: 'LEFT', text: (row) => formatDuration(Date.parse(row.expiresAt) - nowMs) },
    { title: 'ISSUER', text: ({ issuer }) => issuer.name || issuer.peer, columnsMax: 52 },
    {
      title: 'JOINED',
      text: (row) => row.joined.map(({ name }) => name).join(', '),
      columnsMax: 64,
    },
  ];
}

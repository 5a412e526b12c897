import type { MemberRole, MemberView, WriteView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatAgo } from '../format/duration.ts';
import { type Column, formatTable } from '../format/table.ts';
import { isPeerId, matchPeer } from '../input/peer-match.ts';
import type { CliClient } from '../socket-client.ts';
import { answerWrite, COMMITTED } from '../write.ts';

/** `cooee members` */
export async function runMembers(context: CliContext): Promise<number> {
  const client = await context.client();
  const answer = await client.call('listMembers');
  context.answer(answer, () =>
    formatTable(memberColumns(context), answer.members, { titleStyle: context.colours.dim }),
  );
  return 0;
}

/** `cooee members remove PEER` */
export async function runRemove(context: CliContext, text: string): Promise<number> {
  const client = await context.client();
  const peer = await findPeer(client, text);
  const write = await client.call('removeMember', { params: { peer }, query: COMMITTED });
  return answerWrite(context, write, `removed ${peer}`);
}

/** `cooee members role PEER ROLE` */
export async function runRole(context: CliContext, text: string, role: string): Promise<number> {
  const client = await context.client();
  const peer = await findPeer(client, text);
  const write: WriteView = await client.call('setMemberRole', {
    params: { peer },
    query: COMMITTED,
    // The definition of the command lets only roles through.
    body: { role: role as MemberRole },
  });
  return answerWrite(context, write, `${peer} is ${role}`);
}

/**
 * The peer id that the text means.
 *
 * @throws CooeeError as {@link matchPeer}
 */
export async function findPeer(client: CliClient, text: string): Promise<string> {
  if (isPeerId(text)) return text;
  const { members } = await client.call('listMembers');
  return matchPeer(members, text);
}

function memberColumns(context: CliContext): Column<MemberView>[] {
  const { green, yellow, red, dim } = context.colours;
  const paint = { alive: green, suspect: yellow, unreachable: red, left: dim };
  const nowMs = context.host.nowMs();
  return [
    { title: 'NAME', text: (row) => row.name, columnsMax: 32 },
    { title: 'PEER', text: (row) => row.peer },
    { title: 'ROLE', text: (row) => row.role },
    { title: 'STATE', text: (row) => row.state, style: (cell, row) => paint[row.state](cell) },
    {
      title: 'SEEN',
      text: (row) => (row.lastSeen === null ? '' : formatAgo(Date.parse(row.lastSeen), nowMs)),
    },
    { title: 'ADDRESS', text: (row) => row.addresses[0] ?? '', columnsMax: 64 },
  ];
}

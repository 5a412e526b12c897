import { resolve } from 'node:path';
import { CooeeError } from '../../../protocols/interface/index.ts';
import type { MadeSessionView, SessionView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatAgo, formatDuration } from '../format/duration.ts';
import { type Column, formatTable } from '../format/table.ts';
import { revokeLost, writeTicketFile } from '../input/ticket-file.ts';
import type { CliClient } from '../socket-client.ts';

/** Options of `cooee sessions create`. */
export interface CreateFlags {
  readonly out?: string;
}

/** What the request may have taken off a ticket's time: 30 days shall not read as 29. */
const REQUEST_MS = 5_000;

/** A beginning of an id that is shorter names too many. */
const ID_CHARS_MIN = 6;
const WHOLE_ID = /^[0-9a-f]{32}$/;

/** `cooee sessions`: tickets that are good. */
export async function runSessions(context: CliContext): Promise<number> {
  const client = await context.client();
  const answer = await client.call('listSessions');
  context.answer(answer, () =>
    formatTable(columns(context), answer.sessions, { titleStyle: context.colours.dim }),
  );
  return 0;
}

/** `cooee sessions create TOKEN`: stdout is the ticket alone, or with `--out` goes to a file. */
export async function runCreate(
  context: CliContext,
  token: string,
  flags: CreateFlags,
): Promise<number> {
  const client = await context.client();
  const make = (): Promise<MadeSessionView> => client.call('createSession', { params: { token } });
  const revoke = ({ id }: MadeSessionView) => client.call('revokeSession', { params: { id } });
  if (flags.out === undefined) {
    const made = await make();
    try {
      await context.answerSurely(made, () => `${made.ticket}\n`);
    } catch (thrown) {
      await revokeLost(made, { place: 'stdout', thrown, revoke });
    }
    remark(context, made, 'it is not shown again; keep it in a file of mode 600');
    return 0;
  }
  if (flags.out === '') throw new CooeeError('ERR_API_USAGE', '--out is empty');
  const file = resolve(context.host.cwd, flags.out);
  const { made, replaced } = await writeTicketFile(file, { make, revoke });
  const { ticket: _, ...session } = made;
  context.answer({ ...session, file }, () => `wrote the ticket of ${session.agent} to ${file}\n`);
  remark(context, session, 'give it to the program that is that agent');
  if (replaced !== undefined) {
    context.remark(
      'cooee: the ticket that was in the file is good until it ends, or: ' +
        `${context.command} sessions revoke ${replaced}\n`,
    );
  }
  return 0;
}

/** `cooee sessions revoke ID` */
export async function runRevoke(context: CliContext, text: string): Promise<number> {
  const client = await context.client();
  const id = await findSession(client, text);
  const session = await client.call('revokeSession', { params: { id } });
  context.answer(session, () => `revoked ${session.id}, a ticket of ${session.agent}\n`);
  return 0;
}

async function findSession(client: CliClient, text: string): Promise<string> {
  const { sessions } = await client.call('listSessions');
  const found = sessions.filter(({ id }) => id === text || isBeginning(id, text));
  const [first] = found;
  if (found.length === 1 && first !== undefined) return first.id;
  // Listed are the good ones: one whose end could not be written is revoked again by its id.
  if (WHOLE_ID.test(text)) return text;
  if (found.length === 0) {
    throw new CooeeError('ERR_API_NOT_FOUND', 'no session has that id', {
      remedy: 'cooee sessions lists them; six characters of the beginning are enough.',
    });
  }
  throw new CooeeError('ERR_API_USAGE', `${found.length} sessions begin with ${text}`, {
    remedy: 'Give more of the id.',
  });
}

function isBeginning(id: string, text: string): boolean {
  return text.length >= ID_CHARS_MIN && id.startsWith(text.toLowerCase());
}

function remark(context: CliContext, session: SessionView, what: string): void {
  const leftMs = Date.parse(session.expiresAt) - context.host.nowMs() + REQUEST_MS;
  const left = formatDuration(leftMs);
  context.remark(`cooee: acts as ${session.agent} on this host for ${left}; ${what}\n`);
}

function columns(context: CliContext): Column<SessionView>[] {
  const nowMs = context.host.nowMs();
  return [
    { title: 'ID', text: (row) => row.id },
    { title: 'AGENT', text: (row) => row.agent },
    { title: 'MADE', text: (row) => formatAgo(Date.parse(row.createdAt), nowMs) },
    { title: 'LEFT', text: (row) => formatDuration(Date.parse(row.expiresAt) - nowMs) },
  ];
}

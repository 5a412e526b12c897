import { CooeeError, LIMITS } from '../../../protocols/interface/index.ts';
import { sanitizeText } from '../../../protocols/interface/text/sanitize.ts';
import type { SubmissionRow, SubmissionsView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatAgo } from '../format/duration.ts';
import { formatTable } from '../format/table.ts';
import { findActor } from '../input/actor.ts';
import { parseInteger } from '../input/numbers.ts';
import type { CliClient } from '../socket-client.ts';
import { formatSubmission } from './submission-text.ts';

/** Filters of `cooee submissions`. */
export interface SubmissionsFlags {
  readonly kind?: SubmissionRow['kind'];
  readonly address?: string;
  readonly author?: string;
  readonly state?: SubmissionRow['state'];
  readonly limit?: string;
  readonly patch?: boolean;
}

/** `cooee submissions [ID]` */
export async function runSubmissions(
  context: CliContext,
  id: string | undefined,
  flags: SubmissionsFlags,
): Promise<number> {
  const client = await context.client();
  if (flags.patch === true) return await printPatch(context, client, id);
  if (id !== undefined) {
    const found = await client.call('getSubmission', { params: { id } });
    context.answer(found, () => formatSubmission(found, context.colours.dim));
    return 0;
  }
  const { limit, author, patch: _patch, ...others } = flags;
  const bounds = { name: '--limit', min: 1, max: 1_000_000 };
  const countMax = limit === undefined ? LIMITS.listItemsDefault : parseInteger(limit, bounds);
  const by = author === undefined ? {} : { author: await findActor(client, author) };
  const answer = await listSubmissions(client, { ...others, ...by }, countMax);
  context.answer(answer, () => formatRows(context, answer.submissions));
  if (answer.submissions.length === 0) context.remark('cooee: no such submissions\n');
  else if (answer.cursor !== null) context.remark('cooee: there are more; raise --limit\n');
  return 0;
}

/** The patch as it was handed in; on a terminal without what could steer it. */
async function printPatch(
  context: CliContext,
  client: CliClient,
  id: string | undefined,
): Promise<number> {
  if (id === undefined) throw new CooeeError('ERR_API_USAGE', '--patch needs the id of one');
  const answer = await client.call('getPatch', { params: { id } });
  const isTerminal = context.host.stdout.isTTY === true;
  context.answer(answer, () => (isTerminal ? sanitizeText(answer.patch) : answer.patch));
  return 0;
}

/** Pages through the list until it has `countMax` or all. */
async function listSubmissions(
  client: CliClient,
  filters: Omit<SubmissionsFlags, 'limit' | 'patch'>,
  countMax: number,
): Promise<SubmissionsView> {
  const submissions: SubmissionRow[] = [];
  let cursor: string | null = null;
  do {
    const limit = Math.min(LIMITS.listItemsMax, countMax - submissions.length);
    const page: SubmissionsView = await client.call('listSubmissions', {
      query: { ...filters, limit, ...(cursor === null ? {} : { cursor }) },
    });
    submissions.push(...page.submissions);
    cursor = page.cursor;
  } while (cursor !== null && submissions.length < countMax);
  return { submissions, cursor };
}

function formatRows(context: CliContext, rows: readonly SubmissionRow[]): string {
  const nowMs = context.host.nowMs();
  const when = (row: SubmissionRow): string =>
    formatAgo(Date.parse(row.committedAt ?? row.acceptedAt), nowMs);
  return formatTable(
    [
      { title: 'ID', text: (row) => row.id },
      { title: 'KIND', text: (row) => row.kind },
      { title: 'STATE', text: (row) => row.decision?.as ?? row.state },
      { title: 'WHEN', text: when },
      { title: 'TITLE', text: (row) => row.title, columnsMax: 40 },
      { title: 'ADDRESS', text: (row) => row.address },
    ],
    rows,
    { titleStyle: context.colours.dim },
  );
}

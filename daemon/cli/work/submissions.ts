import { LIMITS } from '../../../protocols/interface/index.ts';
import type { SubmissionRow, SubmissionsView, SubmissionView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatAgo } from '../format/duration.ts';
import { formatFields, formatTable } from '../format/table.ts';
import { parseInteger } from '../input/numbers.ts';
import { sanitizeLine, sanitizeText } from '../sanitize.ts';
import type { CliClient } from '../socket-client.ts';

/** Filters of `cooee submissions`. */
export interface SubmissionsFlags {
  readonly kind?: 'dr';
  readonly address?: string;
  readonly author?: string;
  readonly state?: 'accepted' | 'committed';
  readonly limit?: string;
}

/** `cooee submissions [ID]` */
export async function runSubmissions(
  context: CliContext,
  id: string | undefined,
  flags: SubmissionsFlags,
): Promise<number> {
  const client = await context.client();
  if (id !== undefined) {
    const found = await client.call('getSubmission', { params: { id } });
    context.answer(found, () => formatSubmission(context, found));
    return 0;
  }
  const { limit, ...filters } = flags;
  const bounds = { name: '--limit', min: 1, max: 1_000_000 };
  const countMax = limit === undefined ? LIMITS.listItemsDefault : parseInteger(limit, bounds);
  const answer = await listSubmissions(client, filters, countMax);
  context.answer(answer, () => formatRows(context, answer.submissions));
  if (answer.submissions.length === 0) context.remark('cooee: no such submissions\n');
  else if (answer.cursor !== null) context.remark('cooee: there are more; raise --limit\n');
  return 0;
}

/** Pages through the list until it has `countMax` or all. */
async function listSubmissions(
  client: CliClient,
  filters: Omit<SubmissionsFlags, 'limit'>,
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
      { title: 'STATE', text: (row) => row.state },
      { title: 'WHEN', text: when },
      { title: 'TITLE', text: (row) => row.title, columnsMax: 40 },
      { title: 'ADDRESS', text: (row) => row.address },
    ],
    rows,
    { titleStyle: context.colours.dim },
  );
}

function formatSubmission(context: CliContext, found: SubmissionView): string {
  const { content } = found;
  const links = content.links.map(({ rel, address }) => `${rel} ${address}`);
  const options = content.options.map((it) => `${it.chosen ? '*' : '-'} ${it.title}`);
  const fields: [string, readonly string[]][] = [
    ['id', [found.id]],
    ['kind', [found.kind]],
    ['address', [found.address]],
    ['version', [found.version === undefined ? '' : String(found.version)]],
    ['title', [found.title]],
    ['author', [found.author.agent ?? found.author.peer]],
    ['state', [found.state]],
    ['accepted', [found.acceptedAt]],
    ['committed', [found.committedAt ?? '']],
    ['index', [found.index === undefined ? '' : String(found.index)]],
    ['status', [content.status]],
    ['context', linesOf(content.context)],
    ['options', options],
    ['decision', linesOf(content.decision)],
    ['rationale', linesOf(content.rationale)],
    ['consequences', content.consequences],
    ['links', links],
  ];
  return formatFields(
    fields.map(([label, values]) => {
      const safe = values.map(sanitizeLine);
      return [label, safe.join('') === '' ? ['-'] : safe] as const;
    }),
    context.colours.dim,
  );
}

function linesOf(text: string): readonly string[] {
  return sanitizeText(text).split('\n');
}

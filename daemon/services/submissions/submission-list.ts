import { CooeeError, type StateReader, submittedKey } from '../../../protocols/interface/index.ts';
import { versionAt } from '../../../protocols/submission/index.ts';
import type { SubmissionRow, SubmissionsView } from '../../api/routes/index.ts';
import type { SubmissionsQuery } from '../../api/services.ts';
import { rowsBehind, type WaitingPlace } from '../waiting-place.ts';
import { committedView } from './submission-view.ts';

/** Records that one page looks at, at most: a filter that hits nothing must not hold up others. */
const LOOKS_MAX = 2_000;

/** What {@link listSubmissions} reads from. */
export interface SubmissionSource {
  readonly state: StateReader;
  /** What is accepted and not committed, the newest first, each once. */
  readonly waiting: () => Iterable<SubmissionRow>;
  /** What was refused, the newest first. */
  readonly refused: () => Iterable<SubmissionRow>;
}

/**
 * Where a page begins: behind a row that waits or was refused, or at the n-th of those that are
 * committed.
 */
type Position =
  | { readonly part: 'accepted'; readonly after: WaitingPlace | undefined }
  | { readonly part: 'committed'; readonly n: number };

const CURSOR = /^(?:accepted\.([a-z2-7]{1,128})\.([0-9]{1,15})|committed\.([0-9]{1,12}))$/;

/** States before the log, and in it. */
const BEFORE: ReadonlySet<string> = new Set(['accepted', 'relayed', 'refused']);

/**
 * One page, the newest first: what waits on this node, then the log backwards, or only the versions
 * of an address; or what was refused, when that is asked for. All by key: nothing is scanned.
 *
 * @throws CooeeError ERR_API_QUERY for a cursor that is not one of ours
 */
export function listSubmissions(source: SubmissionSource, query: SubmissionsQuery) {
  const { state } = source;
  const { address } = query;
  const countMax =
    address === undefined
      ? state.get('cursor', 'submissions')
      : state.get('addressed', address)?.versions;
  let at = positionOf(query.cursor);
  const submissions: SubmissionRow[] = [];
  const isBefore = query.state !== undefined && BEFORE.has(query.state);
  if (at.part === 'accepted') {
    const rows = query.state === 'refused' ? source.refused() : source.waiting();
    const last =
      query.state === undefined || isBefore
        ? addWaiting(submissions, [...rows], { query, after: at.after })
        : undefined;
    if (last !== undefined) return page(submissions, `accepted.${last.id}.${timeMsOf(last)}`);
    at = { part: 'committed', n: countMax ?? 0 };
  }
  if (isBefore) return page(submissions, null);
  let { n } = at;
  n = Math.min(n, countMax ?? 0);
  for (let looks = 0; n > 0 && looks < LOOKS_MAX && submissions.length < query.limit; looks++) {
    const row = committedRow(state, address, n);
    if (row !== undefined && fits(row, query)) submissions.push(row);
    n--;
  }
  return page(submissions, n > 0 ? `committed.${n}` : null);
}

/** The last row of the page, when it is full before all that waits was looked at. */
function addWaiting(
  rows: SubmissionRow[],
  waiting: readonly SubmissionRow[],
  { query, after }: { readonly query: SubmissionsQuery; readonly after: WaitingPlace | undefined },
): SubmissionRow | undefined {
  for (const row of rowsBehind(waiting, after, timeMsOf)) {
    if (!fits(row, query)) continue;
    if (rows.length === query.limit) return rows.at(-1);
    rows.push(row);
  }
  return undefined;
}

/** What rows before the log are ordered by. */
function timeMsOf({ acceptedAt, refusal }: SubmissionRow): number {
  return Date.parse(refusal?.at ?? acceptedAt);
}

function committedRow(
  state: StateReader,
  address: string | undefined,
  n: number,
): SubmissionRow | undefined {
  const id =
    address === undefined ? state.get('submitted', submittedKey(n)) : versionAt(state, address, n);
  const record = id === undefined ? undefined : state.get('submission', id);
  return id === undefined || record === undefined ? undefined : committedView(id, record);
}

function fits(row: SubmissionRow, { kind, address, author, state }: SubmissionsQuery): boolean {
  return (
    (state === undefined || row.state === state) &&
    (kind === undefined || row.kind === kind) &&
    (address === undefined || row.address === address) &&
    (author === undefined || row.author.peer === author || row.author.agent === author)
  );
}

function positionOf(cursor: string | undefined): Position {
  if (cursor === undefined) return { part: 'accepted', after: undefined };
  const [, id, timeMs, n] = CURSOR.exec(cursor) ?? [];
  if (id !== undefined) return { part: 'accepted', after: { id, timeMs: Number(timeMs) } };
  if (n !== undefined) return { part: 'committed', n: Number(n) };
  throw new CooeeError('ERR_API_QUERY', 'the cursor is not one of this list', {
    details: { part: 'query', path: 'cursor' },
  });
}

function page(submissions: SubmissionRow[], cursor: string | null): SubmissionsView {
  return { submissions, cursor };
}

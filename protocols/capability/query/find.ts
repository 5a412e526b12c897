import { CooeeError, LIMITS } from '../../interface/index.ts';
import type { AgentRow, AgentRows } from './agent-rows.ts';
import type { OrderedList } from './postings.ts';
import type { AgentStatus, AgentView } from './view.ts';
import { foldTerm } from './view.ts';

/** What is asked for; all conditions hold together. */
export interface AgentQuery {
  /** Exact, or with a trailing `*` the beginning. `-`, `_` and space are equal, case is folded. */
  readonly capability?: string | undefined;
  /** `retired` ones are listed only when asked for. */
  readonly status?: AgentStatus | undefined;
  /** The beginning of the model's name, case-blind. */
  readonly model?: string | undefined;
  /** Words that all stand somewhere in token, model, host, MAC or capabilities. */
  readonly q?: string | undefined;
  readonly peer?: string | undefined;
  /** @default 100, at most 1,000 */
  readonly limit?: number | undefined;
  /** Where the last page ended. */
  readonly cursor?: string | undefined;
}

/** One page of agents, in the order of their numbers and slots. */
export interface AgentPage {
  readonly agents: readonly AgentView[];
  /** Null on the last page. */
  readonly cursor: string | null;
}

interface RowPage {
  readonly rows: readonly AgentRow[];
  readonly cursor: string | null;
}

/** @throws CooeeError ERR_API_QUERY for a cursor that is not ours */
export function findAgents(rows: AgentRows, query: AgentQuery): AgentPage {
  const page = findRows(rows, query);
  return { agents: page.rows.map((row) => row.view()), cursor: page.cursor };
}

/**
 * As {@link findAgents}, as JSON text out of what each agent's was before. @throws CooeeError
 * ERR_API_QUERY
 */
export function pageJson(rows: AgentRows, query: AgentQuery): string {
  const page = findRows(rows, query);
  const agents = page.rows.map((row) => row.json()).join(',');
  return `{"agents":[${agents}],"cursor":${JSON.stringify(page.cursor)}}`;
}

function findRows(rows: AgentRows, query: AgentQuery): RowPage {
  const limit = Math.min(LIMITS.listItemsMax, Math.max(1, query.limit ?? LIMITS.listItemsDefault));
  const { candidates, conditions } = plan(rows, query);
  const found: AgentRow[] = [];
  const from = query.cursor === undefined ? 0 : candidates.rank(parseCursor(query.cursor) + 1);
  for (let at = from; at < candidates.length; at += 1) {
    const row = candidates.at(at);
    if (row === undefined || !conditions.every((condition) => condition(row))) continue;
    // One more than a page: then there is a next page, and it begins after the last of this.
    if (found.length === limit) return { rows: found, cursor: formatCursor(found) };
    found.push(row);
  }
  return { rows: found, cursor: null };
}

interface Plan {
  readonly candidates: OrderedList<AgentRow>;
  readonly conditions: readonly ((row: AgentRow) => boolean)[];
}

/** The shortest list that an index gives, and what is left to check of each row in it. */
function plan(rows: AgentRows, query: AgentQuery): Plan {
  const lists: OrderedList<AgentRow>[] = [];
  const conditions: ((row: AgentRow) => boolean)[] = [];
  const { capability, status, model, peer, q } = query;
  if (capability !== undefined) {
    lists.push(rows.withCapability(capability));
    conditions.push(hasCapability(capability));
  }
  if (status !== undefined) {
    lists.push(rows.withStatus(status));
    conditions.push((row) => row.status === status);
  }
  if (model !== undefined) {
    const prefix = foldCase(model);
    lists.push(rows.withModel(prefix));
    conditions.push((row) => row.record.model.startsWith(prefix));
  }
  if (peer !== undefined) {
    lists.push(rows.ofPeer(peer));
    conditions.push((row) => row.record.peer === peer);
  }
  for (const word of q === undefined ? [] : foldCase(q).split(/\s+/)) {
    conditions.push((row) => row.haystack().includes(word));
  }
  if (status === 'retired') return { candidates: rows.withStatus(status), conditions };
  const shortest = lists.sort((a, b) => a.length - b.length)[0];
  return {
    candidates: shortest ?? rows.listed,
    conditions: lists.length > 1 || q ? conditions : [],
  };
}

function hasCapability(asked: string): (row: AgentRow) => boolean {
  const term = foldTerm(asked);
  if (!asked.endsWith('*')) return (row) => row.terms.includes(term);
  const prefix = foldTerm(asked.slice(0, -1));
  return (row) => row.terms.some((known) => known.startsWith(prefix));
}

function foldCase(text: string): string {
  return text.normalize('NFC').trim().toLowerCase();
}

function formatCursor(rows: readonly AgentRow[]): string | null {
  return rows.at(-1)?.ord.toString(36) ?? null;
}

function parseCursor(cursor: string): number {
  const ord = /^[0-9a-z]{1,10}$/.test(cursor) ? Number.parseInt(cursor, 36) : Number.NaN;
  if (Number.isSafeInteger(ord)) return ord;
  throw new CooeeError('ERR_API_QUERY', 'the cursor is not valid', { details: { path: 'cursor' } });
}

import { isActive } from '../../../protocols/help/index.ts';
import {
  type CallRecord,
  type CallSeverity,
  CooeeError,
  calledKey,
  type HumanRecord,
  type OpenCallRecord,
  type StateReader,
} from '../../../protocols/interface/index.ts';
import { callAddress } from '../../../protocols/ucxl/index.ts';
import type { CallRow, CallsView, CallView } from '../../api/routes/index.ts';
import type { CallsQuery } from '../../api/services.ts';
import { rowsBehind, type WaitingPlace } from '../waiting-place.ts';

/**
 * Calls that one page looks up in the store, at most: each look waits for the disk, and a filter
 * that hits nothing must not hold up others.
 */
const LOOKS_MAX = 500;
/** Characters of one page, about: a thousand long questions are several pages. */
const PAGE_CHARACTERS_MAX = 2 * 1024 * 1024;

/** What {@link listCalls} reads from. */
export interface CallSource {
  readonly state: StateReader;
  /** What is accepted and not committed, and behind it what was refused, the newest first. */
  readonly waiting: () => readonly CallRow[];
}

/** Where a page begins: behind a row that waits or was refused, or at the call of that number. */
type Position =
  | { readonly part: 'accepted' | 'refused'; readonly after: WaitingPlace | undefined }
  | { readonly part: 'committed'; readonly number: number };

const CURSOR =
  /^(?:(accepted|refused)\.([a-z2-7]{1,128})\.([0-9]{1,15})|committed\.([0-9]{1,12}))$/;

/** A page that is being filled. */
class Page {
  readonly calls: CallRow[] = [];
  readonly #rowsMax: number;
  #characters = 0;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  get isFull(): boolean {
    return this.calls.length >= this.#rowsMax || this.#characters >= PAGE_CHARACTERS_MAX;
  }

  add(row: CallRow): void {
    this.calls.push(row);
    const texts = [row.question, row.answer ?? '', ...row.options];
    this.#characters += texts.reduce((sum, { length }) => sum + length, 0);
  }

  view(cursor: string | null): CallsView {
    return { calls: this.calls, cursor };
  }
}

/**
 * One page, the newest first: what waits on this node, then the log backwards. Those that are not
 * settled come from memory; all others by key.
 *
 * @throws CooeeError ERR_API_QUERY for a cursor that is not one of ours
 */
export function listCalls(source: CallSource, query: CallsQuery): CallsView {
  const page = new Page(query.limit);
  const at = positionOf(query.cursor);
  const isLocal = query.state === 'accepted' || query.state === 'refused';
  if (at.part !== 'committed' && (query.state === undefined || isLocal)) {
    const last = addWaiting(page, rowsAfter(source.waiting(), at), query);
    if (last !== undefined) return page.view(`${last.state}.${last.id}.${timeMsOf(last)}`);
  }
  if (isLocal) return page.view(null);
  const last = source.state.get('cursor', 'calls') ?? 0;
  const from = at.part === 'committed' ? Math.min(at.number, last) : last;
  const isHot = query.state === 'active' || query.state === 'open' || query.state === 'claimed';
  return isHot
    ? addOpen(page, source.state, { query, from })
    : addAll(page, source.state, { query, from });
}

/** A call as callers see it. */
export function rowOf(call: CallRecord): CallRow {
  const { id, asker, question, severity, state, onTimeout, escalations, index } = call;
  const { claim, answer, fence } = call;
  return {
    ...{ id, address: callAddress(id), asker, question, options: [...call.options] },
    ...{ severity, state, deadline: timeText(call.deadlineMs), onTimeout, escalations },
    ...{ openedAt: timeText(call.timeMs), index },
    ...(fence === 0 ? {} : { fence }),
    ...(claim === undefined
      ? {}
      : { claimedBy: humanView(claim.by), claimedUntil: timeText(claim.untilMs) }),
    ...(answer === undefined
      ? {}
      : {
          answer: answer.text,
          answeredBy: answer.by === null ? null : humanView(answer.by),
          answeredAt: timeText(answer.timeMs),
        }),
  };
}

/** A call with its context. */
export function viewOf(call: CallRecord): CallView {
  const { context } = call;
  return {
    ...rowOf(call),
    context,
    ...(call.default === undefined ? {} : { default: call.default }),
  };
}

/** A time as callers see it. */
export function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function humanView({ human, peer }: HumanRecord): HumanRecord {
  return { human, peer };
}

/** What waits behind a position, and then what was refused. */
function rowsAfter(
  waiting: readonly CallRow[],
  { part, after }: Extract<Position, { readonly after: unknown }>,
): readonly CallRow[] {
  const refused = waiting.filter(({ state }) => state === 'refused');
  if (part === 'refused') return rowsBehind(refused, after, timeMsOf);
  const accepted = waiting.filter(({ state }) => state !== 'refused');
  return [...rowsBehind(accepted, after, timeMsOf), ...refused];
}

/** What rows before the log are ordered by. */
function timeMsOf({ openedAt, refusal }: CallRow): number {
  return Date.parse(refusal?.at ?? openedAt);
}

/** The last row of the page, when it is full before all that waits was looked at. */
function addWaiting(
  page: Page,
  waiting: readonly CallRow[],
  query: CallsQuery,
): CallRow | undefined {
  for (const row of waiting) {
    if (!fits(row, query) || (query.state !== undefined && row.state !== query.state)) continue;
    if (page.isFull) return page.calls.at(-1);
    page.add(row);
  }
  return undefined;
}

interface Range {
  readonly query: CallsQuery;
  /** The highest number that may be on the page. */
  readonly from: number;
}

function addOpen(page: Page, state: StateReader, { query, from }: Range): CallsView {
  const rows: (readonly [string, OpenCallRecord])[] = [];
  for (const entry of state.entries('openCall')) {
    const [, row] = entry;
    if (row.number <= from && fits(row, query) && hasState(row, query)) rows.push(entry);
  }
  rows.sort(([, a], [, b]) => b.number - a.number);
  for (const [id, { number }] of rows) {
    if (page.isFull) return page.view(`committed.${number}`);
    const call = state.get('call', id);
    if (call !== undefined) page.add(rowOf(call));
  }
  return page.view(null);
}

function addAll(page: Page, state: StateReader, { query, from }: Range): CallsView {
  let number = from;
  for (let looks = 0; number > 0 && looks < LOOKS_MAX && !page.isFull; looks++) {
    const id = state.get('called', calledKey(number));
    const call = id === undefined ? undefined : state.get('call', id);
    if (call !== undefined && fits(call, query) && hasState(call, query)) page.add(rowOf(call));
    number--;
  }
  return page.view(number > 0 ? `committed.${number}` : null);
}

/** What filters look at, of a record and of a row. */
interface Filtered {
  readonly asker: { readonly peer: string; readonly agent?: string | undefined };
  readonly severity: CallSeverity;
}

function fits({ asker, severity }: Filtered, query: CallsQuery): boolean {
  return (
    (query.asker === undefined || asker.peer === query.asker || asker.agent === query.asker) &&
    (query.severity === undefined || severity === query.severity)
  );
}

function hasState({ state }: Pick<CallRecord, 'state'>, query: CallsQuery): boolean {
  if (query.state === undefined) return true;
  return query.state === 'active' ? isActive({ state }) : state === query.state;
}

function positionOf(cursor: string | undefined): Position {
  if (cursor === undefined) return { part: 'accepted', after: undefined };
  const [, part, id = '', timeMs, number] = CURSOR.exec(cursor) ?? [];
  if (part === 'accepted' || part === 'refused') {
    return { part, after: { id, timeMs: Number(timeMs) } };
  }
  if (number !== undefined) return { part: 'committed', number: Number(number) };
  throw new CooeeError('ERR_API_QUERY', 'the cursor is not one of this list', {
    details: { part: 'query', path: 'cursor' },
  });
}

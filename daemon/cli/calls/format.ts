import { sanitizeLine, sanitizeText } from '../../../protocols/interface/text/sanitize.ts';
import type { CallRow, CallView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatDuration } from '../format/duration.ts';
import { formatFields, formatTable } from '../format/table.ts';

/** Calls as a table for people. */
export function formatCalls(context: CliContext, calls: readonly CallRow[]): string {
  const nowMs = context.host.nowMs();
  const { red, yellow, dim } = context.colours;
  const paint = { info: dim, blocked: yellow, danger: red };
  return formatTable(
    [
      { title: 'ID', text: (row) => row.id },
      { title: 'STATE', text: stateOf },
      {
        title: 'SEVERITY',
        text: (row) => row.severity,
        style: (cell, row) => paint[row.severity](cell),
      },
      { title: 'TIME LEFT', text: (row) => timeLeft(row, nowMs) },
      { title: 'ASKER', text: askerOf },
      { title: 'BY', text: (row) => byOf(row) ?? '', columnsMax: 24 },
      { title: 'QUESTION', text: (row) => row.question, columnsMax: 60 },
    ],
    calls,
    { titleStyle: dim },
  );
}

/** All of one call, a line a field. */
export function formatCall(context: CliContext, call: CallView): string {
  const fields: [string, readonly string[]][] = [
    ['id', [call.id]],
    ['address', [call.address]],
    ['state', [stateOf(call)]],
    ...refusalFields(call),
    ['severity', [call.severity]],
    ['asker', [askerOf(call)]],
    ['opened', [call.openedAt]],
    ['deadline', [`${call.deadline} (then: ${call.onTimeout})`]],
    ['escalated', [call.escalations === 0 ? '' : `${call.escalations} of 3 times`]],
    ['question', linesOf(call.question)],
    ['context', linesOf(call.context)],
    ['options', call.options.map((it) => `- ${it}`)],
    ['default', linesOf(call.default ?? '')],
    ['claimed by', [claimText(call)]],
    ['answer', linesOf(call.answer ?? '')],
    ['answered by', [answeredText(call)]],
  ];
  return formatFields(
    fields.map(([label, values]) => {
      const safe = values.map(sanitizeLine);
      return [label, safe.join('') === '' ? ['-'] : safe] as const;
    }),
    context.colours.dim,
  );
}

/** Token of the asking agent, or the peer id of the node. */
export function askerOf({ asker }: Pick<CallRow, 'asker'>): string {
  return asker.agent ?? asker.peer.slice(-8);
}

/** Who works on it or has answered it. */
export function byOf(call: CallRow): string | undefined {
  if (call.claimedBy !== undefined) return call.claimedBy.human;
  return call.answeredBy === null ? 'policy' : call.answeredBy?.human;
}

/** How long until the deadline; empty for what is settled. */
export function timeLeft(call: CallRow, nowMs: number): string {
  if (!isUnsettled(call)) return '';
  const leftMs = Date.parse(call.deadline) - nowMs;
  return leftMs > 0 ? formatDuration(leftMs) : 'overdue';
}

/** Whether something can still become of it. */
export function isUnsettled({ state }: Pick<CallRow, 'state'>): boolean {
  return state === 'accepted' || state === 'open' || state === 'claimed';
}

function stateOf({ state }: CallRow): string {
  return state;
}

function refusalFields({ refusal }: CallRow): [string, readonly string[]][] {
  return refusal === undefined ? [] : [['refused', [`${refusal.code}: ${refusal.message}`]]];
}

function claimText({ claimedBy, claimedUntil }: CallRow): string {
  if (claimedBy === undefined) return '';
  return `${claimedBy.human} at ${claimedBy.peer}, until ${claimedUntil ?? ''}`;
}

function answeredText({ answeredBy, answeredAt, onTimeout }: CallRow): string {
  if (answeredBy === undefined) return '';
  const by =
    answeredBy === null ? `its policy (${onTimeout})` : `${answeredBy.human} at ${answeredBy.peer}`;
  return `${by}, ${answeredAt ?? ''}`;
}

function linesOf(text: string): readonly string[] {
  return sanitizeText(text).split('\n');
}

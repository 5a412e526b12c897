import type { Operation } from '../history/index.ts';
import { checkFinal } from './checks/final.ts';
import { checkLinearizable } from './checks/linearizable.ts';
import { checkLogOrder } from './checks/log-order.ts';
import { checkOwnNode } from './checks/own-node.ts';
import { checkWinners } from './checks/winners.ts';

/** How {@link checkHistory} goes about it. */
export interface CheckOptions {
  /** How long the search may take in all. Default 60 s. */
  readonly maxMs?: number;
  /** Whether a history without readings of the end is a problem. Default true. */
  readonly final?: boolean;
}

/** What became of a check. */
export interface CheckResult {
  /** No problem, and nothing undecided. */
  readonly ok: boolean;
  readonly counts: Readonly<Record<string, number>>;
  /** For people, several lines each. */
  readonly problems: readonly string[];
  /** Objects whose search was given up, and why. */
  readonly undecided: readonly string[];
}

const MAX_MS = 60_000;
const PROBLEMS_SHOWN_MAX = 20;

/** Checks a whole history: docs/testnet.md says what. */
export function checkHistory(
  operations: readonly Operation[],
  { maxMs = MAX_MS, final = true }: CheckOptions = {},
): CheckResult {
  const linearizable = checkLinearizable(operations, performance.now() + maxMs);
  const ended = checkFinal(operations);
  const noFinal = final && ended.nodes === 0 ? ['there are no readings of the end'] : [];
  const problems = [
    ...linearizable.problems,
    ...checkWinners(operations),
    ...checkLogOrder(operations),
    ...checkOwnNode(operations),
    ...ended.problems,
    ...noFinal,
  ];
  const { undecided, objects } = linearizable;
  const counts = {
    ...countsOf(operations),
    objects,
    promised: ended.promised,
    'nodes read in the end': ended.nodes,
  };
  return { ok: problems.length + undecided.length === 0, counts, problems, undecided };
}

/** A result for people. */
export function formatResult({ ok, counts, problems, undecided }: CheckResult): string {
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX);
  const hidden = problems.length - shown.length;
  const lines = [
    ...Object.entries(counts).map(([name, count]) => `${String(count).padStart(8)}  ${name}`),
    ...shown.map((problem) => `PROBLEM ${problem}`),
    ...(hidden > 0 ? [`… and ${hidden} problems more`] : []),
    ...undecided.map((text) => `UNDECIDED ${text}`),
    ok ? 'ok: the history is linearizable, and nothing is lost or there twice' : 'NOT OK',
  ];
  return `${lines.join('\n')}\n`;
}

function countsOf(operations: readonly Operation[]): Record<string, number> {
  const ends = { done: 0, refused: 0, unknown: 0 };
  const byOp: Record<string, number> = {};
  for (const { op, ok } of operations) {
    byOp[op] = (byOp[op] ?? 0) + 1;
    if (ok === null) ends.unknown += 1;
    else if (ok) ends.done += 1;
    else ends.refused += 1;
  }
  const names = Object.keys(byOp).sort();
  const sorted = Object.fromEntries(names.map((name) => [name, byOp[name] ?? 0]));
  return { operations: operations.length, ...ends, ...sorted };
}

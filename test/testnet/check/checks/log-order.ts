import type { Operation } from '../../history/index.ts';
import { numberIn } from '../models/fields.ts';
import { lineOf } from '../text.ts';

/** Each success of these is an entry of its own. */
const WRITES = new Set(['call.open', 'call.claim', 'call.release', 'call.answer', 'call.withdraw']);

interface Write {
  readonly operation: Operation;
  readonly index: number;
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * The log has the order of real time: what began after another write had been answered stands
 * behind it. Over all objects at once, so also a fault that no single object shows.
 */
export function checkLogOrder(operations: readonly Operation[]): string[] {
  const writes = toWrites(operations);
  const byEnd = writes.toSorted((a, b) => compare(a.end, b.end));
  const problems: string[] = [];
  let answered = 0;
  let highest: Write | undefined;
  for (const write of writes.toSorted((a, b) => compare(a.start, b.start))) {
    for (; answered < byEnd.length; answered++) {
      const before = byEnd[answered];
      if (before === undefined || before.end >= write.start) break;
      if (highest === undefined || before.index > highest.index) highest = before;
    }
    if (highest !== undefined && write.index <= highest.index) {
      const [first, second] = [lineOf(highest.operation), lineOf(write.operation)];
      problems.push(`the log is not in the order of time:\n    ${first}\n    ${second}`);
    }
  }
  return problems;
}

function toWrites(operations: readonly Operation[]): Write[] {
  const tried = new Set<string>();
  const writes: Write[] = [];
  for (const operation of operations.toSorted((a, b) =>
    compare(BigInt(a.startNs), BigInt(b.startNs)),
  )) {
    const { op, key, output, ok, startNs, endNs } = operation;
    // Handed in again, a submission has the index of its first time.
    const isFirst = op === 'submit' && !tried.has(key);
    if (op === 'submit') tried.add(key);
    const index = numberIn(output, op === 'submit' ? 'value' : 'index');
    if (ok !== true || endNs === null || index === null) continue;
    if (!WRITES.has(op) && !isFirst) continue;
    writes.push({ operation, index, start: BigInt(startNs), end: BigInt(endNs) });
  }
  return writes;
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : Number(a > b));

import type { Operation } from '../../history/index.ts';
import { positionOf, seenBy } from '../models/call.ts';
import { fieldsOf, numberIn, textIn } from '../models/fields.ts';
import { lineOf } from '../text.ts';

const PLAIN = '.read.plain';

/**
 * Plain reads are as old as their node is, but on one run of a daemon (`input.run`) they never go
 * back: each shows at least what any client there had been told before it began.
 */
export function checkOwnNode(operations: readonly Operation[]): string[] {
  const told = operations.filter((operation) => reached(operation) !== undefined);
  const groups = Map.groupBy(told, ({ key, input }) => `${key} on ${textIn(input, 'run')}`);
  return [...groups].flatMap(([name, ofRun]) => {
    const hasPlain = ofRun.some(({ op }) => op.endsWith(PLAIN));
    return hasPlain ? backward(name, ofRun) : [];
  });
}

function backward(name: string, operations: readonly Operation[]): string[] {
  return operations.flatMap((read) => {
    if (!read.op.endsWith(PLAIN)) return [];
    const position = reached(read) ?? 0;
    const before = operations.find(
      (it) => isBefore(it, read) && (reached(it) ?? position) > position,
    );
    if (before === undefined) return [];
    return [`${name}: a plain read went back:\n    ${lineOf(before)}\n    ${lineOf(read)}`];
  });
}

const isBefore = (a: Operation, b: Operation): boolean =>
  a.endNs !== null && BigInt(a.endNs) < BigInt(b.startNs);

/** How far its object has come, by what was told; undefined when nothing was. */
function reached(operation: Operation): number | undefined {
  const { op, input, output, ok } = operation;
  if (ok !== true) return undefined;
  switch (op) {
    case 'call.read':
    case 'call.read.plain':
      return positionOf(seenBy(operation));
    case 'call.claim':
      return 2 * (numberIn(output, 'fence') ?? 0) - 1;
    case 'call.release':
      return 2 * (numberIn(input, 'fence') ?? 0);
    case 'call.answer':
    case 'call.withdraw':
      return Number.POSITIVE_INFINITY;
    default:
      return OF_ENTRIES.test(op) ? Number((fieldsOf(output)['value'] ?? null) !== null) : undefined;
  }
}

const OF_ENTRIES = /^(submit|enrol|(submission|agent)\.read(\.plain)?)$/;

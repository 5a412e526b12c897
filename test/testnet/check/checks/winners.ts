import type { Operation } from '../../history/index.ts';
import { type CallSeen, seenBy } from '../models/call.ts';
import { codeOf, numberIn, textIn } from '../models/fields.ts';

/**
 * Each claim of a call has one holder, whoever tells of it: winners, losers, readers of any kind
 * on any node. So has its answer.
 */
export function checkWinners(operations: readonly Operation[]): string[] {
  const holders = new Map<string, Set<string>>();
  const winners = new Map<string, Set<string>>();
  const note = (to: Map<string, Set<string>>, what: string, who: string | null): void => {
    if (who === null) return;
    const told = to.get(what);
    if (told === undefined) to.set(what, new Set([who]));
    else told.add(who);
  };
  for (const operation of operations) {
    for (const { what, who } of tellings(operation)) note(holders, what, who);
    const won = winOf(operation);
    if (won !== undefined) note(winners, won, `${operation.client} at ${operation.startNs}`);
  }
  const several = (of: Map<string, Set<string>>, text: string): string[] =>
    [...of]
      .filter(([, told]) => told.size > 1)
      .map(([what, told]) => `${what}: ${text}: ${[...told].join(' | ')}`);
  return [...several(winners, 'more than one won'), ...several(holders, 'told differently')];
}

interface Telling {
  readonly what: string;
  readonly who: string | null;
}

function tellings(operation: Operation): Telling[] {
  const { op, key, input, output, ok } = operation;
  if (op === 'call.read' || op === 'call.read.plain') {
    return ok === true ? ofSeen(key, seenBy(operation)) : [];
  }
  if (ok === null || !op.startsWith('call.')) return [];
  const fence = numberIn(output, 'fence');
  if (ok && op === 'call.claim')
    return [{ what: `${key} claim ${fence}`, who: textIn(input, 'by') }];
  if (ok && op === 'call.answer') return [{ what: `${key} answer`, who: textIn(input, 'by') }];
  const who = textIn(output, 'by');
  switch (codeOf(operation)) {
    case 'ERR_HELP_CLAIMED':
    case 'ERR_HELP_FENCE':
      return fence === null ? [] : [{ what: `${key} claim ${fence}`, who }];
    case 'ERR_HELP_ANSWERED':
      return [{ what: `${key} answer`, who }];
    default:
      return [];
  }
}

function ofSeen(key: string, { state, fence, by }: CallSeen): Telling[] {
  if (state === 'claimed') return [{ what: `${key} claim ${fence}`, who: by }];
  if (state === 'answered') {
    return [
      { what: `${key} answer`, who: by },
      { what: `${key} claim ${fence}`, who: by },
    ];
  }
  return [];
}

/** What an operation won that can be won once. */
function winOf({ op, key, output, ok }: Operation): string | undefined {
  if (ok !== true) return undefined;
  if (op === 'call.claim') return `${key} claim ${numberIn(output, 'fence')}`;
  return op === 'call.answer' || op === 'call.withdraw' ? `${key} end` : undefined;
}

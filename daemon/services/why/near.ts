import { didYouMean } from '../../../protocols/agent-id/index.ts';
import type { StateReader } from '../../../protocols/interface/index.ts';

/** Names and tokens that are offered. */
const OFFERED_MAX = 4;

/** Two names of one letter differ by one edit and mean nothing to each other. */
const NAME_LENGTH_MIN = 3;

/**
 * The granted tokens and the members' names that a text which names nothing may have meant: one
 * mistyped, missing, doubled or swapped character away.
 */
export function nearbyThings(state: StateReader, text: string): readonly string[] {
  const tokens = didYouMean(text, (token) => state.get('agent', token) !== undefined);
  const names: string[] = [];
  for (const [, { name, removedIndex }] of state.entries('member')) {
    if (removedIndex === null && isOneEditAway(name, text)) names.push(name);
  }
  return [...tokens, ...names.sort()].slice(0, OFFERED_MAX);
}

/** Case aside, one character is another, too many or missing, or two have changed places. */
export function isOneEditAway(name: string, text: string): boolean {
  const [a, b] = [name.toLowerCase(), text.toLowerCase()];
  if (a.length < NAME_LENGTH_MIN || Math.abs(a.length - b.length) > 1) return false;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from++;
  const [restA, restB] = [a.slice(from), b.slice(from)];
  if (restA.slice(1) === restB.slice(1)) return true;
  if (restA.slice(1) === restB || restA === restB.slice(1)) return true;
  return restA.slice(2) === restB.slice(2) && restA[0] === restB[1] && restA[1] === restB[0];
}

import { isConfiguration } from './configuration.ts';
import type { RaftEntry, RaftMessage } from './types.ts';

/** No term and no index reaches this: sums of two stay exact. */
export const INDEX_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 2);

/**
 * Elections that others can have held while this node heard of none; more is made up. Without a
 * bound one message could put the term where there is no later one, and nobody would lead again.
 */
export const TERM_LEAP_MAX = 1_000_000;

/** Entries in one message: more than any window, and a bound for hostile input. */
const COUNT_MAX = 65_536;

/** A whole number that can be an index or a term. */
export function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= INDEX_MAX;
}

/**
 * Whether a correct peer may have sent it: everything in range and of one piece. Says nothing about
 * whether it fits this node's state.
 */
export function isWellFormed(
  self: string,
  message: RaftMessage,
  entries: readonly RaftEntry[],
): boolean {
  const { from, to, term } = message;
  if (to !== self || from === self || from === '' || !isIndex(term) || term === 0) return false;
  switch (message.type) {
    case 'pre-vote':
    case 'vote':
      // Who asks stands in a later term than its log has.
      return isPlace(message.lastIndex, message.lastTerm) && message.lastTerm < term;
    case 'append':
      return isAppend(message, entries);
    case 'append-answer':
      return (
        isIndex(message.index) &&
        isIndex(message.hintTerm) &&
        isIndex(message.lastIndex) &&
        isIndex(message.acknowledged ?? 0) &&
        message.index <= message.lastIndex
      );
    case 'heartbeat':
      return isIndex(message.commit) && isRead(message.read);
    case 'heartbeat-answer':
      return isRead(message.read);
    case 'snapshot':
      return (
        isPlace(message.index, message.indexTerm) && message.index > 0 && message.indexTerm <= term
      );
    case 'pre-vote-answer':
    case 'vote-answer':
    case 'timeout-now':
      return true;
    default:
      return false;
  }
}

function isAppend(
  message: Extract<RaftMessage, { type: 'append' }>,
  entries: readonly RaftEntry[],
): boolean {
  const { prevIndex, prevTerm, count, commit, term } = message;
  if (!isPlace(prevIndex, prevTerm) || !isIndex(commit) || !isIndex(count)) return false;
  if (!isIndex(message.acknowledged ?? 0)) return false;
  if (count > COUNT_MAX || entries.length !== count || prevIndex + count > INDEX_MAX) return false;
  if (!isSequence(entries, prevIndex, prevTerm) || (entries.at(-1)?.term ?? prevTerm) > term)
    return false;
  return entries.every(({ configuration: it }) => it === undefined || isConfiguration(it));
}

/** Whether the entries go on behind a place without a hole, their terms never falling. */
export function isSequence(
  entries: readonly RaftEntry[],
  prevIndex: number,
  prevTerm: number,
): boolean {
  let term = prevTerm;
  for (const [at, entry] of entries.entries()) {
    if (entry.index !== prevIndex + at + 1) return false;
    if (!isIndex(entry.term) || entry.term < Math.max(term, 1)) return false;
    term = entry.term;
  }
  return true;
}

/** Index and term of an entry: both zero before the first one. */
function isPlace(index: number, term: number): boolean {
  return isIndex(index) && isIndex(term) && (index === 0) === (term === 0);
}

function isRead(read: number): boolean {
  return Number.isSafeInteger(read) && read >= 0;
}

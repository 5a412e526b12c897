import type { Clock } from '../../../protocols/interface/index.ts';
import { DoorBook } from './door-book.ts';
import { RefusedCalls } from './refused-calls.ts';

export type { DoorSide, TurnedAway } from './door-book.ts';
export { type RefusedCall, RefusedCalls } from './refused-calls.ts';

/** What a node remembers of what went wrong, to answer `why`. */
export interface Seen {
  readonly door: DoorBook;
  readonly calls: RefusedCalls;
}

/** A memory with nothing in it. */
export function nothingSeen(clock: Clock): Seen {
  return { door: new DoorBook(clock), calls: new RefusedCalls(clock) };
}

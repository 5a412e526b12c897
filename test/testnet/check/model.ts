import type { Operation } from '../history/index.ts';

/**
 * What an object does when operations come to it one after the other (its sequential
 * specification: Herlihy and Wing, "Linearizability", TOPLAS 1990).
 */
export interface Model<S> {
  /** The state before the first operation. */
  readonly initial: S;
  /**
   * The state after the operation; undefined when it cannot have ended as it did in this state. Of
   * an operation whose `ok` is null the output counts for nothing: undefined when it has no effect.
   */
  step(state: S, operation: Operation): S | undefined;
  /** Whether it changes nothing in any state in which it can have ended so: reads, refusals. */
  isLook(operation: Operation): boolean;
  /** The same text for the same state, and for no other; shown to people too. */
  textOf(state: S): string;
}

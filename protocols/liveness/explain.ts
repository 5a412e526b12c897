import type { Allowance } from './rules.ts';
import type { Asked, LivenessState, Watch } from './state.ts';

/** All that this node knows of whether a member is there; for `doctor` and `why`. */
export interface LivenessExplanation {
  readonly peer: string;
  readonly state: LivenessState;
  /** Since when it is in that state; wall clock, ms. */
  readonly sinceMs: number;
  /** Why, in a few words for people. */
  readonly reason: string;
  /** The last direct answer, question or connection of it; wall clock, ms. */
  readonly lastHeardMs: number | null;
  /** The shortest of the latest round trips; undefined before the first answer. */
  readonly rttMs: number | undefined;
  /** Its clock minus this host's, ms; undefined before the first answer. */
  readonly clockOffsetMs: number | undefined;
  /** Silence before it is a suspect, and then before it is unreachable; grows on a bad link. */
  readonly suspectAfterMs: number;
  readonly unreachableAfterMs: number;
  /** Who was asked for it since it fell silent, newest first; wall clock, ms. */
  readonly asked: readonly Asked[];
}

/** What a {@link Watch} does not say itself. */
export interface ExplainFacts extends Allowance {
  /** Wall clock minus monotonic time, ms. */
  readonly wallAheadMs: number;
  readonly rttMs: number | undefined;
  readonly clockOffsetMs: number | undefined;
}

/** Puts what is known of a member into words and wall-clock times. */
export function explain(watch: Watch, facts: ExplainFacts): LivenessExplanation {
  const { wallAheadMs, ...others } = facts;
  const wall = (ms: number): number => Math.round(ms + wallAheadMs);
  return {
    peer: watch.peer,
    state: watch.state,
    sinceMs: wall(watch.sinceMs),
    reason: watch.reason,
    lastHeardMs: watch.heardMs === undefined ? null : wall(watch.heardMs),
    ...others,
    asked: watch.asked.map((it) => ({ ...it, atMs: wall(it.atMs) })),
  };
}

/** A clock that is further from the mesh's median than this is told of. */
export const SKEW_WARN_MS = 2_000;

/** A clock that is further off than this says nothing by gossip: others would drop it anyway. */
export const SKEW_MUTE_MS = 5 * 60_000;

/** A reading is good for this long: clocks drift by less than a millisecond in that time. */
const SAMPLE_KEPT_MS = 60_000;
const SAMPLES_MAX = 4;

/** The four times of a question and its answer (RFC 5905, section 8). */
export interface Exchange {
  /** Monotonic, of this node: when the question went out and the answer was here. */
  readonly askedMs: number;
  readonly answeredMs: number;
  /** Wall clock of the other: when it had the question and sent the answer. */
  readonly receivedMs: number;
  readonly sentMs: number;
}

/** One reading of another's clock. */
export interface ClockSample {
  /** The other's wall clock minus this node's *monotonic* time: stands when our clock is set. */
  readonly aheadMs: number;
  readonly rttMs: number;
  /** Monotonic time of the reading. */
  readonly atMs: number;
}

/** Reads the other's clock from an exchange, as NTP does. */
export function computeSample({ askedMs, answeredMs, receivedMs, sentMs }: Exchange): ClockSample {
  const heldMs = Math.max(0, sentMs - receivedMs);
  const rttMs = Math.max(0, answeredMs - askedMs - heldMs);
  const aheadMs = (receivedMs - askedMs + (sentMs - answeredMs)) / 2;
  return { aheadMs, rttMs, atMs: answeredMs };
}

/** Adds a reading to the latest ones of a member. */
export function addSample(
  samples: readonly ClockSample[],
  sample: ClockSample,
): readonly ClockSample[] {
  return [...samples, sample].slice(-SAMPLES_MAX);
}

/** The reading to go by: the one with the shortest round trip is the most exact (RFC 5905, 10). */
export function bestSample(
  samples: readonly ClockSample[],
  nowMs: number,
): ClockSample | undefined {
  const recent = samples.filter(({ atMs }) => nowMs - atMs <= SAMPLE_KEPT_MS);
  return recent.reduce<ClockSample | undefined>(
    (best, it) => (best === undefined || it.rttMs < best.rttMs ? it : best),
    undefined,
  );
}

/**
 * How far this node's clock is ahead of the median of all clocks, its own included. Of two, both
 * are off by half: nobody can say which one is wrong.
 *
 * @param offsets - the others' clocks minus this node's, ms
 * @returns undefined when no clock was read
 */
export function computeSkew(offsets: readonly number[]): number | undefined {
  if (offsets.length === 0) return undefined;
  const all = [0, ...offsets].sort((a, b) => a - b);
  const middle = (all.length - 1) / 2;
  const low = all[Math.floor(middle)] ?? 0;
  const high = all[Math.ceil(middle)] ?? 0;
  return 0 - (low + high) / 2;
}

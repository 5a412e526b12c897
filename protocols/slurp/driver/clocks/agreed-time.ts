/** A clock that is further from the agreed time than this is told of. */
export const CLOCK_OFF_MS = 30_000;

/** What a leader was last told of a peer's clock. */
export interface ClockReading {
  /** What the peer's clock showed, milliseconds since 1970. */
  readonly timeMs: number;
  /** Our monotonic time when it was heard. */
  readonly heardMs: number;
}

/** A reading counts for as long as its peer cannot have gone far from it. */
const READING_KEPT_MS = 60_000;

/**
 * What the peer's clock shows now, in whole milliseconds. It goes by our monotonic time: a clock of
 * ours that is set in between must not take what was read of the others along.
 */
export function clockNowMs({ timeMs, heardMs }: ClockReading, monotonicMs: number): number {
  return timeMs + Math.round(monotonicMs - heardMs);
}

/**
 * The agreed time: the median of the voters' clocks, so that no single clock moves it (of two the
 * earlier one). Voters that were not heard of lately are left out.
 *
 * @param own this node's clock (milliseconds since 1970) and monotonic time
 */
export function agreedTimeMs(
  own: { readonly nowMs: number; readonly monotonicMs: number },
  others: Iterable<ClockReading>,
): number {
  const times = [own.nowMs];
  for (const reading of others) {
    const isRecent = own.monotonicMs - reading.heardMs <= READING_KEPT_MS;
    if (isRecent) times.push(clockNowMs(reading, own.monotonicMs));
  }
  times.sort((a, b) => a - b);
  return times[Math.floor((times.length - 1) / 2)] ?? own.nowMs;
}

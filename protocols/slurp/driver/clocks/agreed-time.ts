/** A clock that is further from the agreed time than this is told of. */
export const CLOCK_OFF_MS = 30_000;

/** What a leader was last told of a peer's clock. */
export interface ClockReading {
  /** Peer's clock minus ours when it was heard, milliseconds. */
  readonly offsetMs: number;
  /** Our monotonic time then. */
  readonly heardMs: number;
}

/** A reading counts for as long as its peer cannot have gone far from it. */
const READING_KEPT_MS = 60_000;

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
  const offsets = [0];
  for (const { offsetMs, heardMs } of others) {
    if (own.monotonicMs - heardMs <= READING_KEPT_MS) offsets.push(offsetMs);
  }
  offsets.sort((a, b) => a - b);
  return own.nowMs + (offsets[Math.floor((offsets.length - 1) / 2)] ?? 0);
}

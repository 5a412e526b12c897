/** Where a page ended among rows that are not in the log, and any of which may go at any time. */
export interface WaitingPlace {
  /** Id of the last row of the page. */
  readonly id: string;
  /** What the rows are ordered by, of that row: ms since 1970. */
  readonly timeMs: number;
}

/** A row of such a list. */
interface Row {
  readonly id: string;
}

/**
 * The rows behind a place, of a list with the newest first. Its own row may be gone, decided since,
 * while others behind it still wait, such as for their blocks: then those count that are not newer.
 * What came in the same millisecond may be shown twice then; nothing is missed.
 */
export function rowsBehind<R extends Row>(
  rows: readonly R[],
  place: WaitingPlace | undefined,
  timeMsOf: (row: R) => number,
): readonly R[] {
  if (place === undefined) return rows;
  const at = rows.findIndex(({ id }) => id === place.id);
  if (at >= 0) return rows.slice(at + 1);
  const older = rows.findIndex((row) => timeMsOf(row) <= place.timeMs);
  return older < 0 ? [] : rows.slice(older);
}

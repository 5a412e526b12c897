/** How many of so many are more than half. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The highest value that a majority of the voters has reached. For the handful of voters there are,
 * an insertion sort beats everything else.
 */
export function quorumValue(
  voters: readonly string[],
  reachedBy: (voter: string) => number,
): number {
  const values: number[] = [];
  for (const voter of voters) {
    const value = reachedBy(voter);
    let at = values.length;
    for (; at > 0 && (values[at - 1] ?? 0) < value; at--) values[at] = values[at - 1] ?? 0;
    values[at] = value;
  }
  return values[majorityOf(voters.length) - 1] ?? 0;
}

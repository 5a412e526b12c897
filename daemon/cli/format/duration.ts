const STEPS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** A length of time as people say it, in its largest whole unit: `3 d`, `12 s`, `0 s`. */
export function formatDuration(durationMs: number): string {
  for (const [unit, unitMs] of STEPS) {
    if (durationMs >= unitMs) return `${Math.floor(durationMs / unitMs)} ${unit}`;
  }
  return '0 s';
}

/** How long ago a time was: `now` within two seconds or in the future, else `12 s ago`. */
export function formatAgo(timeMs: number, nowMs: number): string {
  const passedMs = nowMs - timeMs;
  return passedMs < 2_000 ? 'now' : `${formatDuration(passedMs)} ago`;
}

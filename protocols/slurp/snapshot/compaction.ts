/** Entries that stay in the log for members that are a little behind. */
const LOG_ENTRIES_KEPT = 1_024;
/** Whoever lacks that many is faster with a snapshot. */
const BEHIND_ENTRIES = 4_096;

/**
 * The first entry that must stay in the log. What the last snapshot with a signed head stands for
 * may go, but for its own entry, whose term a leader names to who goes on from there, and the last
 * entries, which a slow member is helped with faster than with a snapshot.
 *
 * @param at - indices: of that snapshot (0 = none), and the last one applied here
 * @param everyEntries - from one snapshot to the next
 */
export function compactionPoint(
  at: { readonly signed: number; readonly applied: number },
  everyEntries: number,
): number {
  const kept = Math.min(LOG_ENTRIES_KEPT, everyEntries);
  return Math.max(1, Math.min(at.signed, at.applied - kept + 1));
}

/**
 * Whether a member that asks for entries from `from` on is better served with the snapshot.
 *
 * @param at - the snapshot's index, and the first entry that is held
 */
export function isSnapshotDue(
  from: number,
  at: { readonly signed: number; readonly first: number },
  everyEntries: number,
): boolean {
  if (from > at.signed) return false;
  const behind = Math.min(BEHIND_ENTRIES, Math.ceil(everyEntries / 2));
  return from < at.first || at.signed - from >= behind;
}

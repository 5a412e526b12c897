import { type StateReader, submittedKey } from '../../interface/index.ts';

/** With fewer submissions a snapshot is taken at each mark: it is some ten megabytes. */
const SMALL_SUBMISSIONS = 65_536;
/** At one of so many marks a snapshot is taken however little came: the log must stay bounded. */
const MARKS_MAX = 8;

/** Entries that stay in the log for members that are a little behind. */
const LOG_ENTRIES_KEPT = 1_024;
/** Whoever lacks that many is faster with a snapshot. */
const BEHIND_ENTRIES = 4_096;

/**
 * Whether a snapshot is taken at a mark. Nearly all of a large state lies in buckets that changed
 * since the last one, so each costs as much as all that there is: with a large state one is taken
 * when the submissions have doubled, and at each eighth mark. Told by the replicated state alone,
 * since all nodes must come to the same.
 *
 * @param state - of that very index
 * @param everyEntries - from one mark to the next
 * @throws CooeeError ERR_STORAGE_*
 */
export function isSnapshotTaken(state: StateReader, index: number, everyEntries: number): boolean {
  const now = state.get('cursor', 'submissions') ?? 0;
  if (now < SMALL_SUBMISSIONS || index % (MARKS_MAX * everyEntries) === 0) return true;
  return doublings(now) > doublings(submissionsAt(state, index - everyEntries));
}

/** How many times {@link SMALL_SUBMISSIONS} was doubled; -1 before it is reached. */
function doublings(submissions: number): number {
  return 31 - Math.clz32(Math.floor(submissions / SMALL_SUBMISSIONS));
}

/** How many submissions the entries up to an index brought. */
function submissionsAt(state: StateReader, index: number): number {
  let from = 0;
  let to = state.get('cursor', 'submissions') ?? 0;
  while (from < to) {
    const n = Math.ceil((from + to) / 2);
    const id = state.get('submitted', submittedKey(n));
    const brought = id === undefined ? undefined : state.get('submission', id)?.index;
    if (brought !== undefined && brought <= index) from = n;
    else to = n - 1;
  }
  return from;
}

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

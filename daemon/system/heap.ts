import v8 from 'node:v8';

/** Entries of the log after which a node is one with work to do. */
const WORK_ENTRIES = 200;

/** Entries from one look at how large the space is to the next. */
const LOOK_ENTRIES = 16;

/**
 * So far the space for new objects grows, bytes. V8 would go on to 128 MB, which makes nothing
 * faster: clearing it takes as long as what is still in use there.
 */
const NEW_SPACE_BYTES = 32 * 1024 * 1024;

/**
 * By so much of what is in use the old space may grow before V8 looks through it again. By itself
 * it takes up to 300, by how quick it was the times before: memory grows for hours, in steps, while
 * what is in use stays the same.
 */
const OLD_SPACE_GROWTH_PERCENT = 60;

/** What {@link letHeapGrow} asks and tells V8. */
export type V8 = Pick<typeof v8, 'getHeapSpaceStatistics' | 'setFlagsFromString'>;

/**
 * Lets the space for new objects grow once the log moves, which main.ts has kept small: a third of
 * the time of a commit went into clearing 1 MB over and over, and what was moved out of it too
 * soon. V8 takes the space back when little is made; it grows again with the next work. From then
 * on the space for old objects is bounded, too.
 *
 * @param log tells of each entry that is applied
 */
export function letHeapGrow(
  log: { onApplied(listener: () => void): unknown },
  { getHeapSpaceStatistics, setFlagsFromString }: V8 = v8,
): void {
  let left = WORK_ENTRIES;
  let factor = 1;
  let isBounded = false;
  log.onApplied(() => {
    left--;
    if (left > 0) return;
    left = LOOK_ENTRIES;
    if (!isBounded) setFlagsFromString(`--heap-growing-percent=${OLD_SPACE_GROWTH_PERCENT}`);
    isBounded = true;
    const space = getHeapSpaceStatistics().find((it) => it.space_name === 'new_space');
    const wanted = (space?.space_size ?? 0) < NEW_SPACE_BYTES ? 2 : 1;
    if (wanted === factor) return;
    factor = wanted;
    setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  });
}

import { setFlagsFromString } from 'node:v8';

/** Entries of the log after which a node is one with work to do. */
const WORK_ENTRIES = 200;

/**
 * Lets the space for new objects grow once the log moves, which main.ts has kept small: a third of
 * the time of a commit went into clearing 1 MB over and over, and what was moved out of it too
 * soon. V8 takes the space back when little is made.
 *
 * @param log tells of each entry that is applied; what it returns ends that
 */
export function letHeapGrow(log: { onApplied(listener: () => void): () => void }): void {
  let left = WORK_ENTRIES;
  const end = log.onApplied(() => {
    left--;
    if (left > 0) return;
    end();
    setFlagsFromString('--semi-space-growth-factor=2');
  });
}

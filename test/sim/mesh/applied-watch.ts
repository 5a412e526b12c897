import type { AppliedEntry, MeshLog } from '../../../protocols/slurp/index.ts';

/**
 * Tells what a log applies, also while it is opened: a start applies again what the store had not
 * written, and nobody else may ever apply that in the same history. It is told before it is
 * written: a program may end in between, and the next one has it in its state and says nothing.
 */
export function watchApplied(
  meshLog: Pick<MeshLog, 'addHook'>,
  tell: (entry: AppliedEntry) => void,
): void {
  meshLog.addHook((entry) => {
    tell(entry);
    return [];
  });
}

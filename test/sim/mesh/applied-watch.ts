import type { AppliedEntry, MeshLog } from '../../../protocols/slurp/index.ts';

/**
 * What a log applies, from before it is opened: a start applies again what the store had not
 * written, and nobody else may ever apply that in the same history.
 */
export class AppliedWatch {
  #waiting: AppliedEntry[] = [];
  #tell: ((entry: AppliedEntry) => void) | undefined;

  constructor(meshLog: Pick<MeshLog, 'onApplied'>) {
    meshLog.onApplied((entry) => {
      if (this.#tell === undefined) this.#waiting.push(entry);
      else this.#tell(entry);
    });
  }

  /** From now on it can be said of which history they are. */
  start(tell: (entry: AppliedEntry) => void): void {
    this.#tell = tell;
    for (const entry of this.#waiting.splice(0)) tell(entry);
  }
}

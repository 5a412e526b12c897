import { isCooeeError, toError } from '../interface/index.ts';

/**
 * Which failures were told already: one may last for days and be met at each try, and its line may
 * go to the very disk that is full.
 */
export class ToldOnce {
  /** By code, so there are no more than codes. */
  readonly #told = new Set<string>();

  /** Whether this kind of failure is to be told: the first time since {@link over}. */
  isNews(error: unknown): boolean {
    const kind = isCooeeError(error) ? error.code : toError(error).name;
    if (this.#told.has(kind)) return false;
    this.#told.add(kind);
    return true;
  }

  /** It works again: the next failure is news. */
  over(): void {
    this.#told.clear();
  }
}

import { isCooeeError } from '../../../interface/index.ts';
import { majorityOf } from '../head-rules.ts';

/** Which states voters named when they would not sign for this node's. */
export class OtherStates {
  readonly #needed: number;
  readonly #counts = new Map<string, number>();

  /** @param voterCount how many were asked, this node included */
  constructor(voterCount: number) {
    this.#needed = majorityOf(voterCount);
  }

  /** Whether a majority named one and the same. */
  get isMajority(): boolean {
    return Math.max(0, ...this.#counts.values()) >= this.#needed;
  }

  /** Takes note of why a voter did not sign. */
  heard(error: Error): void {
    if (!isCooeeError(error, 'ERR_SLURP_HEAD')) return;
    const { reason, ours } = error.details;
    if (reason !== 'state' || typeof ours !== 'string') return;
    this.#counts.set(ours, (this.#counts.get(ours) ?? 0) + 1);
  }
}

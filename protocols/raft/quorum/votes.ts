import { majorityOf } from './quorum.ts';

/** The votes of one campaign: the first answer of each voter counts. */
export class Votes {
  readonly #voters: readonly string[];
  readonly #answers = new Map<string, boolean>();

  constructor(voters: readonly string[]) {
    this.#voters = voters;
  }

  record(peer: string, isGranted: boolean): void {
    if (this.#voters.includes(peer) && !this.#answers.has(peer)) {
      this.#answers.set(peer, isGranted);
    }
  }

  /**
   * @param lost peers that can send no answer any more; only those who did not answer are looked up
   */
  result(lost: ReadonlySet<string>): 'won' | 'lost' | 'open' {
    let granted = 0;
    let open = 0;
    for (const voter of this.#voters) {
      const answer = this.#answers.get(voter);
      if (answer === true) granted++;
      else if (answer === undefined && !lost.has(voter)) open++;
    }
    const needed = majorityOf(this.#voters.length);
    if (granted >= needed) return 'won';
    return granted + open < needed ? 'lost' : 'open';
  }
}

import { CooeeError } from '../../interface/index.ts';
import type { Configuration, RaftEntry } from '../types.ts';

/** Where a term begins; it ends where the next one does. */
interface Run {
  readonly from: number;
  readonly term: number;
}

/** A configuration and the index of the entry that brought it. */
interface Placed {
  readonly index: number;
  readonly configuration: Configuration;
}

/** What a {@link TermLog} starts from: see `RaftInit`. */
export interface TermLogInit {
  readonly base: { readonly index: number; readonly term: number };
  readonly configuration: Configuration;
  readonly configurationIndex: number;
  readonly log: readonly { readonly term: number; readonly configuration?: Configuration }[];
}

/**
 * The log without its payload: which term each index has, kept as runs, and the configurations. Its
 * size goes by the number of terms and changes, not of entries.
 */
export class TermLog {
  #baseIndex: number;
  #baseTerm: number;
  #lastIndex: number;
  #runs: Run[] = [];
  /** By index, never empty: the last one is in force. */
  #configurations: Placed[];

  constructor(init: TermLogInit) {
    this.#baseIndex = init.base.index;
    this.#baseTerm = init.base.term;
    this.#lastIndex = init.base.index;
    this.#configurations = [{ index: init.configurationIndex, configuration: init.configuration }];
    for (const { term, configuration } of init.log) {
      const index = this.#lastIndex + 1;
      this.append(index, term, index > init.configurationIndex ? configuration : undefined);
    }
  }

  /** The entry before the first that is kept; 0 = the log is whole. */
  get baseIndex(): number {
    return this.#baseIndex;
  }

  get baseTerm(): number {
    return this.#baseTerm;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get lastTerm(): number {
    return this.#runs.at(-1)?.term ?? this.#baseTerm;
  }

  get configuration(): Configuration {
    return this.#newest.configuration;
  }

  get configurationIndex(): number {
    return this.#newest.index;
  }

  /** Whether the peer votes by the configuration at `index` or by any later one. */
  isVoterFrom(index: number, peer: string): boolean {
    for (let at = this.#configurations.length - 1; at >= 0; at--) {
      const placed = this.#configurations[at];
      if (placed?.configuration.voters.includes(peer)) return true;
      if (placed === undefined || placed.index <= index) return false;
    }
    return false;
  }

  /** The term at an index from the base to the last, else undefined. */
  termAt(index: number): number | undefined {
    if (index > this.#lastIndex || index < this.#baseIndex) return undefined;
    // From the end: what is asked for is nearly always near it.
    for (let at = this.#runs.length - 1; at >= 0; at--) {
      const run = this.#runs[at];
      if (run !== undefined && run.from <= index) return run.term;
    }
    return this.#baseTerm;
  }

  /** Whether a log that ends so holds all that this one may have seen committed (section 5.4.1). */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.#lastIndex);
  }

  /**
   * The highest index up to `index` whose term is not above `term`: the two logs cannot agree at a
   * higher one. Skips a whole term at a step. Below the base nothing is known: `index` itself.
   */
  agreeingIndex(index: number, term: number): number {
    let highest = Math.min(index, this.#lastIndex);
    for (let at = this.#runs.length - 1; at >= 0; at--) {
      const run = this.#runs[at];
      if (run === undefined || run.from > highest) continue;
      if (run.term <= term) return highest;
      highest = run.from - 1;
    }
    return highest;
  }

  /** Appends behind the last index. */
  append(index: number, term: number, configuration: RaftEntry['configuration']): void {
    if (index !== this.#lastIndex + 1 || term < this.lastTerm) {
      throw new CooeeError('ERR_RAFT_INVARIANT', `entry ${index} does not follow`);
    }
    if (this.#runs.length === 0 || term !== this.lastTerm) this.#runs.push({ from: index, term });
    this.#lastIndex = index;
    if (configuration !== undefined) this.#configurations.push({ index, configuration });
  }

  /** Forgets `index` and what is behind it, and the configurations that it brought. */
  truncateFrom(index: number): void {
    if (index <= this.#baseIndex || index > this.#lastIndex) {
      throw new CooeeError('ERR_RAFT_INVARIANT', `the log cannot be cut at ${index}`);
    }
    while ((this.#runs.at(-1)?.from ?? 0) >= index) this.#runs.pop();
    while (this.#configurations.length > 1 && this.configurationIndex >= index) {
      this.#configurations.pop();
    }
    if (this.configurationIndex >= index) {
      throw new CooeeError('ERR_RAFT_INVARIANT', 'the certain configuration would be cut');
    }
    this.#lastIndex = index - 1;
  }

  /** Forgets the terms below `index`, which becomes the base. */
  compactTo(index: number): void {
    const term = this.termAt(index);
    if (term === undefined) throw new CooeeError('ERR_RAFT_INPUT', `entry ${index} is not there`);
    this.#baseIndex = index;
    this.#baseTerm = term;
    const next = this.#runs.findIndex((run) => run.from > index);
    const gone = next < 0 ? this.#runs.length : next;
    const first = this.#runs[gone - 1];
    if (first !== undefined) {
      const rest = this.#runs.slice(gone);
      // The run that goes on behind the base stays, from there.
      const isCut = this.#lastIndex > index && (rest[0]?.from ?? 0) !== index + 1;
      this.#runs = isCut ? [{ from: index + 1, term: first.term }, ...rest] : rest;
    }
    while ((this.#configurations[1]?.index ?? Number.POSITIVE_INFINITY) <= index) {
      this.#configurations.shift();
    }
  }

  /** Starts anew behind a state that was fetched. */
  restore(index: number, term: number, configuration: Configuration): void {
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.#lastIndex = index;
    this.#runs = [];
    this.#configurations = [{ index, configuration }];
  }

  get #newest(): Placed {
    const newest = this.#configurations.at(-1);
    if (newest === undefined) throw new CooeeError('ERR_RAFT_INVARIANT', 'no configuration');
    return newest;
  }
}

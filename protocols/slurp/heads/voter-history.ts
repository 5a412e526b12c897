import { type StateReader, voterSetKey } from '../../interface/index.ts';
import { isSameVoters, type VoterSet } from './head-rules.ts';

/** What {@link VoterHistory} reads. */
export interface VoterHistoryLog {
  readonly state: StateReader;
  readonly appliedIndex: number;
}

/**
 * Who voted when, as far as this node can tell: out of its own state, which a verified log gave it,
 * and behind that by links of the trust chain. A node whose log is not as far as its anchor begins
 * at the anchor instead.
 */
export class VoterHistory {
  readonly #log: VoterHistoryLog;
  readonly #anchor: VoterSet;
  /** Sets of the state, those that changed only learners left out. */
  #rows: VoterSet[] = [];
  #rowCount = 0;
  /** Sets that links named, beyond what is applied here. */
  #ahead: VoterSet[] = [];

  constructor(log: VoterHistoryLog, anchor: VoterSet) {
    this.#log = log;
    this.#anchor = anchor;
  }

  /** By rising index, at least one. */
  sets(): readonly VoterSet[] {
    const known = this.#known();
    const lastIndex = known.at(-1)?.index ?? 0;
    if (this.#ahead.some(({ index }) => index <= lastIndex)) {
      this.#ahead = this.#ahead.filter(({ index }) => index > lastIndex);
    }
    return this.#ahead.length === 0 ? known : [...known, ...this.#ahead];
  }

  /** The voters in force, as far as they are known. */
  last(): VoterSet {
    return this.sets().at(-1) ?? this.#anchor;
  }

  /** Sets that this node's own state holds; none before it has passed the anchor. */
  own(): readonly VoterSet[] {
    return this.#isPastAnchor() ? this.#readRows() : [];
  }

  /** A link was verified that leads on from {@link last}. */
  extend(set: VoterSet): void {
    this.#ahead.push(set);
  }

  #known(): readonly VoterSet[] {
    const rows = this.own();
    return rows.length === 0 ? [this.#anchor] : rows;
  }

  #isPastAnchor(): boolean {
    return this.#log.appliedIndex >= this.#anchor.index;
  }

  #readRows(): readonly VoterSet[] {
    const { state } = this.#log;
    const size = state.size('voterset');
    if (size < this.#rowCount) {
      this.#rows = [];
      this.#rowCount = 0;
    }
    while (this.#rowCount < size) {
      const row = state.get('voterset', voterSetKey(this.#rowCount + 1));
      if (row === undefined) break;
      this.#rowCount++;
      const { index, voters } = row;
      const before = this.#rows.at(-1);
      if (before === undefined || !isSameVoters(before.voters, voters)) {
        this.#rows.push({ index, voters });
      }
    }
    return this.#rows;
  }
}

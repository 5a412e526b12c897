import { type StateReader, type VoterSetRecord, voterSetKey } from '../../interface/index.ts';
import { electorateAt, isSameVoters, type VoterSet } from './head-rules.ts';

/** What {@link VoterHistory} reads. */
export interface VoterHistoryLog {
  readonly state: StateReader;
  readonly appliedIndex: number;
}

/** Where it is not known who voted: between what is certain and a recovery that was heard of. */
export interface HistoryGap {
  /** What is certain: the anchor, or the last set of the state before its epoch began. */
  readonly base: VoterSet;
  /** The recovery that began that epoch: of two rivals one leads nowhere. */
  readonly via: VoterSet | undefined;
  /** Whether that is of a state: one of a branch that was given up leads nowhere. */
  readonly isOwn: boolean;
  /** The voters that the recovery names. */
  readonly to: VoterSet;
}

/** Two sets of voters, one after the other as far as is known: links alone told of the second. */
export interface HistoryStep {
  readonly before: VoterSet;
  readonly next: VoterSet;
}

/**
 * Who voted when, as far as this node can tell: out of its own state, which a verified log gave it,
 * and behind that by links of the trust chain. A node whose log is not as far as its anchor begins
 * at the anchor instead.
 */
export class VoterHistory {
  readonly #log: VoterHistoryLog;
  #anchor: VoterSet;
  /** Sets of the state, those that changed only learners left out. */
  #rows: VoterSet[] = [];
  #rowCount = 0;
  /** The last row that was read. */
  #lastRow: VoterSetRecord | undefined;
  /** Sets that links named, beyond what is applied here. */
  #ahead: VoterSet[] = [];
  /** The recovery among those to which no links have led yet. */
  #jumpedTo: VoterSet | undefined;

  constructor(log: VoterHistoryLog, anchor: VoterSet) {
    this.#log = log;
    const { index, voters } = anchor;
    // The first entry is of the first epoch; of later anchors the epoch is not known.
    this.#anchor = { index, voters, ...(index <= 1 ? { epoch: 0 } : {}) };
  }

  /** By rising index, at least one. */
  sets(): readonly VoterSet[] {
    const known = this.#known();
    const last = known.at(-1) ?? this.#anchor;
    if (this.#ahead.some((set) => !isBeyond(last, set))) {
      this.#ahead = this.#ahead.filter((set) => isBeyond(last, set));
    }
    const [first] = this.#ahead;
    if (first === undefined) return known;
    // What the state knows of the same indices is of a branch that was given up.
    const isBranch = this.#ahead.some((set) => set.isRecovered);
    const base = isBranch ? known.filter(({ index }) => index < first.index) : known;
    return [...base, ...this.#ahead];
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
    // The state may have got there while the link was written.
    if (set.index <= this.last().index) return;
    this.#ahead.push(set);
  }

  /**
   * The sets around an index, the first at or before it, when a link that was handed over by vote
   * told of the second: there may be others in between. The state has no such gaps.
   */
  step(index: number): HistoryStep | undefined {
    const sets = this.sets();
    const at = sets.findIndex((set) => set.index > index);
    const before = sets[at - 1];
    const next = sets[at];
    if (before === undefined || next === undefined || !this.#ahead.includes(next)) return undefined;
    return next.isRecovered === true ? undefined : { before, next };
  }

  /**
   * Links were verified that lead through these sets to one that links had told of before.
   *
   * @param isNeedless the last of them has the voters of `next`, and takes its place
   */
  insert(next: VoterSet, sets: readonly VoterSet[], isNeedless = false): void {
    const at = this.#ahead.indexOf(next);
    // The state may have got there while they were written.
    if (at >= 0) this.#ahead.splice(at, isNeedless ? 1 : 0, ...sets);
  }

  /**
   * A recovery was verified: the voters that it names follow on its own index. What links alone
   * have told until now may be of a branch that it gives up, even behind the place where it begins:
   * of two rivals one is. So it counts for nothing until links have led to this recovery.
   */
  recover(set: VoterSet & { readonly epoch: number }): void {
    // A later anchor than that vouches for it: whoever issued the invite had followed it.
    if (this.own().length === 0 && this.#anchor.index >= set.index) {
      this.#anchor = { ...this.#anchor, epoch: set.epoch };
      return;
    }
    this.#ahead = [set];
    this.#jumpedTo = set;
  }

  /** Links were verified that lead through these sets to the recovery of a gap. */
  fill({ to }: HistoryGap, sets: readonly VoterSet[]): void {
    if (this.#jumpedTo !== to) return;
    this.#ahead = [...sets, ...this.#ahead];
    this.#jumpedTo = undefined;
  }

  /** Undefined when all that is behind the last recovery is known. */
  gap(): HistoryGap | undefined {
    const to = this.#jumpedTo;
    if (to === undefined || !this.sets().includes(to)) return undefined;
    const own = this.own();
    const isOwn = own.length > 0;
    if (isOwn && this.#log.appliedIndex >= to.index - 1) return undefined;
    const before = own.filter(({ index }) => index < to.index);
    const begun = before.findLastIndex((set) => set.isRecovered);
    const base = before.at(begun > 0 ? begun - 1 : -1) ?? this.#anchor;
    return { base, isOwn, via: before[begun], to };
  }

  /** Whether nothing tells who signs the head of an index: it lies in a gap. */
  isUnknown(index: number): boolean {
    const gap = this.gap();
    if (gap === undefined || index >= gap.to.index) return false;
    return index > (gap.isOwn ? this.#log.appliedIndex : gap.base.index);
  }

  /** Whether what was verified for an index is so still: it is not when a recovery gave it up. */
  isInForce({ index, epoch }: { readonly index: number; readonly epoch: number }): boolean {
    if (this.isUnknown(index)) return false;
    const known = electorateAt(this.sets(), index).epoch;
    return known === undefined || known === epoch;
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
    // An installed state may be of another branch than the one before: later rows tell the epoch.
    const at = state.get('voterset', voterSetKey(this.#rowCount));
    if (at?.index !== this.#lastRow?.index || at?.recovery !== this.#lastRow?.recovery) {
      this.#rows = [];
      this.#rowCount = 0;
      this.#lastRow = undefined;
    }
    while (this.#rowCount < size) {
      const row = state.get('voterset', voterSetKey(this.#rowCount + 1));
      if (row === undefined) break;
      this.#rowCount++;
      this.#lastRow = row;
      const { index, voters, epoch = 0 } = row;
      const before = this.#rows.at(-1);
      const isRecovered = epoch > (before?.epoch ?? 0);
      if (isRecovered) this.#rows.push({ index, voters, epoch, isRecovered });
      else if (before === undefined || !isSameVoters(before.voters, voters)) {
        this.#rows.push({ index, voters, epoch });
      }
    }
    return this.#rows;
  }
}

/** Whether a set leads on from the last one that is known. */
function isBeyond(last: VoterSet, set: VoterSet): boolean {
  if (last.epoch !== undefined && set.epoch !== undefined && set.epoch !== last.epoch) {
    return set.epoch > last.epoch;
  }
  return set.index > last.index;
}

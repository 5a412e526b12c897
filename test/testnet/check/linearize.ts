import type { Operation } from '../history/index.ts';
import type { Model } from './model.ts';

/** What a search may cost. */
export interface Budget {
  /** Configurations (operations placed, state) that are kept: some 200 bytes each. */
  readonly configurationsMax: number;
  /** By `performance.now()`. */
  readonly deadlineMs: number;
}

/** Why no order of the operations explains what they answered. */
export interface Violation {
  readonly kind: 'violation';
  /** An order of what came before, as far as there is one: the longest prefix in time. */
  readonly prefix: readonly Operation[];
  /** The operation that has ended by then and fits nowhere. */
  readonly stuck: Operation;
  /** All states that the object can have had when it should have fitted; at most eight. */
  readonly states: readonly string[];
}

/** What a search came to. */
export type Verdict =
  | { readonly kind: 'ok' }
  | Violation
  | { readonly kind: 'undecided'; readonly reason: string };

/** An operation with its times as numbers; `end` is undefined when it may come at any time. */
interface Timed {
  readonly operation: Operation;
  readonly start: bigint;
  readonly end: bigint | undefined;
}

interface Frame<S> {
  readonly state: S;
  readonly candidates: readonly number[];
  /** The next candidate to try. */
  next: number;
  /** What was placed to come here; -1 for the first frame. */
  readonly placed: number;
}

const STATES_SHOWN_MAX = 8;
const CLOCK_EVERY = 1024;

/**
 * Whether the operations on one object are linearizable: each can be given a moment between its
 * start and its end at which it took effect, so that the object did what its model says. One that
 * is unknown (`ok: null`) has such a moment after its start, or none.
 *
 * The search of Wing and Gong ("Testing and Verifying Concurrent Objects", JPDC 1993) places one
 * operation after the other, and takes back what leads nowhere; with Lowe's memory ("Testing for
 * linearizability", CCPE 2017): a configuration, that is the operations placed and the state they
 * left, is looked at once. Histories of several objects are to be cut into one for each before
 * (Horn and Kroening, "Faster linearizability checking via P-compositionality", FORTE 2015); so
 * does Porcupine (Athalye, github.com/anishathalye/porcupine), whose search is the same.
 */
export function linearize<S>(
  operations: readonly Operation[],
  model: Model<S>,
  budget: Budget,
): Verdict {
  return new Search(operations, model, budget).run();
}

class Search<S> {
  readonly #model: Model<S>;
  readonly #budget: Budget;
  /** Those with an end, by start, then those without: a place in it is an operation's number. */
  readonly #all: readonly Timed[];
  readonly #endedCount: number;
  readonly #isPlaced: boolean[];
  /** All that ended and stand before it are placed. */
  #low = 0;
  readonly #stack: Frame<S>[] = [];
  readonly #seen = new Set<string>();
  #steps = 0;
  /** The end that no order has come past yet, and whose it is. */
  #furthest: { readonly end: bigint; readonly stuck: Operation } | undefined;
  #prefix: readonly Operation[] = [];
  readonly #states = new Set<string>();

  constructor(operations: readonly Operation[], model: Model<S>, budget: Budget) {
    this.#model = model;
    this.#budget = budget;
    const timed = operations.map(toTimed).sort(byStart);
    const ended = timed.filter(({ end }) => end !== undefined);
    this.#endedCount = ended.length;
    this.#all = [...ended, ...timed.filter(({ end }) => end === undefined)];
    this.#isPlaced = this.#all.map(() => false);
  }

  run(): Verdict {
    this.#push(this.#model.initial, -1);
    for (;;) {
      const frame = this.#stack.at(-1);
      if (frame === undefined) return this.#violation();
      if (this.#low === this.#endedCount) return { kind: 'ok' };
      const reason = this.#exhausted();
      if (reason !== undefined) return { kind: 'undecided', reason };
      const candidate = frame.candidates[frame.next];
      frame.next += 1;
      if (candidate === undefined) this.#back(frame);
      else this.#try(frame, candidate);
    }
  }

  #try({ state }: Frame<S>, candidate: number): void {
    const { operation, end } = this.#at(candidate);
    const next = this.#model.step(state, operation);
    if (next === undefined) return;
    // What may have happened or not, and changes nothing, need not have happened.
    const text = this.#model.textOf(next);
    if (end === undefined && text === this.#model.textOf(state)) return;
    this.#place(candidate);
    const configuration = `${this.#placedText()}|${text}`;
    if (this.#seen.has(configuration)) {
      this.#unplace(candidate);
      return;
    }
    this.#seen.add(configuration);
    this.#push(next, candidate);
  }

  /** What leads nowhere is taken back; where it ended is remembered for the witness. */
  #back({ state, placed }: Frame<S>): void {
    this.#noteDeadEnd(state);
    this.#stack.pop();
    if (placed >= 0) this.#unplace(placed);
  }

  #push(state: S, placed: number): void {
    const all = this.#candidates();
    const silent = all.find((it) => this.#isSilent(state, it));
    const candidates = silent === undefined ? all : [silent];
    this.#stack.push({ state, candidates, next: 0, placed });
  }

  /**
   * Whether it only looks, and sees what is here. In any order that goes on from here it can stand
   * first as well, so that no other need be tried. (What writes the value that stands here already
   * may be needed later.)
   */
  #isSilent(state: S, candidate: number): boolean {
    const { operation, end } = this.#at(candidate);
    if (end === undefined || !this.#model.isLook(operation)) return false;
    const next = this.#model.step(state, operation);
    return next !== undefined && this.#model.textOf(next) === this.#model.textOf(state);
  }

  /**
   * Those that can be next: they begin before any other that is not placed has ended. What is
   * unknown comes last: mostly it is not needed.
   */
  #candidates(): readonly number[] {
    const found: number[] = [];
    let firstEnd: bigint | undefined;
    for (let i = this.#low; i < this.#endedCount; i++) {
      if (this.#isPlaced[i]) continue;
      const { start, end } = this.#at(i);
      if (firstEnd !== undefined && start > firstEnd) break;
      if (end !== undefined && (firstEnd === undefined || end < firstEnd)) firstEnd = end;
      found.push(i);
    }
    if (firstEnd === undefined) return found;
    for (let i = this.#endedCount; i < this.#all.length; i++) {
      if (this.#at(i).start > firstEnd) break;
      if (!this.#isPlaced[i]) found.push(i);
    }
    return found;
  }

  #noteDeadEnd(state: S): void {
    const stuck = this.#firstToEnd();
    if (stuck?.end === undefined) return;
    const before = this.#furthest?.end;
    if (before !== undefined && stuck.end < before) return;
    if (before === undefined || stuck.end > before) {
      this.#furthest = { end: stuck.end, stuck: stuck.operation };
      this.#states.clear();
      const placed = this.#stack.map((frame) => frame.placed).filter((it) => it >= 0);
      this.#prefix = placed.map((it) => this.#at(it).operation);
    }
    if (this.#states.size < STATES_SHOWN_MAX) this.#states.add(this.#model.textOf(state));
  }

  /** Of those that are not placed, the one that ends first. */
  #firstToEnd(): Timed | undefined {
    let first: Timed | undefined;
    for (let i = this.#low; i < this.#endedCount; i++) {
      if (this.#isPlaced[i]) continue;
      const timed = this.#at(i);
      if (first?.end !== undefined && timed.start > first.end) break;
      const isSooner = first?.end === undefined || (timed.end ?? first.end) < first.end;
      if (isSooner) first = timed;
    }
    return first;
  }

  #violation(): Violation {
    if (this.#furthest === undefined) throw new Error('a search ended nowhere');
    const { stuck } = this.#furthest;
    return { kind: 'violation', prefix: this.#prefix, stuck, states: [...this.#states] };
  }

  #exhausted(): string | undefined {
    const { configurationsMax, deadlineMs } = this.#budget;
    if (this.#seen.size > configurationsMax) return `more than ${configurationsMax} configurations`;
    this.#steps += 1;
    const isLate = this.#steps % CLOCK_EVERY === 0 && performance.now() > deadlineMs;
    return isLate ? `out of time after ${this.#seen.size} configurations` : undefined;
  }

  #place(i: number): void {
    this.#isPlaced[i] = true;
    while (this.#low < this.#endedCount && this.#isPlaced[this.#low]) this.#low += 1;
  }

  #unplace(i: number): void {
    this.#isPlaced[i] = false;
    if (i < this.#low) this.#low = i;
  }

  /** What is placed: all before `low`, and these. */
  #placedText(): string {
    const low = this.#low;
    let text = String(low);
    // What was placed before `low` began before it ended.
    const end = low < this.#endedCount ? this.#at(low).end : undefined;
    for (let i = low + 1; i < this.#endedCount; i++) {
      if (end === undefined || this.#at(i).start > end) break;
      if (this.#isPlaced[i]) text += `,${i}`;
    }
    for (let i = this.#endedCount; i < this.#all.length; i++) {
      if (this.#isPlaced[i]) text += `,${i}`;
    }
    return text;
  }

  #at(i: number): Timed {
    const timed = this.#all[i];
    if (timed === undefined) throw new RangeError(`no operation ${i}`);
    return timed;
  }
}

const byStart = (a: Timed, b: Timed): number =>
  a.start < b.start ? -1 : Number(a.start > b.start);

function toTimed(operation: Operation): Timed {
  const { startNs, endNs } = operation;
  return {
    operation,
    start: BigInt(startNs),
    end: endNs === null ? undefined : BigInt(endNs),
  };
}

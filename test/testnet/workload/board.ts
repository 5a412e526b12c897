import type { SimRandom } from '../../sim/world/random.ts';

/** A call that humans race for. */
export interface BoardCall {
  readonly id: string;
  /** The node that asked: there it can be withdrawn. */
  readonly node: string;
  /** How often somebody may still do something to it, until it is to be withdrawn. */
  usesLeft: number;
  /** When its end is to come, by `performance.now()`, whatever is left. */
  readonly endMs: number;
  /** The last claim that somebody has heard of. */
  fence: number;
}

/** A submission or an agent that a client has handed in. */
export interface Entry {
  readonly kind: 'submission' | 'agent';
  /** Address of the submission, model of the agent. */
  readonly key: string;
  readonly node: string;
  /** Once it is known: the id of the submission, the token of the agent. */
  id?: string;
  isCommitted: boolean;
}

const SETTLED_KEPT = 8;
const USES_MIN = 6;
const USES_MAX = 30;
/** Long before a claim lapses (15 min), which the check knows nothing of. */
const LIFE_MS_MAX = 60_000;

/** What all clients of a workload know of each other's doings. */
export class Board {
  /** Calls that are not known to be settled. */
  readonly calls = new Map<string, BoardCall>();
  readonly entries: Entry[] = [];
  /** The last that were settled: what is settled is to stay so, whoever presses. */
  readonly settled: BoardCall[] = [];
  readonly #callsAtOnce: number;
  readonly #random: SimRandom;

  constructor(callsAtOnce: number, random: SimRandom) {
    this.#callsAtOnce = callsAtOnce;
    this.#random = random;
  }

  /** Calls that are raced for. */
  get live(): readonly BoardCall[] {
    return [...this.calls.values()].filter((call) => !isOver(call));
  }

  get wantsCall(): boolean {
    return this.live.length < this.#callsAtOnce;
  }

  settle(call: BoardCall): void {
    if (!this.calls.delete(call.id)) return;
    this.settled.push(call);
    if (this.settled.length > SETTLED_KEPT) this.settled.shift();
  }

  addCall(id: string, node: string): void {
    const usesLeft = this.#random.integer(USES_MIN, USES_MAX);
    const endMs = performance.now() + LIFE_MS_MAX;
    this.calls.set(id, { id, node, usesLeft, endMs, fence: 0 });
  }

  /** Calls of a node that have been raced for long enough. */
  over(node: string): BoardCall | undefined {
    return [...this.calls.values()].find((call) => call.node === node && isOver(call));
  }

  /** One that some client handed in and that has an id; the latest more often than others. */
  known(kind: Entry['kind'], random: SimRandom): Entry | undefined {
    const known = this.entries.filter((entry) => entry.kind === kind && entry.id !== undefined);
    if (known.length === 0) return undefined;
    const back = Math.min(known.length - 1, Math.floor(random.exponential(8)));
    return known.at(-1 - back);
  }

  /** One of a node that is not known to be committed. */
  pending(node: string): Entry | undefined {
    return this.entries.find((entry) => entry.node === node && !entry.isCommitted);
  }

  /** How many of a kind were handed in. */
  count(kind: Entry['kind']): number {
    return this.entries.filter((entry) => entry.kind === kind).length;
  }
}

const isOver = ({ usesLeft, endMs }: BoardCall): boolean =>
  usesLeft <= 0 || performance.now() > endMs;

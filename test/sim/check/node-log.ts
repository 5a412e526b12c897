import type { Branch, Held } from './branch.ts';

/** An entry as the book knows it. */
export interface BookEntry {
  readonly term: number;
  readonly bytes: Uint8Array;
}

/** Where a log begins: the place of a state that stands for all before it. */
export interface LogBase {
  readonly index: number;
  readonly term?: number;
}

/** The log of one node: what it holds at each index behind its base, durable or not. */
export class NodeLog {
  base = 0;
  /** Digest of all up to and including each index; the first one is the base's. */
  chains: number[] = [0];
  terms: number[] = [0];
  commit = 0;
  /** What the node goes by until it has taken over the state that its disk begins with by now. */
  former: NodeLog | undefined;
  /** From here on it does not fit what it says it is: pulled, and never to be committed. */
  misfit: number | undefined;
  /** The branch of the base, and where others begin. */
  readonly #turns: { readonly index: number; readonly branch: Branch }[];

  constructor(first: Branch) {
    this.#turns = [{ index: 0, branch: first }];
  }

  get last(): number {
    return this.base + this.chains.length - 1;
  }

  get lastChain(): number {
    return this.chains.at(-1) ?? 0;
  }

  chainAt(index: number): number | undefined {
    return this.chains[index - this.base];
  }

  termAt(index: number): number | undefined {
    return this.terms[index - this.base];
  }

  /** What is held behind an index, from first to last. */
  behind(index: number): readonly Held[] {
    const at = index - this.base + 1;
    return this.chains.slice(at).map((chain, i) => ({ chain, term: this.terms[at + i] ?? 0 }));
  }

  /** The branch that the entry at an index was written in. */
  branchAt(index: number): Branch {
    let at = this.#turns.length - 1;
    while (at > 0 && (this.#turns[at]?.index ?? 0) > index) at--;
    return (this.#turns[at] as { readonly branch: Branch }).branch;
  }

  /** Another branch begins with the next entry. */
  turn(branch: Branch): void {
    this.#turns.push({ index: this.last + 1, branch });
  }

  push(term: number, chain: number): void {
    this.chains.push(chain);
    this.terms.push(term);
  }

  cut(from: number): void {
    this.chains.length = from - this.base;
    this.terms.length = from - this.base;
    if (this.misfit !== undefined && this.misfit >= from) this.misfit = undefined;
    while (this.#turns.length > 1 && (this.#turns.at(-1)?.index ?? 0) >= from) this.#turns.pop();
  }

  /** Begins behind a state, with nothing. */
  rebase(base: Required<LogBase>, chain: number, branch: Branch): void {
    this.base = base.index;
    this.chains = [chain];
    this.terms = [base.term];
    this.commit = Math.max(this.commit, base.index);
    this.misfit = undefined;
    this.#turns.splice(0, this.#turns.length, { index: 0, branch });
  }
}

/** 53 bits of (what came before, term, bytes). */
export function chained(before: number, term: number, bytes: Uint8Array): number {
  let a = (0xdeadbeef ^ before) >>> 0;
  let b = (0x41c6ce57 ^ Math.floor(before / 2 ** 32) ^ term) >>> 0;
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 2_654_435_761);
    b = Math.imul(b ^ byte, 1_597_334_677);
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909);
  return 2 ** 32 * (b & 0x1fffff) + (a >>> 0);
}

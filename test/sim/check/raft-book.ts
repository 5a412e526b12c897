import { Violation } from '../world/world.ts';

/** An entry as the book knows it. */
export interface BookEntry {
  readonly term: number;
  readonly bytes: Uint8Array;
}

/** The log of one node: what it holds at each index behind its base, durable or not. */
class NodeLog {
  base = 0;
  /** Digest of all up to and including each index; the first one is the base's. */
  chains: number[] = [0];
  terms: number[] = [0];
  commit = 0;

  get last(): number {
    return this.base + this.chains.length - 1;
  }

  chainAt(index: number): number | undefined {
    return this.chains[index - this.base];
  }

  termAt(index: number): number | undefined {
    return this.terms[index - this.base];
  }
}

interface Commit {
  readonly chain: number;
  readonly term: number;
  readonly by: string;
}

/**
 * What must always hold of Raft (Ongaro and Ousterhout 2014, figure 3), checked over all nodes as
 * they act: election safety, log matching, leader completeness, state machine safety; and that a
 * commit index never goes back.
 */
export class RaftBook {
  readonly #leaders = new Map<number, string>();
  readonly #logs = new Map<string, NodeLog>();
  /** Log matching: entries of one index and term stand behind the same log. */
  readonly #chains = new Map<string, number>();
  readonly #commits: (Commit | undefined)[] = [];
  #highest = 0;
  #elections = 0;

  /** The highest index that any node has called committed. */
  get commit(): number {
    return this.#highest;
  }

  get elections(): number {
    return this.#elections;
  }

  get termMax(): number {
    return Math.max(0, ...this.#leaders.keys());
  }

  /** Up to where this node has called the log committed since its start. */
  commitOf(node: string): number {
    return this.#logs.get(node)?.commit ?? 0;
  }

  lastOf(node: string): number {
    return this.#logs.get(node)?.last ?? 0;
  }

  /** Term of what was committed at an index. */
  committedTerm(index: number): number | undefined {
    return this.#commits[index]?.term;
  }

  /**
   * A node has started with this on its disk, behind a base whose term is given.
   */
  started(
    node: string,
    base: { readonly index: number; readonly term: number },
    entries: readonly BookEntry[],
  ): void {
    const log = new NodeLog();
    this.#logs.set(node, log);
    this.#rebase(node, log, base);
    this.appended(node, base.index + 1, entries);
  }

  /** A node goes on behind a state that it fetched. */
  restored(
    node: string,
    base: { readonly index: number; readonly term: number },
    entries: readonly BookEntry[],
  ): void {
    const log = this.#log(node);
    if (base.index < log.commit) {
      throw new Violation('commit-never-back', `${node} installs a state at ${base.index}`);
    }
    this.#rebase(node, log, base);
    this.appended(node, base.index + 1, entries);
  }

  appended(node: string, first: number, entries: readonly BookEntry[]): void {
    const log = this.#log(node);
    let index = first;
    if (entries.length > 0 && first !== log.last + 1) {
      throw new Violation('log-without-holes', `${node} appends ${first} behind ${log.last}`);
    }
    for (const { term, bytes } of entries) {
      const chain = chained(log.chains.at(-1) ?? 0, term, bytes);
      const key = `${index}/${term}`;
      const known = this.#chains.get(key);
      if (known !== undefined && known !== chain) {
        throw new Violation('log-matching', `${node} has another log up to ${key}`);
      }
      this.#chains.set(key, chain);
      log.chains.push(chain);
      log.terms.push(term);
      index++;
    }
  }

  truncated(node: string, from: number): void {
    const log = this.#log(node);
    if (from <= log.commit) {
      throw new Violation('commit-never-back', `${node} cuts ${from}, committed ${log.commit}`);
    }
    log.chains.length = from - log.base;
    log.terms.length = from - log.base;
  }

  /** A node says that it leads a term. */
  leads(node: string, term: number): void {
    const known = this.#leaders.get(term);
    if (known === node) return;
    if (known !== undefined) {
      throw new Violation('election-safety', `${node} and ${known} lead term ${term}`);
    }
    this.#leaders.set(term, node);
    this.#elections++;
    this.#assertComplete(node, term);
  }

  /** A node calls the log committed up to `index`. */
  committed(node: string, index: number): void {
    const log = this.#log(node);
    if (index === log.commit) return;
    if (index < log.commit) {
      throw new Violation('commit-never-back', `${node} goes from ${log.commit} to ${index}`);
    }
    if (index > log.last) {
      throw new Violation('commit-is-held', `${node} commits ${index}, holds ${log.last}`);
    }
    for (let at = Math.max(log.commit, log.base) + 1; at <= index; at++) {
      const chain = log.chainAt(at) ?? 0;
      const term = log.termAt(at) ?? 0;
      const known = this.#commits[at];
      if (known === undefined) this.#commits[at] = { chain, term, by: node };
      else if (known.chain !== chain) {
        const both = `${known.by} (term ${known.term}) and ${node} (term ${term})`;
        throw new Violation('state-machine-safety', `${both} differ at ${at}`);
      }
    }
    log.commit = index;
    this.#highest = Math.max(this.#highest, index);
  }

  /** A read that began when `floor` was committed must see it. */
  read(node: string, index: number, floor: number): void {
    if (index < floor) {
      throw new Violation('linearizable-reads', `${node} reads at ${index}, committed ${floor}`);
    }
  }

  #assertComplete(node: string, term: number): void {
    const log = this.#log(node);
    for (let at = this.#highest; at > log.base; at--) {
      const commit = this.#commits[at];
      // Committed by a later term's leader before the news of this election came through.
      if (commit === undefined || commit.term >= term) continue;
      if (log.chainAt(at) !== commit.chain) {
        const lacks = `${node} leads term ${term} without ${at} of term ${commit.term}`;
        throw new Violation('leader-completeness', `${lacks}, committed by ${commit.by}`);
      }
      return;
    }
  }

  #rebase(
    node: string,
    log: NodeLog,
    base: { readonly index: number; readonly term: number },
  ): void {
    const chain =
      base.index === 0
        ? 0
        : (this.#commits[base.index]?.chain ?? this.#chains.get(`${base.index}/${base.term}`));
    if (chain === undefined) {
      throw new Violation('state-machine-safety', `${node} has a state at ${base.index}`);
    }
    log.base = base.index;
    log.chains = [chain];
    log.terms = [base.term];
    log.commit = Math.max(log.commit, base.index);
  }

  #log(node: string): NodeLog {
    const log = this.#logs.get(node);
    if (log === undefined) throw new Violation('harness', `${node} was not started`);
    return log;
  }
}

/** 53 bits of (what came before, term, bytes). */
function chained(before: number, term: number, bytes: Uint8Array): number {
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

import { Violation } from '../world/world.ts';
import { Branch } from './branch.ts';
import { type BookEntry, chained, type LogBase, NodeLog } from './node-log.ts';

/** What the book must be told where a recovery can lead on to another history of the log. */
export interface BookInit {
  /** The recovery in an entry; undefined when it is another entry. */
  readonly recoveryIn: (
    bytes: Uint8Array,
  ) => { readonly id: string; readonly epoch: number } | undefined;
  /** The node follows by pull: the end of its log is not proved. */
  readonly isPulling: (node: string) => boolean;
}

/** A start whose base was not found in a history yet. */
interface Unplaced {
  readonly base: LogBase;
  entries: BookEntry[];
}

const NO_RECOVERY: BookInit = {
  recoveryIn: () => undefined,
  isPulling: () => false,
};

/**
 * What must always hold of Raft (Ongaro and Ousterhout 2014, figure 3), checked over all nodes as
 * they act: election safety, log matching, leader completeness, state machine safety; and that a
 * commit index never goes back. All of it within each branch that recoveries led on to.
 */
export class RaftBook {
  readonly #init: BookInit;
  readonly #first = new Branch({ id: '', epoch: 0, shared: 0, fork: 0, forkChain: 0 });
  readonly #branches = new Map([['', this.#first]]);
  readonly #logs = new Map<string, NodeLog>();
  readonly #unplaced = new Map<string, Unplaced>();
  #elections = 0;
  #highest = 0;

  constructor(init: BookInit = NO_RECOVERY) {
    this.#init = init;
  }

  /** The highest index that any node has called committed, in whatever branch. */
  get commit(): number {
    return this.#highest;
  }

  get elections(): number {
    return this.#elections;
  }

  get branches(): Iterable<Branch> {
    return this.#branches.values();
  }

  /** The branch that a recovery began; undefined while it is in no log. */
  branch(id: string): Branch | undefined {
    return this.#branches.get(id);
  }

  /** The branches of an epoch: first those that these are, or go back to. */
  ofEpoch(epoch: number, near: readonly Branch[]): readonly Branch[] {
    const all = [...near.map((it) => it.ofEpoch(epoch)), ...this.#branches.values()];
    return [...new Set(all.filter((it) => it.epoch === epoch))];
  }

  /** The branch of what a node has called committed last. */
  branchOf(node: string): Branch {
    const log = this.#spokenOf(node);
    return log.branchAt(Math.max(log.commit, log.base));
  }

  /** Up to where this node has called the log committed since its start. */
  commitOf(node: string): number {
    return this.#logs.get(node)?.commit ?? 0;
  }

  /** The last index that a node holds no more, or never did. */
  baseOf(node: string): number {
    return this.#unplaced.get(node)?.base.index ?? this.#logs.get(node)?.base ?? 0;
  }

  lastOf(node: string): number {
    const waiting = this.#unplaced.get(node);
    if (waiting !== undefined) return waiting.base.index + waiting.entries.length;
    return this.#logs.get(node)?.last ?? 0;
  }

  /** Term of what was committed at an index. */
  committedTerm(index: number): number | undefined {
    return this.#first.commitAt(index)?.term;
  }

  /**
   * The last index up to which a node holds what is committed in a branch.
   *
   * @param termOf the term of an entry on its disk: the book hears of a write before the disk does,
   * and what that did not take (it was full) was never held, though others may have committed it
   */
  heldOf(node: string, branch: Branch, termOf: (index: number) => number | undefined): number {
    const log = this.#log(node);
    const isHeld = (at: number): boolean =>
      termOf(at) === log.termAt(at) && branch.commitAt(at)?.chain === log.chainAt(at);
    let index = Math.min(log.last, branch.highest);
    while (index > log.base && !isHeld(index)) index--;
    return index;
  }

  /** Digest of all that a node holds up to an index; undefined where it holds that no more. */
  chainOf(node: string, index: number): number | undefined {
    return this.#log(node).chainAt(index);
  }

  /** Whether a node still holds what it held up to an index. */
  isHeld(node: string, index: number, chain: number | undefined): boolean {
    const log = this.#log(node);
    return index < log.base || log.chainAt(index) === chain;
  }

  /**
   * A node has started with this on its disk, behind a base.
   *
   * @param branch of the base; when that is not known it must be told before anything else
   */
  started(node: string, base: LogBase, entries: readonly BookEntry[], branch?: string): void {
    this.#logs.set(node, new NodeLog(this.#first));
    this.#unplaced.set(node, { base, entries: [...entries] });
    this.place(node, this.#isCommon(base.index) ? '' : branch);
  }

  /** Tells which branch the state of a node is of that has started. */
  place(node: string, id: string | undefined): void {
    const waiting = this.#unplaced.get(node);
    const branch = id === undefined ? undefined : this.#branches.get(id);
    if (waiting === undefined || branch === undefined) return;
    this.#unplaced.delete(node);
    const log = this.#log(node);
    this.#rebase(node, log, { base: waiting.base, branch });
    const isProved = this.#branches.size === 1;
    for (const entry of waiting.entries) this.#append(node, log, { entry, isProved });
  }

  /**
   * The disk of a running node begins with a state that it fetched.
   *
   * @param branch of the state
   */
  restored(node: string, base: LogBase, entries: readonly BookEntry[], branch?: string): void {
    if (!this.#unplaced.has(node) && base.index < this.#spokenOf(node).commit) {
      throw new Violation('commit-never-back', `${node} installs a state at ${base.index}`);
    }
    this.reopened(node, base, entries, branch);
  }

  /**
   * A running node looked at its disk anew, and this is there: all that it called committed.
   *
   * @param branch of a base that is not in the log as it was
   */
  reopened(node: string, base: LogBase, entries: readonly BookEntry[], branch?: string): void {
    const isPlaced = !this.#unplaced.has(node);
    const before = this.#log(node);
    const spoken = this.#spokenOf(node);
    const isOwn = isPlaced && base.index >= before.base && base.index <= before.last;
    // What another history has at the base is no matter: this one may have gone on with less.
    const own = before.branchAt(Math.max(spoken.commit, base.index));
    this.started(node, base, entries, isOwn ? own.id : branch);
    // Nothing was said yet.
    if (!isPlaced) return;
    const log = this.#log(node);
    // The log is cut before the state is loaded. Until it is, the node speaks of the log that it
    // had, which is no step back: it has not called the state's index committed yet.
    if (base.index > spoken.commit) log.former = spoken;
    else this.#advance(node, log, spoken.commit);
  }

  appended(node: string, first: number, entries: readonly BookEntry[]): void {
    const waiting = this.#unplaced.get(node);
    if (waiting !== undefined) {
      waiting.entries.push(...entries);
      return;
    }
    const log = this.#log(node);
    if (entries.length > 0 && first !== log.last + 1) {
      throw new Violation('log-without-holes', `${node} appends ${first} behind ${log.last}`);
    }
    const isProved = this.#branches.size === 1 || !this.#init.isPulling(node);
    for (const entry of entries) this.#append(node, log, { entry, isProved });
  }

  truncated(node: string, from: number): void {
    const waiting = this.#unplaced.get(node);
    if (waiting !== undefined) {
      waiting.entries.length = Math.max(0, from - waiting.base.index - 1);
      return;
    }
    const log = this.#log(node);
    if (from <= log.commit) {
      throw new Violation('commit-never-back', `${node} cuts ${from}, committed ${log.commit}`);
    }
    log.cut(from);
  }

  /** A node says that it leads a term. */
  leads(node: string, term: number): void {
    const log = this.#log(node);
    const branch = log.branchAt(log.last);
    const known = branch.leaders.get(term);
    if (known === node) return;
    if (known !== undefined) {
      throw new Violation('election-safety', `${node} and ${known} lead term ${term}`);
    }
    branch.leaders.set(term, node);
    this.#elections++;
    this.#assertComplete(node, { term, log, branch });
  }

  /** A node calls the log committed up to `index`. */
  committed(node: string, index: number): void {
    const log = this.#log(node);
    if (log.former !== undefined && index < this.baseOf(node)) {
      this.#advance(node, log.former, index);
      return;
    }
    log.former = undefined;
    this.#advance(node, log, index);
  }

  /** A read that began when `floor` was committed must see it. */
  read(node: string, index: number, floor: number): void {
    if (index < floor) {
      throw new Violation('linearizable-reads', `${node} reads at ${index}, committed ${floor}`);
    }
  }

  #advance(node: string, log: NodeLog, index: number): void {
    if (index === log.commit) return;
    if (index < log.commit) {
      throw new Violation('commit-never-back', `${node} goes from ${log.commit} to ${index}`);
    }
    if (index > log.last) {
      throw new Violation('commit-is-held', `${node} commits ${index}, holds ${log.last}`);
    }
    if (log.misfit !== undefined && index >= log.misfit) {
      throw new Violation('log-matching', `${node} commits what follows from another log`);
    }
    const branch = log.branchAt(index);
    // A leader commits an entry of its own term, and older ones with it (section 5.4.2): those were
    // committed in that term, whatever theirs is.
    const inTerm = log.termAt(index) ?? 0;
    for (let at = Math.max(log.commit, log.base) + 1; at <= index; at++) {
      const chain = log.chainAt(at) ?? 0;
      const term = log.termAt(at) ?? 0;
      const known = branch.commitAt(at);
      if (known === undefined) branch.commit(at, { chain, term, inTerm, by: node });
      else if (known.chain !== chain) {
        const both = `${known.by} (term ${known.term}) and ${node} (term ${term})`;
        throw new Violation('state-machine-safety', `${both} differ at ${at}`);
      }
    }
    log.commit = index;
    branch.highest = Math.max(branch.highest, index);
    this.#highest = Math.max(this.#highest, index);
  }

  #append(
    node: string,
    log: NodeLog,
    { entry, isProved }: { readonly entry: BookEntry; readonly isProved: boolean },
  ): void {
    const { term, bytes } = entry;
    const index = log.last + 1;
    const recovery = this.#init.recoveryIn(bytes);
    const fits = recovery === undefined || this.#turn(log, recovery);
    const chain = chained(log.lastChain, term, bytes);
    const { chains } = log.branchAt(index);
    const key = keyOf(index, term);
    const known = chains.get(key);
    if (!fits || (known !== undefined && known !== chain)) {
      if (isProved) {
        throw new Violation('log-matching', `${node} has another log up to ${index}/${term}`);
      }
      log.misfit ??= index;
    } else if (log.misfit === undefined && known === undefined) chains.set(key, chain);
    log.push(term, chain);
  }

  /** The next entry is a recovery. @returns false when it is one of another log */
  #turn(log: NodeLog, { id, epoch }: { readonly id: string; readonly epoch: number }): boolean {
    let branch = this.#branches.get(id);
    if (branch === undefined) {
      const parent = log.branchAt(log.last);
      const { commit: shared, last: fork, lastChain: forkChain } = log;
      const inherited = log.behind(shared);
      branch = new Branch({ id, epoch, parent, shared, inherited, fork, forkChain });
      this.#branches.set(id, branch);
    }
    const { fork, forkChain } = branch;
    const fits = fork === log.last && forkChain === log.lastChain;
    log.turn(branch);
    return fits;
  }

  #assertComplete(
    node: string,
    led: { readonly term: number; readonly log: NodeLog; readonly branch: Branch },
  ): void {
    const { term, log, branch } = led;
    for (let at = branch.highest; at > log.base; at--) {
      const commit = branch.commitAt(at);
      // Committed by a later term's leader before the news of this election came through.
      if (commit === undefined || commit.inTerm >= term) continue;
      if (log.chainAt(at) !== commit.chain) {
        const lacks = `${node} leads term ${term} without ${at} of term ${commit.term}`;
        throw new Violation('leader-completeness', `${lacks}, committed by ${commit.by}`);
      }
      return;
    }
  }

  /** All histories are the same up to there. */
  #isCommon(index: number): boolean {
    for (const { parent, shared } of this.#branches.values()) {
      if (parent !== undefined && index > shared) return false;
    }
    return true;
  }

  #rebase(
    node: string,
    log: NodeLog,
    { base, branch }: { readonly base: LogBase; readonly branch: Branch },
  ): void {
    const { index } = base;
    const known = branch.heldAt(index);
    const term = base.term ?? known?.term ?? 0;
    const writer = branch.writer(index);
    const chain = index === 0 ? 0 : (known?.chain ?? writer.chains.get(keyOf(index, term)));
    if (chain === undefined) {
      throw new Violation('state-machine-safety', `${node} has a state at ${index}`);
    }
    log.rebase({ index, term }, chain, writer);
  }

  /** The log by which a node says what is committed. */
  #spokenOf(node: string): NodeLog {
    const log = this.#log(node);
    return log.former ?? log;
  }

  #log(node: string): NodeLog {
    const log = this.#logs.get(node);
    if (log === undefined) throw new Violation('harness', `${node} was not started`);
    return log;
  }
}

/** Terms of a simulation stay far below what this has room for. */
function keyOf(index: number, term: number): number {
  return index * 2 ** 26 + term;
}

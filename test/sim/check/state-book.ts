import type { AgentRecord } from '../../../protocols/interface/index.ts';
import { type AppliedEntry, decodeHead } from '../../../protocols/slurp/index.ts';
import { toHex } from '../../../protocols/wire/index.ts';
import { Violation } from '../world/world.ts';
import type { Branch } from './branch.ts';
import { History, type Said } from './history.ts';

/** A fact of an index, as a node tells it. */
interface Fact {
  readonly index: number;
  readonly what: string;
  readonly by: string;
}

/**
 * What must always hold of the replicated state, within each branch of the log: the same log and
 * the same outcomes everywhere, every command applied once, no two heads that a majority signed for
 * one index.
 */
export class StateBook {
  readonly #histories = new Map<Branch, History>();
  /** Commands that their node has called accepted, with that node. */
  readonly #accepted = new Map<string, string>();
  /** Those of them that nobody has any more who could hand them in. */
  readonly #forgotten = new Set<string>();
  /** How far each node has come in each history. */
  readonly #reached = new Map<string, Map<History, number>>();
  /** What tokens and numbers stand for. */
  readonly #named = new Map<string, string>();
  readonly #isSingleUse = new Set<string>();
  readonly #kinds = new Set<string>();

  /** Kinds of commands that were applied and not refused. */
  get kinds(): readonly string[] {
    return [...this.#kinds];
  }

  get acceptedCount(): number {
    return this.#accepted.size;
  }

  /** Accepted commands that a branch has not decided, and that it still should. */
  undecided(branch: Branch): readonly string[] {
    const history = this.#history(branch);
    return [...this.#accepted.keys()].filter(
      (id) =>
        !this.#forgotten.has(id) && history.decision(id) === undefined && !this.#isGivenUp(id),
    );
  }

  originOf(id: string): string | undefined {
    return this.#accepted.get(id);
  }

  /** A node lost its disk: what waited on it is gone. */
  forget(by: string): void {
    for (const [id, origin] of this.#accepted) if (origin === by) this.#forgotten.add(id);
  }

  accepted(id: string, by: string): void {
    this.#accepted.set(id, by);
  }

  applied(by: string, branch: Branch, entry: AppliedEntry): void {
    const { index, decisions } = entry;
    const history = this.#history(branch);
    const owner = history.owner(index);
    const told = decisions.map(({ command, outcome }) => [
      command.id,
      outcome.ok ? 'ok' : outcome.code,
    ]);
    const what = JSON.stringify([told, entry.term, entry.timeMs]);
    this.#same('same-outcomes', owner.outcomes, { index, what, by });
    this.#reach(by, history, index);
    if (index > owner.last) {
      owner.tell(entry);
      owner.calls.applied(entry);
    }
    for (const { command, outcome } of decisions) {
      const known = history.decision(command.id);
      if (known !== undefined && known.index !== index) {
        const where = `${known.index} (${known.by}) and ${index} (${by})`;
        throw new Violation('applied-once', `command ${command.kind} is decided at ${where}`);
      }
      owner.decided.set(command.id, { index, by });
      if (!outcome.ok) continue;
      this.#kinds.add(command.kind);
      if (outcome.events !== undefined) this.#effects(owner, command, index);
    }
  }

  /** The Merkle root of a node's applied log. */
  root(by: string, branch: Branch, { index, root }: { index: number; root: Uint8Array }): void {
    const history = this.#history(branch);
    this.#reach(by, history, index);
    this.#same('equal-roots', history.owner(index).roots, { index, what: toHex(root), by });
  }

  /**
   * A head that a node takes for signed by a majority.
   *
   * @param branches what it may be of: it must be true of one of them
   * @returns that one
   */
  head(by: string, branches: readonly Branch[], bytes: Uint8Array): Branch {
    const { index, root, stateCid } = decodeHead(bytes).head;
    const what = toHex(root);
    let problem: Violation | undefined;
    for (const branch of branches) {
      const { heads, roots, states } = this.#history(branch).owner(index);
      const known = heads.get(index) ?? roots.get(index);
      if (index > branch.highest) {
        const beyond = `a head at ${index}, committed is ${branch.highest}`;
        problem ??= new Violation('heads-are-committed', beyond);
      } else if (known !== undefined && known.what !== what) {
        const both = `${known.by} and ${by} know two at ${index}`;
        problem ??= new Violation('one-head-an-index', both);
      } else {
        heads.set(index, { what, by });
        if (stateCid !== undefined) {
          this.#same('equal-states', states, { index, what: stateCid, by });
        }
        return branch;
      }
    }
    throw problem ?? new Violation('heads-are-committed', `a head at ${index}, of no log`);
  }

  /** A node must not forget the last term that it signed in: it would pass for an old copy. */
  signed(by: string, signedTerm: number, keptTerm: number): void {
    if (signedTerm <= keptTerm) return;
    const terms = `${by} signed in term ${signedTerm}, its disk has ${keptTerm}`;
    throw new Violation('signs-what-it-keeps', terms);
  }

  /** The state of a node at a mark. */
  state(by: string, branch: Branch, { index, cid }: { index: number; cid: string }): void {
    const { states } = this.#history(branch).owner(index);
    this.#same('equal-states', states, { index, what: cid, by });
  }

  /** An invite that may let one in. */
  singleUse(key: Uint8Array): void {
    this.#isSingleUse.add(toHex(key));
  }

  /** A token names one tuple for ever, a number one model on one host. */
  agents(by: string, agents: Iterable<readonly [string, AgentRecord]>): void {
    for (const [token, { number, hash, model, hostname, mac }] of agents) {
      this.#once('unique-tokens', by, [token, hash]);
      this.#once('unique-numbers', by, [`number ${number}`, `${model} ${hostname} ${mac}`]);
    }
  }

  #history(branch: Branch): History {
    let history = this.#histories.get(branch);
    if (history === undefined) {
      const { parent } = branch;
      history = new History(branch, parent && this.#history(parent));
      this.#histories.set(branch, history);
      for (const entry of history.before()) {
        history.calls.applied(entry);
        for (const { command, outcome } of entry.decisions) {
          const isDone = outcome.ok && outcome.events !== undefined;
          if (isDone) this.#effects(history, command, entry.index);
        }
      }
    }
    return history;
  }

  #reach(by: string, history: History, index: number): void {
    const reached = this.#reached.get(by) ?? new Map<History, number>();
    this.#reached.set(by, reached);
    for (const [it, end] of history.line()) {
      reached.set(it, Math.max(reached.get(it) ?? 0, Math.min(index, end)));
    }
  }

  /**
   * Its own node has seen it decided, in a branch: there it waits no more, and where that branch is
   * given up it is lost.
   */
  #isGivenUp(id: string): boolean {
    const reached = this.#reached.get(this.#accepted.get(id) ?? '');
    for (const history of this.#histories.values()) {
      const index = history.decided.get(id)?.index;
      if (index !== undefined && (reached?.get(history) ?? 0) >= index) return true;
    }
    return false;
  }

  #effects(
    history: History,
    command: AppliedEntry['decisions'][number]['command'],
    index: number,
  ): void {
    if (command.kind !== 'member.add') return;
    const { invite, peer } = command.body as { invite: Uint8Array; peer: string };
    const key = toHex(invite);
    if (!this.#isSingleUse.has(key)) return;
    const winner = history.winners.get(key);
    if (winner !== undefined && winner !== peer) {
      throw new Violation('one-winner', `an invite of one use let two in, the last at ${index}`);
    }
    history.winners.set(key, peer);
  }

  #once(invariant: string, by: string, [name, thing]: readonly [string, string]): void {
    const known = this.#named.get(name);
    if (known !== undefined && known !== thing) {
      throw new Violation(invariant, `${by}: ${name} is ${thing} and ${known}`);
    }
    this.#named.set(name, thing);
  }

  #same(invariant: string, book: Map<number, Said<string>>, { index, what, by }: Fact): void {
    const known = book.get(index);
    if (known === undefined) book.set(index, { what, by });
    else if (known.what !== what) {
      const both = `${known.by} and ${by} differ at ${index}`;
      throw new Violation(invariant, `${both}: ${known.what} and ${what}`);
    }
  }
}

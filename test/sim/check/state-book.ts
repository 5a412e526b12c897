import type { AgentRecord } from '../../../protocols/interface/index.ts';
import { type AppliedEntry, decodeHead } from '../../../protocols/slurp/index.ts';
import { toHex } from '../../../protocols/wire/index.ts';
import { Violation } from '../world/world.ts';
import { CallBook } from './call-book.ts';

interface Decided {
  readonly index: number;
  readonly by: string;
}

/**
 * What must always hold of the replicated state: the same log and the same outcomes everywhere,
 * every command applied once, no two heads that a majority signed for one index.
 */
export class StateBook {
  /** Merkle root by index. */
  readonly #roots = new Map<number, { readonly root: string; readonly by: string }>();
  readonly #outcomes = new Map<number, { readonly digest: string; readonly by: string }>();
  readonly #heads = new Map<number, { readonly root: string; readonly by: string }>();
  readonly #states = new Map<number, { readonly cid: string; readonly by: string }>();
  /** Where each command was decided. */
  readonly #decided = new Map<string, Decided>();
  /** Commands that their node has called accepted, with that node. */
  readonly #accepted = new Map<string, string>();
  /** What tokens and numbers stand for. */
  readonly #named = new Map<string, string>();
  readonly #winners = new Map<string, string>();

  readonly calls = new CallBook();

  get acceptedCount(): number {
    return this.#accepted.size;
  }

  /** Accepted commands that no log has decided yet. */
  undecided(): readonly string[] {
    return [...this.#accepted.keys()].filter((id) => !this.#decided.has(id));
  }

  originOf(id: string): string | undefined {
    return this.#accepted.get(id);
  }

  /** A node lost its disk: what waited on it is gone. */
  forget(by: string): void {
    for (const [id, origin] of this.#accepted) {
      if (origin === by && !this.#decided.has(id)) this.#accepted.delete(id);
    }
  }

  accepted(id: string, by: string): void {
    this.#accepted.set(id, by);
  }

  applied(by: string, entry: AppliedEntry): void {
    const { index, decisions } = entry;
    const told = decisions.map(({ command, outcome }) => [
      command.id,
      outcome.ok ? 'ok' : outcome.code,
    ]);
    const digest = JSON.stringify([told, entry.term, entry.timeMs]);
    this.#same('same-outcomes', this.#outcomes, { index, digest, by });
    this.calls.applied(entry);
    for (const { command, outcome } of decisions) {
      const known = this.#decided.get(command.id);
      if (known !== undefined && known.index !== index) {
        const where = `${known.index} (${known.by}) and ${index} (${by})`;
        throw new Violation('applied-once', `command ${command.kind} is decided at ${where}`);
      }
      this.#decided.set(command.id, { index, by });
      if (outcome.ok && outcome.events !== undefined) this.#effects(command, index);
    }
  }

  /** The Merkle root of a node's applied log. */
  root(by: string, index: number, root: Uint8Array): void {
    const known = this.#roots.get(index);
    const hex = toHex(root);
    if (known === undefined) this.#roots.set(index, { root: hex, by });
    else if (known.root !== hex) {
      throw new Violation('equal-roots', `${known.by} and ${by} differ at ${index}`);
    }
  }

  /** A head that a node takes for signed by a majority. */
  head(by: string, bytes: Uint8Array, commit: number): void {
    const { index, root, stateCid } = decodeHead(bytes).head;
    if (index > commit) {
      throw new Violation('heads-are-committed', `a head at ${index}, committed is ${commit}`);
    }
    const hex = toHex(root);
    const known = this.#heads.get(index) ?? this.#roots.get(index);
    if (known !== undefined && known.root !== hex) {
      throw new Violation('one-head-an-index', `${known.by} and ${by} know two at ${index}`);
    }
    this.#heads.set(index, { root: hex, by });
    if (stateCid === undefined) return;
    const state = this.#states.get(index);
    if (state !== undefined && state.cid !== stateCid) {
      throw new Violation('equal-states', `${state.by} and ${by} know two states at ${index}`);
    }
    this.#states.set(index, { cid: stateCid, by });
  }

  /** The state of a node at a mark. */
  state(by: string, index: number, cid: string): void {
    const known = this.#states.get(index);
    if (known === undefined) this.#states.set(index, { cid, by });
    else if (known.cid !== cid) {
      throw new Violation('equal-states', `${known.by} and ${by} differ at the mark ${index}`);
    }
  }

  #effects(command: AppliedEntry['decisions'][number]['command'], index: number): void {
    if (command.kind !== 'member.add') return;
    const { invite, peer } = command.body as { invite: Uint8Array; peer: string };
    if (!this.#isSingleUse.has(toHex(invite))) return;
    const winner = this.#winners.get(toHex(invite));
    if (winner !== undefined && winner !== peer) {
      throw new Violation('one-winner', `an invite of one use let two in, the last at ${index}`);
    }
    this.#winners.set(toHex(invite), peer);
  }

  readonly #isSingleUse = new Set<string>();

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

  #once(invariant: string, by: string, [name, thing]: readonly [string, string]): void {
    const known = this.#named.get(name);
    if (known !== undefined && known !== thing) {
      throw new Violation(invariant, `${by}: ${name} is ${thing} and ${known}`);
    }
    this.#named.set(name, thing);
  }

  #same(
    invariant: string,
    book: Map<number, { readonly digest: string; readonly by: string }>,
    { index, digest, by }: { readonly index: number; readonly digest: string; readonly by: string },
  ): void {
    const known = book.get(index);
    if (known === undefined) book.set(index, { digest, by });
    else if (known.digest !== digest) {
      throw new Violation(
        invariant,
        `${known.by} and ${by} differ at ${index}: ${known.digest} and ${digest}`,
      );
    }
  }
}

import type { AppliedEntry } from '../../../protocols/slurp/index.ts';
import type { Branch } from './branch.ts';
import { CallBook } from './call-book.ts';

/** Who said something first. */
export interface Said<T> {
  readonly what: T;
  readonly by: string;
}

/** What the log of one branch has come to, behind what it shares with the one before it. */
export class History {
  readonly branch: Branch;
  readonly parent: History | undefined;
  /** Up to here its parent keeps the book. */
  readonly shared: number;
  /** The highest index that anybody has applied. */
  last: number;
  /** Merkle root by index. */
  readonly roots = new Map<number, Said<string>>();
  readonly outcomes = new Map<number, Said<string>>();
  readonly heads = new Map<number, Said<string>>();
  readonly states = new Map<number, Said<string>>();
  /** Where each command was decided. */
  readonly decided = new Map<string, { readonly index: number; readonly by: string }>();
  /** Whom each invite of one use let in. */
  readonly winners = new Map<string, string>();
  readonly calls = new CallBook();
  /** Entries that another branch must be told again that begins here. */
  readonly #story: AppliedEntry[] = [];

  constructor(branch: Branch, parent?: History) {
    this.branch = branch;
    this.parent = parent;
    this.shared = parent === undefined ? 0 : Math.min(branch.shared, parent.last);
    this.last = this.shared;
  }

  /** Which of this one and those before it keeps the book of an index. */
  owner(index: number): History {
    let history: History = this;
    while (history.parent !== undefined && index <= history.shared) history = history.parent;
    return history;
  }

  /** This one, and those that it goes back to, each with the last index that counts here. */
  *line(): Generator<readonly [History, number]> {
    let end = Number.POSITIVE_INFINITY;
    for (let it: History | undefined = this; it !== undefined; it = it.parent) {
      yield [it, end];
      end = Math.min(end, it.shared);
    }
  }

  /** Where a command was decided, in this branch. */
  decision(id: string): { readonly index: number; readonly by: string } | undefined {
    for (const [{ decided }, end] of this.line()) {
      const known = decided.get(id);
      if (known !== undefined && known.index <= end) return known;
    }
    return undefined;
  }

  tell(entry: AppliedEntry): void {
    this.last = Math.max(this.last, entry.index);
    if (entry.decisions.some(({ command }) => isRetold(command.kind))) this.#story.push(entry);
  }

  /** What was told up to where this branch begins, by rising index. */
  before(): readonly AppliedEntry[] {
    const parts = [...this.line()].slice(1).reverse();
    return parts.flatMap(([history, end]) => history.#story.filter(({ index }) => index <= end));
  }
}

function isRetold(kind: string): boolean {
  return kind.startsWith('call.') || kind === 'member.add';
}

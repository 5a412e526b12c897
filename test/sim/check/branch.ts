/** An index that some node has called committed. */
export interface Commit {
  readonly chain: number;
  readonly term: number;
  /** The term of the leader that committed it. */
  readonly inTerm: number;
  readonly by: string;
}

/** An entry with all that is before it. */
export interface Held {
  readonly chain: number;
  readonly term: number;
}

/** Where a branch begins. */
export interface BranchInit {
  /** Id of the recovery that began it; empty for the first one. */
  readonly id: string;
  readonly epoch: number;
  readonly parent?: Branch | undefined;
  /** Up to here it is what its parent has committed. */
  readonly shared: number;
  /** What it goes on with behind that, from first to last: its parent never committed it there. */
  readonly inherited?: readonly Held[];
  /** The last entry before that of the recovery, and the digest of all up to there. */
  readonly fork: number;
  readonly forkChain: number;
}

/**
 * One history of the log: the first one, or one that a recovery led on to. Within each of them all
 * that Raft promises must hold; two of them need not agree on anything behind where they part.
 */
export class Branch {
  readonly id: string;
  readonly epoch: number;
  readonly parent: Branch | undefined;
  readonly shared: number;
  readonly fork: number;
  readonly forkChain: number;
  /** Who led a term. */
  readonly leaders = new Map<number, string>();
  /** Log matching: entries of one index and term stand behind the same log. */
  readonly chains = new Map<number, number>();
  readonly #commits: (Commit | undefined)[] = [];
  readonly #inherited: readonly Held[];
  /** The highest index that any node has called committed. */
  highest = 0;

  constructor(init: BranchInit) {
    this.id = init.id;
    this.epoch = init.epoch;
    this.parent = init.parent;
    this.shared = init.shared;
    this.#inherited = init.inherited ?? [];
    this.fork = init.fork;
    this.forkChain = init.forkChain;
  }

  /** Which of this one and those before it keeps the book of an index. */
  owner(index: number): Branch {
    let branch: Branch = this;
    while (branch.parent !== undefined && index <= branch.shared) branch = branch.parent;
    return branch;
  }

  /** Which of them the entry at an index was written in. */
  writer(index: number): Branch {
    let branch: Branch = this;
    while (branch.parent !== undefined && index <= branch.fork) branch = branch.parent;
    return branch;
  }

  /** This one, or the one before it that is of an epoch. */
  ofEpoch(epoch: number): Branch {
    let branch: Branch = this;
    while (branch.parent !== undefined && branch.epoch > epoch) branch = branch.parent;
    return branch;
  }

  /** What was committed at an index, in the history that this is the end of. */
  commitAt(index: number): Commit | undefined {
    return this.owner(index).#commits[index];
  }

  /** What is at an index by what is known to be committed, or once to be: a state may be of it. */
  heldAt(index: number): Held | undefined {
    const owner = this.owner(index);
    return owner.#commits[index] ?? owner.#inherited[index - owner.shared - 1];
  }

  commit(index: number, commit: Commit): void {
    this.owner(index).#commits[index] = commit;
  }
}

/** Who leads, as the node that asks takes it. */
export interface Leadership {
  /** Whether this node leads. */
  readonly isLeader: boolean;
  /** The term that this node is in. */
  readonly term: number;
  /** The leader of that term; undefined while it is not known. */
  readonly leader: string | undefined;
}

/** A snapshot of the state at a mark of the log. */
export interface StateMark {
  /** Log index of the mark. */
  readonly index: number;
  /** CID of the state right after that entry. */
  readonly stateCid: string;
  /** Merkle root of the log up to there. */
  readonly root: Uint8Array;
  /** The agreed time at that index. */
  readonly timeMs: number;
}

/** What this node knows of the state at marks. */
export interface StateMarks {
  /** CID of this node's own state at a mark; undefined when it has none (yet, or any more). */
  cidAt(index: number): string | undefined;
  /** Marks whose state this node has put together and still holds, the newest first. */
  recent(): readonly StateMark[];
  /** Called when {@link recent} has a new one. */
  onMark(listener: () => void): void;
}

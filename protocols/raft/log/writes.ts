import { CooeeError } from '../../interface/index.ts';
import type { RaftEntry } from '../types.ts';

/** What one `Ready` asks to be written of the log. */
export interface LogWrite {
  readonly truncateFrom: number | undefined;
  readonly entries: readonly RaftEntry[];
}

/**
 * Which entries are on the disk, on their way to it, or still to be handed to the driver. Only the
 * last ones are held, with their bytes, until the next `Ready`.
 */
export class Writes {
  #durableIndex: number;
  /** Last index that was handed out and not cut since. */
  #handedIndex: number;
  #unsaved: RaftEntry[] = [];
  #truncateFrom: number | undefined;
  /** What will be durable with the write under way; undefined = none is. */
  #writingIndex: number | undefined;

  constructor(lastIndex: number) {
    this.#durableIndex = lastIndex;
    this.#handedIndex = lastIndex;
  }

  /** Up to where the log is on the disk. */
  get durableIndex(): number {
    return this.#durableIndex;
  }

  get isWriting(): boolean {
    return this.#writingIndex !== undefined;
  }

  /** Whether there is anything to hand out. */
  get isPending(): boolean {
    return this.#unsaved.length > 0 || this.#truncateFrom !== undefined;
  }

  append(entry: RaftEntry): void {
    this.#unsaved.push(entry);
  }

  truncateFrom(index: number): void {
    // A write under way may still bring what is cut here: it never counts as durable, even when
    // other entries stand at the same indices by then.
    this.#durableIndex = Math.min(this.#durableIndex, index - 1);
    if (this.#writingIndex !== undefined) {
      this.#writingIndex = Math.min(this.#writingIndex, index - 1);
    }
    if (index > this.#handedIndex) {
      this.#unsaved.length = index - this.#handedIndex - 1;
      return;
    }
    this.#unsaved = [];
    this.#handedIndex = index - 1;
    this.#truncateFrom = Math.min(this.#truncateFrom ?? index, index);
  }

  /** The state at `index` is durable by other means; `isTailKept`: the entries behind it stand. */
  restore(index: number, isTailKept: boolean): void {
    if (isTailKept) {
      this.#unsaved = this.#unsaved.filter((entry) => entry.index > index);
      this.#durableIndex = Math.max(this.#durableIndex, index);
      this.#handedIndex = Math.max(this.#handedIndex, index);
      // What was to be cut is gone with the log that it stood in: that did not have this state.
      if ((this.#truncateFrom ?? Infinity) <= index) this.#truncateFrom = undefined;
      return;
    }
    this.#unsaved = [];
    this.#truncateFrom = undefined;
    this.#durableIndex = index;
    this.#handedIndex = index;
    if (this.#writingIndex !== undefined) this.#writingIndex = 0;
  }

  /** Hands out what is to be written. `isWrite`: something else goes with it, so expect an end. */
  take(isWrite: boolean): LogWrite {
    if (this.isWriting) throw new CooeeError('ERR_RAFT_INPUT', 'the last write has not ended');
    const write = { truncateFrom: this.#truncateFrom, entries: this.#unsaved };
    this.#handedIndex += this.#unsaved.length;
    if (isWrite || this.isPending) this.#writingIndex = this.#handedIndex;
    this.#unsaved = [];
    this.#truncateFrom = undefined;
    return write;
  }

  /** The write that was handed out last has ended. */
  persisted(): void {
    if (this.#writingIndex === undefined) return;
    this.#durableIndex = Math.max(this.#durableIndex, this.#writingIndex);
    this.#writingIndex = undefined;
  }
}

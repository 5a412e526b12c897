import { z } from 'zod';
import {
  type CooeeError,
  isCooeeError,
  type KeyValueStore,
  LOG_MARKS,
  type LogMark,
  type LogStore,
} from '../../../interface/index.ts';
import { count, decodeAs } from '../../../wire/index.ts';

/** As older programs kept them in the store, under the mark's name. */
const storedSchemas = {
  'lost-state': z.strictObject({ v: z.literal(1), index: count }).transform(({ index }) => index),
  'seat-out': z.strictObject({ v: z.literal(1), until: count }).transform(({ until }) => until),
};
const STORED_BYTES_MAX = 256;
const SYNCED = { sync: true } as const;

/** What {@link SeatMarks} works with. */
export interface SeatMarksComponents {
  readonly log: Pick<LogStore, 'mark' | 'marks' | 'status'>;
  /** With the state; older programs kept them there. */
  readonly store: KeyValueStore;
  /** A sync failed: the process must end and look again. */
  readonly onFatal: (error: CooeeError) => void;
}

/**
 * What keeps a node from its seat, over restarts: with the log, since both are worth nothing
 * without the other. A mark counts at once; what it forbids to be told or followed waits for
 * {@link SeatMarks.keep}.
 */
export class SeatMarks {
  readonly #components: SeatMarksComponents;
  #wanted: Map<LogMark, number> = new Map();
  /** What is on the disk; undefined when that is not sure. */
  #kept: ReadonlyMap<LogMark, number> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(components: SeatMarksComponents) {
    this.#components = components;
  }

  /**
   * Loads what earlier starts kept. What an older program kept in the store moves to the log; that
   * of the log is the newer one where both have it.
   *
   * @throws CooeeError ERR_STORAGE_*, ERR_WIRE_*
   */
  async open(): Promise<void> {
    const { log, store } = this.#components;
    this.#wanted = new Map(log.marks);
    this.#kept = new Map(log.marks);
    for (const mark of LOG_MARKS) {
      const bytes = await store.get('meta', mark);
      if (bytes === undefined) continue;
      const index = decodeAs(storedSchemas[mark], bytes, STORED_BYTES_MAX);
      if (!log.marks.has(mark)) this.set(mark, index);
      await this.keep();
      await store.batch([{ namespace: 'meta', key: mark }], SYNCED);
    }
  }

  /** Index of a mark that is set. */
  get(mark: LogMark): number | undefined {
    return this.#wanted.get(mark);
  }

  /** Sets a mark, or takes it back; not on the disk before {@link keep}. */
  set(mark: LogMark, index: number | undefined): void {
    if (index === undefined) this.#wanted.delete(mark);
    else this.#wanted.set(mark, index);
  }

  /** Whether the disk has what counts. */
  get isKept(): boolean {
    const kept = this.#kept;
    return kept !== undefined && LOG_MARKS.every((it) => kept.get(it) === this.#wanted.get(it));
  }

  /** What counts is on the disk when it resolves. @throws CooeeError ERR_STORAGE_* */
  keep(): Promise<void> {
    // One after the other: what is under way is not on the disk yet.
    const done = this.#writing.then(() => this.#write());
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #write(): Promise<void> {
    const { log, store, onFatal } = this.#components;
    const wanted = new Map(this.#wanted);
    try {
      for (const mark of LOG_MARKS) {
        const index = wanted.get(mark);
        // A failed log does not know what it has: it refuses the call.
        const isThere = log.status === 'open' && log.marks.get(mark) === index;
        if (isThere) continue;
        // What it is taken back for stands in the state: that is on the disk first.
        if (index === undefined) await store.batch([{ namespace: 'meta', key: mark }], SYNCED);
        await log.mark(mark, index ?? null);
      }
      this.#kept = wanted;
    } catch (error) {
      this.#kept = undefined;
      if (isCooeeError(error) && error.details['fatal'] === true) onFatal(error);
      throw error;
    }
  }
}

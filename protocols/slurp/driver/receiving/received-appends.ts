import {
  type Clock,
  type Crypto,
  delay,
  isCooeeError,
  type Logger,
  type Metrics,
  toError,
} from '../../../interface/index.ts';
import type { RaftEntry, RaftMessage } from '../../../raft/index.ts';
import { rememberEntry } from '../../machine/decoded.ts';
import { signedBatch } from '../../replica/check-entry.ts';
import { type ReadEntry, readEntries } from '../raft-entries.ts';

type Append = Extract<RaftMessage, { type: 'append' }>;

/** Batches whose signatures are checked before the loop turns: about 2.5 ms. */
const SLICE_ENTRIES = 32;
/** Appends, of a mebibyte at the most, that may wait for that. */
const WAITING_MAX = 8;

/** What {@link ReceivedAppends} works with. */
export interface ReceivedAppendsComponents {
  readonly meshId: string;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Ends the work. */
  readonly signal: AbortSignal;
  /** Given each append that is fit for the log, with the agreed time of its last entry. */
  readonly onAppend: (message: Append, entries: readonly RaftEntry[], timeMs: number) => void;
}

/**
 * The entries that a leader sends, before they count for anything: each must be in its place, and
 * its batch signed by its origin for this mesh. A leader can withhold, but not forge: it may be any
 * member with a seat, and what it could write in the name of an admin it could do as one.
 */
export class ReceivedAppends {
  readonly #components: ReceivedAppendsComponents;
  #waiting = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(components: ReceivedAppendsComponents) {
    this.#components = components;
  }

  /** Takes an append: a short one at once, and a long one in slices, with what comes behind it. */
  take(peer: string, message: Append, list: readonly Uint8Array[]): void {
    if (this.#waiting === 0 && list.length <= SLICE_ENTRIES) {
      try {
        const { read, timeMs } = readEntries(list, message);
        for (const it of read) this.#check(it);
        this.#pass(message, read, timeMs);
      } catch (error) {
        this.#refuse(peer, error);
      }
      return;
    }
    // To the core it is lost on the way: the leader sends it again.
    if (this.#waiting === WAITING_MAX) return;
    this.#waiting++;
    this.#turn = this.#turn
      .then(() => this.#takeInSlices(message, list))
      .catch((error: unknown) => this.#refuse(peer, error))
      .finally(() => this.#waiting--);
  }

  /**
   * Does something that must not come before the appends which came before it: those of a leader
   * whose connection is lost would else be taken for a sign that it lives.
   */
  behind(task: () => void): void {
    if (this.#waiting === 0) task();
    else this.#turn = this.#turn.then(task);
  }

  async #takeInSlices(message: Append, list: readonly Uint8Array[]): Promise<void> {
    const { clock, signal } = this.#components;
    const { read, timeMs } = readEntries(list, message);
    for (const [i, it] of read.entries()) {
      if (i % SLICE_ENTRIES === SLICE_ENTRIES - 1) await delay(clock, 0, signal);
      this.#check(it);
    }
    this.#pass(message, read, timeMs);
  }

  #check({ entry, raft: { index, bytes } }: ReadEntry): void {
    const { crypto, meshId } = this.#components;
    try {
      const batch = signedBatch(entry.batch, { crypto, meshId, index });
      rememberEntry(bytes, { entry, batch });
    } catch (error) {
      // Of a later program: nobody here can apply it, and applying says so.
      if (!isCooeeError(error, 'ERR_WIRE_VERSION')) throw error;
    }
  }

  #pass(message: Append, read: readonly ReadEntry[], timeMs: number): void {
    this.#components.onAppend(
      message,
      read.map(({ raft }) => raft),
      timeMs,
    );
  }

  #refuse(peer: string, error: unknown): void {
    const { metrics, logger, signal } = this.#components;
    if (signal.aborted) return;
    metrics.count('cooee_slurp_appends_refused_total');
    logger.warn({ err: toError(error), peer }, 'an append is refused');
  }
}

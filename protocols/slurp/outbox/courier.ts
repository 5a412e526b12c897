import {
  type Clock,
  CooeeError,
  isCooeeError,
  type Logger,
  type Random,
  type Timer,
  toError,
} from '../../interface/index.ts';
import { isFinal, isUnheld } from '../last-word.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { SUBMIT_BATCHES_MAX, SUBMIT_BYTES_MAX } from '../protocol.ts';
import { untilAborted } from '../until-aborted.ts';
import type { Outbox, OutboxBatch } from './outbox.ts';

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
/**
 * So long a batch may wait for its blocks to be held, which they were when it was put together: by
 * the voters then, or for the leader before.
 */
const UNHELD_MS_MAX = 5_000;

/** What a courier is built from. */
export interface CourierComponents {
  readonly outbox: Outbox;
  readonly meshLog: MeshLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /**
   * Brings batches to the leader; resolves with an index at which the outcome of the first is
   * known, and of those behind it that the leader took.
   */
  readonly deliver: (batches: readonly Uint8Array[]) => Promise<number>;
  /** Follows the log up to an index; resolves when it is applied here. */
  readonly follow: (index: number) => Promise<void>;
}

/**
 * Brings the outbox to the leader, one delivery at a time: what waits goes together, in order, and
 * the next delivery when that was decided and applied here. A leader appends what comes together in
 * its order or not at all, and what of it is lost with that leader is a tail; so an origin's
 * numbers stay in order however often connections break. Only a relay can break that order, and the
 * outbox mends it.
 */
export class Courier {
  readonly #components: CourierComponents;
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #retryMs = RETRY_MS_MIN;
  /** What is being sent or waits to be sent again. */
  #current: OutboxBatch | undefined;
  /** A batch whose blocks are not held, and since when. */
  #unheld: { readonly batch: OutboxBatch; readonly sinceMs: number } | undefined;
  /** Ends the wait for the answer that is under way. */
  #attempt = new AbortController();

  constructor(components: CourierComponents) {
    this.#components = components;
    // What comes in behind the batch that waits for another try is no reason to try sooner.
    components.outbox.onChange(() => {
      if (components.outbox.first() !== this.#current) this.nudge();
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Does not wait for an answer that is under way: the batch is on the disk, and the next start
   * sends it again.
   */
  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    this.#attempt.abort(this.#stopped.signal.reason);
    this.nudge();
    await this.#running;
  }

  /** Tries at once: there is something new, a connection or a leader. */
  nudge(): void {
    this.#retryMs = RETRY_MS_MIN;
    this.#wake?.();
  }

  /**
   * As {@link nudge}, and what was sent is not waited for: the old leader may be frozen, and would
   * keep everything back until its answer is overdue.
   */
  leaderChanged(): void {
    this.#attempt.abort(new CooeeError('ERR_SLURP_NO_LEADER', 'who leads changed'));
    this.nudge();
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const batch = this.#components.outbox.first();
      this.#current = batch;
      if (this.#attempt.signal.aborted) this.#attempt = new AbortController();
      if (batch === undefined) {
        await this.#sleep();
      } else if (await this.#bring(batch)) {
        this.#retryMs = RETRY_MS_MIN;
      } else if (!this.#attempt.signal.aborted) {
        const waitMs = this.#retryMs;
        this.#retryMs = Math.min(RETRY_MS_MAX, waitMs * 2);
        await this.#sleep(waitMs);
      }
    }
  }

  /**
   * Sends the batch and what waits behind it. True when the batch is decided, one way or the other.
   * Never rejects.
   */
  async #bring(batch: OutboxBatch): Promise<boolean> {
    const { outbox, logger, follow } = this.#components;
    try {
      const index = await this.#deliver(rowOf(outbox.waiting()));
      // Only the leader refuses: what goes wrong while following says nothing about the batch.
      if (index !== undefined) await untilAborted(follow(index), this.#stopped.signal);
    } catch (error) {
      logger.debug({ err: toError(error), seq: batch.seq }, 'a batch waits for the leader');
    }
    return outbox.first() !== batch;
  }

  /** An index to follow to; undefined when the first was refused for good. */
  async #deliver(batches: readonly OutboxBatch[]): Promise<number | undefined> {
    const { outbox, logger, deliver } = this.#components;
    const [batch] = batches;
    if (batch === undefined) return undefined;
    try {
      const row = batches.map(({ bytes }) => bytes);
      return await untilAborted(deliver(row), this.#attempt.signal);
    } catch (error) {
      // The leader's word is about the first; those behind it come again.
      if (!isCooeeError(error)) throw error;
      if (this.#isUnheld(batch, error)) {
        await outbox.takeBack(batch);
        return undefined;
      }
      if (!isFinal(error)) throw error;
      logger.warn({ code: error.code, seq: batch.seq }, 'a batch was refused before the log');
      await outbox.refuse(batch, error);
      return undefined;
    }
  }

  /** Whether it is the leader's word for too long that the blocks of a batch are not held. */
  #isUnheld(batch: OutboxBatch, error: CooeeError): boolean {
    const nowMs = this.#components.clock.monotonicMs();
    if (!isUnheld(error)) return false;
    if (this.#unheld?.batch !== batch) this.#unheld = { batch, sinceMs: nowMs };
    return nowMs - this.#unheld.sinceMs >= UNHELD_MS_MAX;
  }

  async #sleep(timeoutMs?: number): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const { clock, random } = this.#components;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (timeoutMs === undefined) return;
      timer = clock.schedule(timeoutMs * (0.5 + random.fraction() / 2), resolve);
    });
    this.#wake = undefined;
    timer?.cancel();
  }
}

/** The first batches, as many as one delivery holds. */
function rowOf(waiting: Iterable<OutboxBatch>): readonly OutboxBatch[] {
  const row: OutboxBatch[] = [];
  let bytes = 0;
  for (const batch of waiting) {
    bytes += batch.bytes.length;
    if (row.length === SUBMIT_BATCHES_MAX || (row.length > 0 && bytes > SUBMIT_BYTES_MAX)) break;
    row.push(batch);
  }
  return row;
}

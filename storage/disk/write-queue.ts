import { CooeeError } from '../../protocols/interface/index.ts';
import { notOpenError } from './io-error.ts';

/** How a {@link WriteQueue} works. */
export interface WriteQueueInit<Job> {
  /** Bytes that a job takes; what waits is bounded by their sum. */
  sizeOf(job: Job): number;
  /**
   * Bytes of it that ask for room: all of them by default. What somebody holds already, written or
   * not, is not refused.
   */
  askedOf?(job: Job): number;
  /** Makes a group of jobs durable, all or none. After it has failed the owner refuses new jobs. */
  flush(jobs: readonly Job[]): Promise<void>;
  /** A group takes further jobs while it stays within this. */
  readonly groupBytesMax: number;
  /** Jobs beyond this are refused with ERR_STORAGE_BUSY. */
  readonly waitingBytesMax: number;
}

interface Waiting<Job> {
  readonly job: Job;
  readonly size: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: one flush at a time, in the order of the calls; what arrives meanwhile shares the
 * next flush. One at a time is also what makes failure safe: no write can be acknowledged that ran
 * after one that failed.
 */
export class WriteQueue<Job> {
  readonly #init: WriteQueueInit<Job>;
  #waiting: Waiting<Job>[] = [];
  #heldBytes = 0;
  #running: Promise<void> | null = null;

  constructor(init: WriteQueueInit<Job>) {
    this.#init = init;
  }

  /**
   * Hands in a job; resolves when its group was flushed. Throws at once, before the job has a
   * place, when too much waits.
   *
   * @throws CooeeError ERR_STORAGE_BUSY
   */
  push(job: Job): Promise<void> {
    const size = this.#init.sizeOf(job);
    const asked = this.#init.askedOf?.(job) ?? size;
    const isFull = this.#heldBytes + asked > this.#init.waitingBytesMax;
    if (isFull && asked > 0 && this.#heldBytes > 0) {
      throw new CooeeError('ERR_STORAGE_BUSY');
    }
    this.#heldBytes += size;
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ job, size, resolve, reject });
    });
    this.#running ??= this.#run();
    return done;
  }

  /** Refuses what waits with ERR_STORAGE_NOT_OPEN; a flush that runs goes on by itself. */
  abandon(cause?: unknown): void {
    for (const waiting of this.#waiting) {
      this.#heldBytes -= waiting.size;
      waiting.reject(notOpenError('closed', cause));
    }
    this.#waiting = [];
  }

  /** Resolves when nothing waits and nothing is being flushed. Never rejects. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // Calls of one tick share the first flush.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#flushGroup(this.#takeGroup());
    this.#running = null;
  }

  async #flushGroup(group: readonly Waiting<Job>[]): Promise<void> {
    try {
      await this.#init.flush(group.map((waiting) => waiting.job));
      for (const waiting of group) waiting.resolve();
    } catch (error) {
      for (const waiting of group) waiting.reject(error);
      for (const waiting of this.#waiting) waiting.reject(notOpenError('failed', error));
      for (const { size } of this.#waiting) this.#heldBytes -= size;
      this.#waiting = [];
    }
    for (const { size } of group) this.#heldBytes -= size;
  }

  #takeGroup(): Waiting<Job>[] {
    let bytes = 0;
    let count = 0;
    for (const { size } of this.#waiting) {
      if (count > 0 && bytes + size > this.#init.groupBytesMax) break;
      bytes += size;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}

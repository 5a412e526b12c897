import {
  type AttachedRecord,
  type BlockRecord,
  type Clock,
  type KeyValueStore,
  type Logger,
  type StateReader,
  type Timer,
  toError,
} from '../../interface/index.ts';
import { BUCKET_COUNT, bucketText } from '../machine/bucket.ts';
import { COLD_MARK, stateKey, stateValue } from '../machine/stored.ts';

/** Blocks that are noted to be fetched; more are found by looking through the state again. */
const NOTED_MAX = 4_096;
/** Blocks that are fetched at the same time. */
const AT_ONCE = 2;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;

/** What {@link MissingBlocks} works with. */
export interface MissingBlocksComponents {
  readonly store: KeyValueStore;
  readonly state: StateReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly has: (cid: string) => boolean;
  /** Fetches a block from whoever has it, a member first. @throws CooeeError */
  readonly fetch: (by: string | undefined, block: BlockRecord) => Promise<void>;
}

/** A block that is to be fetched, and whose submission refers to it. */
interface Missing {
  readonly block: BlockRecord;
  readonly by: string | undefined;
}

/**
 * Fetches in the background what the log refers to and is not here: two at a time, again and again
 * until somebody has it.
 */
export class MissingBlocks {
  readonly #components: MissingBlocksComponents;
  readonly #noted = new Map<string, Missing>();
  #isStopped = false;
  /** The state may refer to blocks that are not noted. */
  #isIncomplete = false;
  #running: Promise<void> | undefined;
  #retry: { readonly timer: Timer; readonly wake: () => void } | undefined;
  #retryMs = RETRY_MS_MIN;

  constructor(components: MissingBlocksComponents) {
    this.#components = components;
  }

  /** Blocks that are known to be missing. */
  get size(): number {
    return this.#noted.size;
  }

  add(block: BlockRecord, by: string | undefined): void {
    if (this.#noted.size < NOTED_MAX) this.#noted.set(block.cid, { block, by });
    else this.#isIncomplete = true;
    this.#run();
  }

  /** Looks through the whole state for blocks that are not here. */
  lookThrough(): void {
    this.#isIncomplete = true;
    this.#run();
  }

  /** Tries at once: there is somebody new to ask. */
  nudge(): void {
    this.#retryMs = RETRY_MS_MIN;
    this.#retry?.wake();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retry?.wake();
    await this.#running;
  }

  #run(): void {
    if (this.#isStopped) return;
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    while (!this.#isStopped && (this.#isIncomplete || this.#noted.size > 0)) {
      if (this.#isIncomplete && this.#noted.size < NOTED_MAX) await this.#find();
      const before = this.#noted.size;
      const queue = [...this.#noted.values()];
      const worker = async (): Promise<void> => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          if (this.#isStopped) return;
          await this.#fetch(next);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      if (this.#noted.size > 0 && this.#noted.size >= before) await this.#pause();
      else this.#retryMs = RETRY_MS_MIN;
    }
  }

  async #fetch({ block, by }: Missing): Promise<void> {
    const { has, fetch, logger } = this.#components;
    try {
      if (!has(block.cid)) await fetch(by, block);
      this.#noted.delete(block.cid);
    } catch (error) {
      logger.debug({ err: toError(error), cid: block.cid }, 'a block of a submission is not here');
    }
  }

  async #pause(): Promise<void> {
    // Who stops has nobody to wake any more.
    if (this.#isStopped) return;
    const { clock } = this.#components;
    const waitMs = this.#retryMs;
    this.#retryMs = Math.min(RETRY_MS_MAX, waitMs * 2);
    await new Promise<void>((wake) => {
      this.#retry = { timer: clock.schedule(waitMs, wake), wake };
    });
    this.#retry?.timer.cancel();
    this.#retry = undefined;
  }

  /** Notes what the state refers to and is not here, as much as there is room for. */
  async #find(): Promise<void> {
    const { has, state, logger } = this.#components;
    this.#isIncomplete = false;
    try {
      for (let bucket = 0; bucket < BUCKET_COUNT && !this.#isStopped; bucket++) {
        for await (const [cid, { id, bytes }] of this.#attached(bucket)) {
          if (has(cid)) continue;
          if (this.#noted.size >= NOTED_MAX) {
            this.#isIncomplete = true;
            return;
          }
          this.#noted.set(cid, {
            block: { cid, bytes },
            by: state.get('submission', id)?.author.peer,
          });
        }
      }
    } catch (error) {
      logger.warn({ err: toError(error) }, 'the state cannot be looked through for blocks');
      this.#isIncomplete = true;
      await this.#pause();
    }
  }

  async *#attached(bucket: number): AsyncIterable<readonly [string, AttachedRecord]> {
    const prefix = `${COLD_MARK}${bucketText(bucket)}/attached/`;
    const range = { gt: prefix, lt: `${prefix}~` };
    for await (const [key, bytes] of this.#components.store.entries('state', range)) {
      yield [stateKey.parse(key).key, stateValue.decode(bytes) as AttachedRecord];
    }
  }
}

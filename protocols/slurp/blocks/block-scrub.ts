import {
  type Clock,
  type KeyValueStore,
  type Logger,
  type Timer,
  toError,
} from '../../interface/index.ts';

/** Between two blocks: half a mebibyte a second at the most. */
const STEP_MS = 1_000;
/** Between two times through all of them. */
const ROUND_MS = 24 * 60 * 60 * 1000;

/** What {@link BlockScrub} works with. */
export interface BlockScrubComponents {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Beginning of the keys of `contentinfo` whose blocks are read, and a key behind all of them. */
  readonly range: { readonly gt: string; readonly lt: string };
  /** Reads a block, and sees to it when it is damaged. @throws CooeeError ERR_STORAGE_* */
  readonly check: (cid: string) => Promise<void>;
}

/**
 * Reads the blocks that submissions refer to, one a second, once a day: a disk that loses one tells
 * nobody, and others have it now, which need not be so when it is asked for.
 */
export class BlockScrub {
  readonly #components: BlockScrubComponents;
  #last: string;
  #timer: Timer | undefined;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(components: BlockScrubComponents) {
    this.#components = components;
    this.#last = components.range.gt;
  }

  start(): void {
    this.#schedule(STEP_MS);
  }

  /** Resolves when nothing is read any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(waitMs: number): void {
    if (this.#isStopped) return;
    this.#timer = this.#components.clock.schedule(waitMs, () => {
      this.#running = this.#step().then((isDone) => this.#schedule(isDone ? ROUND_MS : STEP_MS));
    });
  }

  /** True when there is none behind the last one. Never rejects. */
  async #step(): Promise<boolean> {
    const { store, range, check, logger } = this.#components;
    try {
      for await (const [key] of store.entries('contentinfo', {
        ...{ gt: this.#last, lt: range.lt, limit: 1 },
      })) {
        this.#last = key;
        await check(key.slice(range.gt.length));
        return false;
      }
      this.#last = range.gt;
      return true;
    } catch (error) {
      logger.warn({ err: toError(error), key: this.#last }, 'a block could not be looked at');
      return false;
    }
  }
}

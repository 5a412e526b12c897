import { type Clock, type Logger, type Timer, toError } from '../../interface/index.ts';
import type { Command } from '../machine/codec.ts';
import { ToldOnce } from '../told-once.ts';
import type { OwnBatches } from './batches/own-batches.ts';
import { batchLength, Gathering, type Waiting } from './gathering.ts';
import type { LateAcceptance } from './late-acceptance.ts';
import type { OutboxBatch } from './ports.ts';

/** How long a store that fails is left alone before a batch is tried again. */
const RETRY_MS = 500;

/** What {@link Batching} works with. */
export interface BatchingComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly batches: OwnBatches;
  readonly late: LateAcceptance;
  /** See `OutboxComponents`. */
  readonly isLeader: (() => boolean) | undefined;
  /** Nothing more is taken in. */
  readonly isClosed: () => boolean;
  /** Commands whose callers go on only when they are decided. */
  readonly awaited: () => number;
  /** These commands are in a batch. */
  readonly onEntered: (commands: readonly Command[]) => void;
  /** It was never accepted, and is gone. */
  readonly onGivenUp: (command: Command) => void;
  /** There is another batch to send. */
  readonly onBatch: () => void;
}

/**
 * Puts commands into batches, one batch at a time. Numbers are given in order, so what was
 * overtaken is given a new one before all that has none yet.
 */
export class Batching {
  readonly #components: BatchingComponents;
  readonly #gathering: Gathering;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #retry: Timer | undefined;
  readonly #told = { keeping: new ToldOnce(), renumbering: new ToldOnce() };

  /** @param gatherMs - see `OutboxInit` */
  constructor(components: BatchingComponents, gatherMs: number) {
    this.#components = components;
    this.#gathering = new Gathering(components.clock, gatherMs);
  }

  /** Takes a command that is to be in a batch soon. */
  add(item: Waiting): void {
    this.#waiting.push(item);
    this.#gathering.added(this.#waiting.length);
    this.#start();
  }

  /** The log went on: what it passed over is given another number. */
  mend(): void {
    if (this.#overtaken() !== undefined) this.#start();
  }

  /** A batch was decided: what waited for company goes. */
  hurry(): void {
    this.#gathering.end();
  }

  /** Refuses all that has no batch yet. */
  refuse(error: unknown): void {
    this.#fail(this.#waiting.splice(0), error);
  }

  /** Resolves when nothing is written any more. */
  async stop(): Promise<void> {
    this.#gathering.end();
    this.#retry?.cancel();
    await this.#running;
  }

  #start(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // One turn of the loop, so that commands handed in together share a batch and its fsync.
    await Promise.resolve();
    const { batches, awaited } = this.#components;
    while (this.#waiting.length > 0 || this.#overtaken() !== undefined) {
      if (!(await this.#renumber())) break;
      if (this.#waiting.length === 0) continue;
      await this.#gathering.wait(batches.size, this.#waiting.length, awaited());
      const taken = this.#waiting.splice(0, batchLength(this.#waiting));
      // All were refused meanwhile.
      if (taken.length === 0) break;
      await this.#keep(taken);
    }
    this.#running = undefined;
  }

  async #keep(taken: readonly Waiting[]): Promise<void> {
    const { batches, late, isLeader, logger, onEntered, onBatch } = this.#components;
    // What was accepted before must be here until it is decided: it has no 20 ms.
    const isLed = !taken.some((it) => it.isHeld) && (isLeader?.() ?? false);
    try {
      const commands = taken.map(({ command }) => command);
      // The log is about to have a leader's: it is written here when that takes longer.
      const { key } = await batches.keep(commands, !isLed);
      this.#told.keeping.over();
      onEntered(commands);
      if (isLed) late.wait(key, taken);
      else for (const { accept } of taken) accept();
    } catch (error) {
      // Whoever handed one in is told each time.
      if (this.#told.keeping.isNews(error)) {
        logger.warn({ err: toError(error) }, 'a command could not be kept');
      }
      this.#fail(taken, error);
      return;
    }
    onBatch();
  }

  #overtaken(): OutboxBatch | undefined {
    const { isClosed, batches } = this.#components;
    return isClosed() ? undefined : batches.overtaken();
  }

  /**
   * Gives new numbers to what was overtaken, before all that has none yet. False when the disk does
   * not take it: then it takes nothing else either, and it is tried again in a while.
   */
  async #renumber(): Promise<boolean> {
    const { logger, clock, batches, late, onBatch } = this.#components;
    for (let batch = this.#overtaken(); batch !== undefined; batch = this.#overtaken()) {
      const { key, seq } = batch;
      late.hold(key);
      try {
        await batches.renumber(batch);
      } catch (error) {
        if (this.#told.renumbering.isNews(error)) {
          logger.warn({ err: toError(error), seq }, 'what was overtaken could not be kept anew');
        }
        late.fail(key, error);
        // None of these may take the number that the disk may have for that batch.
        this.refuse(error);
        this.#retry?.cancel();
        this.#retry = clock.schedule(RETRY_MS, () => this.#start());
        return false;
      }
      this.#told.renumbering.over();
      logger.warn({ seq }, 'a batch was overtaken on its way, and is sent under another number');
      late.settle(key);
      onBatch();
    }
    return true;
  }

  #fail(items: readonly Waiting[], error: unknown): void {
    for (const { command, isHeld, fail } of items) {
      if (!isHeld) this.#components.onGivenUp(command);
      fail(error);
    }
  }
}

import {
  type Clock,
  CooeeError,
  isCooeeError,
  LIMITS,
  type Logger,
  type Random,
  type Timer,
  toError,
} from '../../interface/index.ts';
import { isFinal, isUnheld } from '../last-word.ts';
import type { Command } from '../machine/codec.ts';
import { blocksOfCommand } from '../machine/kinds.ts';
import type { HeldCommand } from '../outbox/held-back.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { untilAborted } from '../until-aborted.ts';
import type { ContentBlocks } from './content-blocks.ts';

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 60_000;
/** As many as a leader carries out for one origin. */
const AT_ONCE = 2;

/** What a {@link BlockCourier} works with. */
export interface BlockCourierComponents {
  readonly self: string;
  readonly outbox: Outbox;
  readonly contents: Pick<ContentBlocks, 'fetch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Resolves when a majority holds the blocks of a command. @throws CooeeError as BlockClaims */
  readonly hold: (command: Command) => Promise<void>;
}

/** Why the last try came to nothing. */
export interface FailedHold {
  readonly error: CooeeError;
  /** By the clock of this node. */
  readonly atMs: number;
}

interface Tried {
  readonly waitMs: number;
  readonly dueMs: number;
  /** The last reason to try at once that it knew of. */
  readonly nudge: number;
  readonly failure: FailedHold | undefined;
}

/**
 * Brings what is held back into the outbox once its blocks are held, each on its own, so that one
 * whose blocks nobody can hold keeps nothing else waiting. What the voters cannot hold for two days
 * is refused.
 */
export class BlockCourier {
  readonly #components: BlockCourierComponents;
  readonly #stopped = new AbortController();
  readonly #underWay = new Map<Command, Promise<void>>();
  readonly #tried = new WeakMap<Command, Tried>();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Ends the tries that are under way. */
  #attempt = new AbortController();
  /** Reasons to try at once, counted. */
  #nudges = 0;

  constructor(components: BlockCourierComponents) {
    this.#components = components;
    components.outbox.onChange(() => this.#wake?.());
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Does not wait for an answer that is under way: the next start asks again. */
  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    this.#attempt.abort(this.#stopped.signal.reason);
    this.#wake?.();
    await this.#running;
    await Promise.all(this.#underWay.values());
  }

  /** Tries at once: there is a connection or a leader. */
  nudge(): void {
    this.#nudges++;
    this.#wake?.();
  }

  /** As {@link nudge}, and the old leader is not waited for. */
  leaderChanged(): void {
    this.#attempt.abort(new CooeeError('ERR_SLURP_NO_LEADER', 'who leads changed'));
    this.#attempt = new AbortController();
    this.nudge();
  }

  /** Why a command is still held back; undefined when that is not known. */
  failureOf(command: Command): FailedHold | undefined {
    return this.#tried.get(command)?.failure;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const waitMs = this.#tryDue();
      await this.#sleep(waitMs);
    }
  }

  /** Starts what is due; answers in how many ms the next one is, if one waits for that. */
  #tryDue(): number | undefined {
    const nowMs = this.#components.clock.monotonicMs();
    let waitMs: number | undefined;
    for (const held of this.#components.outbox.held.all()) {
      if (this.#underWay.size >= AT_ONCE) return undefined;
      if (!held.isFirst || this.#underWay.has(held.command)) continue;
      const leftMs = this.#dueMs(held.command) - nowMs;
      if (leftMs <= 0) this.#begin(held);
      else waitMs = Math.min(waitMs ?? leftMs, leftMs);
    }
    return waitMs;
  }

  #dueMs(command: Command): number {
    const tried = this.#tried.get(command);
    return tried === undefined || tried.nudge !== this.#nudges ? 0 : tried.dueMs;
  }

  #begin(held: HeldCommand): void {
    const { command } = held;
    const task = this.#try(held).finally(() => {
      this.#underWay.delete(command);
      this.#wake?.();
    });
    this.#underWay.set(command, task);
  }

  /** Never rejects. */
  async #try(held: HeldCommand): Promise<void> {
    const { outbox, hold, logger } = this.#components;
    const { command } = held;
    const nudge = this.#nudges;
    try {
      if (blocksOfCommand(command).length > 0) {
        await untilAborted(hold(command), this.#attempt.signal);
      }
      if (!this.#stopped.signal.aborted) await outbox.enter(held);
    } catch (error) {
      this.#later(command, error, nudge);
      logger.debug({ err: toError(error), command: command.id }, 'a command is held back');
      if (!this.#stopped.signal.aborted && isCooeeError(error)) await this.#judge(held, error);
    }
  }

  #later(command: Command, error: unknown, nudge: number): void {
    const { clock, random } = this.#components;
    const tried = this.#tried.get(command);
    const waitMs = Math.min(RETRY_MS_MAX, (tried?.waitMs ?? RETRY_MS_MIN / 2) * 2);
    const dueMs = clock.monotonicMs() + waitMs * (0.5 + random.fraction() / 2);
    const failure = isCooeeError(error) ? { error, atMs: clock.nowMs() } : undefined;
    this.#tried.set(command, { waitMs, dueMs, nudge, failure });
  }

  /** Refuses what can never be taken. Never rejects: what cannot be written is tried again. */
  async #judge(held: HeldCommand, error: CooeeError): Promise<void> {
    const { outbox, logger } = this.#components;
    try {
      const refusal = await this.#refusalOf(held, error);
      if (refusal === undefined) return;
      const { id } = held.command;
      logger.warn({ code: refusal.code, command: id }, 'what was held back is refused');
      await outbox.held.refuse(held, refusal);
    } catch (thrown) {
      logger.warn({ err: toError(thrown) }, 'a refusal could not be kept');
    }
  }

  async #refusalOf(held: HeldCommand, error: CooeeError): Promise<CooeeError | undefined> {
    const { outbox, clock } = this.#components;
    if (isFinal(error)) return error;
    if (!isUnheld(error)) return undefined;
    const lost = await this.#loss(held.command, error);
    if (lost !== undefined) return lost;
    const nowMs = clock.nowMs();
    if (held.failingMs === undefined) await outbox.held.noteFailing(held, nowMs);
    const sinceMs = held.failingMs ?? nowMs;
    return nowMs - sinceMs < LIMITS.submissionHoldMs ? undefined : error;
  }

  /**
   * A block that this node's disk has lost, and that no other has by now: what refers to it can
   * never be taken.
   */
  async #loss(command: Command, error: CooeeError): Promise<CooeeError | undefined> {
    if (error.code !== 'ERR_SUBMISSION_BLOCK_MISSING') return undefined;
    const { contents, self } = this.#components;
    try {
      await contents.fetch(self, blocksOfCommand(command));
      return undefined;
    } catch (cause) {
      if (!isCooeeError(cause, 'ERR_SUBMISSION_BLOCK_MISSING')) throw cause;
      const message = 'a block of the submission is lost';
      return new CooeeError('ERR_STORAGE_DAMAGED', message, { cause });
    }
  }

  async #sleep(timeoutMs: number | undefined): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (timeoutMs === undefined) return;
      timer = this.#components.clock.schedule(timeoutMs, resolve);
    });
    this.#wake = undefined;
    timer?.cancel();
  }
}

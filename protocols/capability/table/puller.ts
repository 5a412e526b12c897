import { type Clock, delay, type Logger, type Timer, toError } from '../../interface/index.ts';
import type { TableExchange } from './table-exchange.ts';

/** Whole tables that a newcomer asks for: a second one fills what the first lacks. */
const TABLES_WANTED = 2;
const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 2_000;
/** Answers about nodes that the log here does not know are asked for again so often. */
const STRANGER_ROUNDS_MAX = 20;
/** Wants of a short time are one. */
const GATHER_MS = 20;
/** Nodes asked after at once. */
const WANTED_MAX = 64;
/** A member that takes longer than this is frozen, or far away: the next one is asked as well. */
const PATIENCE_MS = 300;
/** A node that is about to come up does not answer yet. */
const ATTEMPTS_MAX = 4;

/** What the puller is built from. */
export interface TablePullerComponents {
  readonly exchange: Pick<TableExchange, 'pull'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly peersFirst: () => readonly string[];
}

/** A node whose announcement is asked for. */
interface Want {
  /** Until it is asked; undefined while it is. */
  timer: Timer | undefined;
  attempts: number;
  /** Wanted once more while it was asked. */
  isStale: boolean;
}

/**
 * Decides whom to ask for what: a newcomer asks the first connected members for their whole tables
 * until it has them; later each node is asked for its own announcement when it connects or names
 * one that is missing here.
 */
export class TablePuller {
  readonly #components: TablePullerComponents;
  readonly #stopped = new AbortController();
  readonly #wants = new Map<string, Want>();
  readonly #answered = new Set<string>();
  #retryMs = RETRY_MIN_MS;
  #strangerRounds = 0;
  #timer: Timer | undefined;
  #isStarted = false;
  #running: Promise<void> | undefined;
  #isPoked = false;
  #isUnsatisfied = false;

  constructor(components: TablePullerComponents) {
    this.#components = components;
  }

  start(): void {
    this.#isStarted = true;
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#timer?.cancel();
    for (const { timer } of this.#wants.values()) timer?.cancel();
    this.#wants.clear();
    this.#stopped.abort(new Error('stopped'));
    await this.#running;
  }

  /** A member connected. */
  met(peer: string): void {
    this.want(peer);
    this.poke();
  }

  /** An announcement of that node is missing here. One node that is silent holds up no other. */
  want(peer: string): void {
    const known = this.#wants.get(peer);
    if (known !== undefined) known.isStale = true;
    else if (this.#isStarted && this.#wants.size < WANTED_MAX) {
      const want: Want = { timer: undefined, attempts: 0, isStale: false };
      this.#wants.set(peer, want);
      this.#askIn(GATHER_MS, peer, want);
    }
  }

  /** Something changed that may make an answer possible. */
  poke(): void {
    if (!this.#isHungry()) return;
    this.#retryMs = RETRY_MIN_MS;
    this.#schedule(GATHER_MS);
  }

  #askIn(delayMs: number, peer: string, want: Want): void {
    want.isStale = false;
    want.timer = this.#components.clock.schedule(delayMs, () => {
      want.timer = undefined;
      want.attempts += 1;
      void this.#pullOwn(peer, want).then((isAnswered) => this.#afterPull(peer, want, isAnswered));
    });
  }

  #afterPull(peer: string, want: Want, isAnswered: boolean): void {
    if (!this.#isStarted) return;
    if (isAnswered) want.attempts = 0;
    const isOver = isAnswered ? !want.isStale : want.attempts >= ATTEMPTS_MAX;
    if (isOver) this.#wants.delete(peer);
    else this.#askIn(RETRY_MIN_MS * 2 ** (want.attempts - 1), peer, want);
  }

  /** The node itself has its announcement; when it does not answer, somebody else may. */
  async #pullOwn(peer: string, { attempts }: Want): Promise<boolean> {
    if ((await this.#pull(peer, [peer])) !== undefined) return true;
    const other = this.#components.peersFirst().find((candidate) => candidate !== peer);
    if (attempts === 1 && other !== undefined) await this.#pull(other, [peer]);
    return false;
  }

  #isHungry(): boolean {
    return this.#answered.size < TABLES_WANTED;
  }

  #schedule(delayMs: number): void {
    if (!this.#isStarted) return;
    if (this.#running !== undefined) {
      this.#isPoked = true;
      return;
    }
    this.#timer?.cancel();
    this.#timer = this.#components.clock.schedule(delayMs, () => {
      this.#running = this.#round().finally(() => this.#afterRound());
    });
  }

  #afterRound(): void {
    this.#running = undefined;
    if (this.#isPoked) {
      this.#isPoked = false;
      this.#schedule(GATHER_MS);
    } else if (this.#isUnsatisfied || this.#answered.size === 0) {
      this.#schedule(this.#retryMs);
      this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 1.5);
    }
  }

  async #round(): Promise<void> {
    this.#isUnsatisfied = false;
    if (!this.#isHungry()) return;
    const unasked = this.#components.peersFirst().filter((peer) => !this.#answered.has(peer));
    const pulls: Promise<void>[] = [];
    for (const peer of unasked.slice(0, TABLES_WANTED - this.#answered.size)) {
      const pull = this.#pullTable(peer);
      pulls.push(pull);
      // One after the other, since the second sends only what the first lacks; unless that is slow.
      await Promise.race([pull, this.#patience()]);
    }
    await Promise.all(pulls);
  }

  async #patience(): Promise<void> {
    const { clock } = this.#components;
    // Cut short by the stop, which the pulls notice too.
    await delay(clock, PATIENCE_MS, this.#stopped.signal).catch(() => undefined);
  }

  async #pullTable(peer: string): Promise<void> {
    const result = await this.#pull(peer, []);
    const isBehind = (result?.strangers ?? 0) > 0;
    if (result === undefined || (isBehind && this.#strangerRounds < STRANGER_ROUNDS_MAX)) {
      // Not a member there yet, or the log here is behind: the same question again in a moment.
      if (isBehind) this.#strangerRounds += 1;
      this.#isUnsatisfied = true;
    } else this.#answered.add(peer);
  }

  async #pull(peer: string, only: readonly string[]) {
    const { exchange, logger } = this.#components;
    if (this.#stopped.signal.aborted) return undefined;
    try {
      return await exchange.pull(peer, only, this.#stopped.signal);
    } catch (error) {
      logger.debug({ err: toError(error), peer }, 'a table was not answered');
      return undefined;
    }
  }
}

import { type Clock, type Logger, type Timer, toError } from '../../interface/index.ts';
import type { TableExchange } from './table-exchange.ts';

/** Whole tables that a newcomer asks for: a second one fills what the first lacks. */
const TABLES_WANTED = 2;
const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 2_000;
/** Answers about nodes that the log here does not know are asked for again so often. */
const STRANGER_ROUNDS_MAX = 20;
/** Wants of a short time go out together. */
const GATHER_MS = 20;
/** Nodes asked after at once. */
const WANTED_MAX = 64;

/** What the puller is built from. */
export interface TablePullerComponents {
  readonly exchange: Pick<TableExchange, 'pull'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly peersFirst: () => readonly string[];
}

/**
 * Decides whom to ask for what: a newcomer asks the first connected members for their whole tables
 * until it has them; later each node is asked for its own announcement when it connects or names
 * one that is missing here.
 */
export class TablePuller {
  readonly #components: TablePullerComponents;
  readonly #stopped = new AbortController();
  readonly #wanted = new Set<string>();
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
    this.#stopped.abort(new Error('stopped'));
    await this.#running;
  }

  /** A member connected. */
  met(peer: string): void {
    this.want(peer);
  }

  /** An announcement of that node is missing here. */
  want(peer: string): void {
    if (this.#wanted.size < WANTED_MAX) this.#wanted.add(peer);
    this.#schedule(GATHER_MS);
  }

  /** Something changed that may make an answer possible. */
  poke(): void {
    this.#retryMs = RETRY_MIN_MS;
    if (this.#isHungry()) this.#schedule(GATHER_MS);
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
    if (this.#isPoked || this.#wanted.size > 0) {
      this.#isPoked = false;
      this.#schedule(GATHER_MS);
    } else if (this.#isUnsatisfied || this.#answered.size === 0) {
      this.#schedule(this.#retryMs);
      this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 1.5);
    }
  }

  async #round(): Promise<void> {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    this.#isUnsatisfied = false;
    const asked = new Set<string>();
    if (this.#isHungry()) {
      const unasked = this.#components.peersFirst().filter((peer) => !this.#answered.has(peer));
      for (const peer of unasked.slice(0, TABLES_WANTED - this.#answered.size)) {
        asked.add(peer);
        await this.#pullTable(peer);
      }
    }
    for (const peer of wanted) if (!asked.has(peer)) await this.#pullOwn(peer);
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

  /** The node itself has its announcement; when it does not answer, somebody else may. */
  async #pullOwn(peer: string): Promise<void> {
    if ((await this.#pull(peer, [peer])) !== undefined) return;
    const other = this.#components.peersFirst().find((candidate) => candidate !== peer);
    if (other !== undefined) await this.#pull(other, [peer]);
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

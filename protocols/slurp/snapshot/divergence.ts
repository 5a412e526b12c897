import {
  type Clock,
  CooeeError,
  type Crypto,
  type Health,
  type Logger,
  type LogStore,
  type Metrics,
  toError,
} from '../../interface/index.ts';
import { equalBytes, type MerkleFrontier, merkleRoot } from '../../wire/index.ts';
import type { Head } from '../machine/codec.ts';
import type { Replacement } from './replacement.ts';

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 30_000;
/** Tries to get the state from others before this node builds it from its own log. */
const FETCHES_BEFORE_REPLAY = 3;

/** What {@link Divergence} works with. */
export interface DivergenceComponents {
  readonly log: LogStore;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly sources: () => readonly string[];
  readonly replacement: Replacement;
  /** Forgets the snapshots that nobody signed for: they would be found again. */
  readonly forgetUnsigned: () => void;
  /** Runs a task while no other state is being installed. */
  readonly inTurn: <T>(task: () => Promise<T>) => Promise<T>;
}

/** What shows that a state is not the one of the mesh. */
export interface Found {
  readonly head: Head;
  readonly bytes: Uint8Array;
  /** This node's own frontier at that index. */
  readonly frontier: MerkleFrontier;
  /** CID of this node's own state there; undefined when it took no snapshot. */
  readonly ours: string | undefined;
}

/**
 * A node whose state is not the one that a majority signed for: says so, and gets the right one,
 * from others or out of its own log, however long that takes.
 */
export class Divergence {
  readonly #components: DivergenceComponents;
  readonly #stopped = new AbortController();
  readonly #listeners: ((isSound: boolean) => void)[] = [];
  #isDiverged = false;
  /** At the newest mark, while it is being rebuilt; undefined when that is over. */
  #found: Found | undefined;
  #rebuilding: Promise<void> | undefined;
  /** Ends the wait for the next try. */
  #wake: (() => void) | undefined;

  constructor(components: DivergenceComponents) {
    this.#components = components;
  }

  get isDiverged(): boolean {
    return this.#isDiverged;
  }

  onChange(listener: (isSound: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** At a mark the state was the right one. */
  agreed(index: number): void {
    if (!this.#isDiverged || index <= (this.#found?.head.index ?? 0)) return;
    this.#components.logger.info({ index }, 'the state is the right one again');
    this.#settle();
  }

  /**
   * At a mark the state was another one than was signed for. While it is being rebuilt the next try
   * is for that mark: nobody may have the state of an older one any more.
   */
  found(found: Found): void {
    const { crypto, logger, metrics, health } = this.#components;
    const { head, frontier, ours } = found;
    if (this.#stopped.signal.aborted || head.index <= (this.#found?.head.index ?? 0)) return;
    const details = { index: head.index, ours: ours ?? null, theirs: head.stateCid };
    // Of another log another state follows: that is told elsewhere.
    if (!equalBytes(merkleRoot(crypto.sha256, frontier), head.root)) return;
    this.#found = found;
    if (!this.#isDiverged) {
      logger.error(details, 'the state is not the one that the voters signed for');
      metrics.count('cooee_slurp_state_diverged_total');
      health.raise({
        code: 'state-diverged',
        severity: 'error',
        text: `The state at entry ${head.index} is not the one that the voters signed for.`,
        remedy: 'It is rebuilt by itself; if it comes again, check the disk: docs/operations.md.',
      });
      this.#set(true);
    }
    this.#wake?.();
    this.#begin();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    this.#wake?.();
    await this.#rebuilding;
  }

  #set(isDiverged: boolean): void {
    if (this.#isDiverged === isDiverged) return;
    this.#isDiverged = isDiverged;
    for (const listener of this.#listeners) listener(!isDiverged);
  }

  #settle(): void {
    this.#found = undefined;
    this.#components.health.clear('state-diverged');
    this.#set(false);
  }

  #begin(): void {
    this.#rebuilding ??= this.#rebuild()
      .catch((error: unknown) => {
        if (this.#stopped.signal.aborted) return;
        this.#components.logger.error({ err: toError(error) }, 'the state cannot be rebuilt');
      })
      .finally(() => {
        this.#rebuilding = undefined;
        // One may have come between the last look and this turn.
        if (this.#found !== undefined && !this.#stopped.signal.aborted) this.#begin();
      });
  }

  async #rebuild(): Promise<void> {
    const { logger, inTurn } = this.#components;
    const { signal } = this.#stopped;
    let waitMs = RETRY_MS_MIN;
    for (let attempt = 1; this.#found !== undefined; attempt++) {
      const found = this.#found;
      try {
        await inTurn(() => this.#replace(found, attempt));
        // The entries that came meanwhile had put it right: its snapshots are good ones.
        if (this.#found === undefined) return;
        this.#components.forgetUnsigned();
        logger.info({ index: found.head.index }, 'the state was rebuilt');
        this.#settle();
      } catch (error) {
        signal.throwIfAborted();
        logger.warn({ err: toError(error), attempt }, 'the state is not rebuilt yet');
        // A newer mark is another thing to try: it begins anew.
        if (this.#found !== found) waitMs = RETRY_MS_MIN;
        else await this.#pause(waitMs);
        signal.throwIfAborted();
        waitMs = Math.min(RETRY_MS_MAX, 2 * waitMs);
      }
    }
  }

  async #pause(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#components.clock.schedule(waitMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }

  async #replace({ head, bytes, frontier }: Found, attempt: number): Promise<void> {
    const { replacement, sources, log } = this.#components;
    const { signal } = this.#stopped;
    // A log that is whole gives the right state too, when this program is not what is wrong.
    if (attempt > FETCHES_BEFORE_REPLAY && log.firstIndex === 1) {
      await replacement.replay(signal);
      return;
    }
    const target = { stateCid: head.stateCid ?? '', frontier, head: bytes };
    let isLate = false;
    const isNeeded = (): boolean => {
      isLate = log.firstIndex > head.index + 1;
      return this.#found !== undefined && !isLate;
    };
    await replacement.fetchAndInstall(target, { sources: sources(), signal, isNeeded });
    // Another state was installed meanwhile, and the log begins behind this one.
    if (isLate) throw new CooeeError('ERR_SLURP_SNAPSHOT', 'the log begins behind that state');
  }
}

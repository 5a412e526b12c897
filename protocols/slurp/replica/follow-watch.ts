import {
  type Clock,
  type Health,
  isCooeeError,
  type Logger,
  type StateReader,
} from '../../interface/index.ts';
import type { SignedHead } from '../machine/codec.ts';

/** Pulls in a row that do not fit, and over how long, before it is no accident. */
const MISFITS_MIN = 3;
const MISFITS_MS_MIN = 3_000;

/** Entries that must be missing for a catch-up to be worth a word, and how often one is said. */
const BEHIND_MIN = 1_000;
const PROGRESS_MS = 1_000;

/** What {@link FollowWatch} works with. */
export interface FollowWatchComponents {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly health: Health;
  readonly logger: Logger;
  /** Who is a member, for the name of a source. */
  readonly state: StateReader;
}

/**
 * Tells of what only shows over many pulls: that a source has another log than this node, and that
 * there is a long way to go.
 */
export class FollowWatch {
  readonly #components: FollowWatchComponents;
  /** Sources whose last pulls did not fit. */
  readonly #misfits = new Map<string, { count: number; readonly sinceMs: number }>();
  /** The source that `log-diverged` names. */
  #divergedFrom: string | undefined;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(components: FollowWatchComponents) {
    this.#components = components;
  }

  /** A pull from a source failed: perhaps because the source has another log. */
  refused(source: string, error: unknown): void {
    if (!isCooeeError(error, 'ERR_SLURP_HEAD')) return;
    const { reason, index } = error.details;
    if (reason === 'root' || reason === 'fork') this.#misfit(source, Number(index));
  }

  /**
   * A voter's own log ends before what is committed here. Its head tells whether that is an old
   * one: a head that was signed later and names less than the last one is of a log that went back.
   */
  lags(source: string, head: SignedHead['head'], known: SignedHead['head'] | undefined): void {
    if (known === undefined || head.index >= known.index || head.timeMs <= known.timeMs) return;
    this.#misfit(source, head.index);
  }

  /**
   * A pull from a source fitted. What was said is over when it is the same source, or when another
   * had more of this log: members that both lost the voter agree with each other all the time.
   */
  fits(source: string, hasNews: boolean): void {
    this.#misfits.delete(source);
    if (this.#divergedFrom === undefined || (this.#divergedFrom !== source && !hasNews)) return;
    this.#divergedFrom = undefined;
    this.#components.health.clear('log-diverged');
  }

  /**
   * Logs how far a long catch-up has come.
   *
   * @param at - indices: applied here, held here, known to be committed in the mesh
   */
  progress(at: { readonly applied: number; readonly held: number; readonly head: number }): void {
    const { clock, logger } = this.#components;
    if (at.head - at.applied <= BEHIND_MIN) return;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#toldAtMs < PROGRESS_MS) return;
    this.#toldAtMs = nowMs;
    logger.info({ ...at }, 'following the log');
  }

  /**
   * What a source has at that index is not what was committed here. Raises `log-diverged` at the
   * third time in a row, once that has lasted three seconds.
   */
  #misfit(source: string, index: number): void {
    const { clock, health, state } = this.#components;
    const nowMs = clock.monotonicMs();
    const streak = this.#misfits.get(source) ?? { count: 0, sinceMs: nowMs };
    streak.count++;
    this.#misfits.set(source, streak);
    if (streak.count < MISFITS_MIN || nowMs - streak.sinceMs < MISFITS_MS_MIN) return;
    this.#divergedFrom = source;
    const name = state.get('member', source)?.name ?? 'a member';
    health.raise({
      code: 'log-diverged',
      severity: 'error',
      text: `The log of ${name} (${source}) is another than the one here: see index ${index}.`,
      remedy: 'The voter was restored from an old copy, or ran twice: see docs/operations.md.',
    });
  }
}

import { type Clock, type Logger, type Timer, toError } from '../../../interface/index.ts';
import type { SeatMarks } from './seat-marks.ts';

/** How often a node with a seat looks whether anybody leads it. */
const ROUND_MS = 1_000;
/** Rounds without a leader after which it asks around: elections take less. */
const ROUNDS_ALONE = 3;
/** By then the leader has had a head signed for a change. */
const HEAD_MS = 300;

/** What members that can be reached say of the log, as far as heads and links prove it. */
export interface SeenLog {
  /** The highest index that a majority of the voters signed for. */
  readonly index: number;
  /** The last change of voters that is proved, and whom it left. */
  readonly chainIndex: number;
  readonly voters: readonly string[];
}

/** What {@link SeatWatch} works with. */
export interface SeatWatchComponents {
  readonly self: string;
  readonly marks: Pick<SeatMarks, 'get' | 'keep' | 'set'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this node drives Raft and knows of no leader. */
  readonly isAlone: () => boolean;
  /** The last configuration in this node's own log, committed or not. */
  readonly configuration: () => { readonly configurationIndex: number };
  /** Whether it is a voter in that one, or in the last that is part of its state. */
  readonly isVoter: () => boolean;
  /** The last entry that this node holds, and the last that is part of its state. */
  readonly held: () => { readonly tailIndex: number; readonly appliedIndex: number };
  /** Asks members that can be reached; rejects when there is none. */
  readonly ask: () => Promise<SeenLog>;
  /**
   * Who votes now, as far as that is proved: this node is one of them, and its leader may be new.
   */
  readonly onVoters: (voters: readonly string[]) => void;
  /**
   * {@link SeatWatch.isOut} is another than before: to be kept before the log is followed in
   * another way.
   */
  readonly onChange: () => void;
}

/**
 * Finds out that the log goes on without this node. A leader says nothing to those who are not in
 * the configuration, so a voter or learner whose seat was given away while it could not hear would
 * wait for a leader for ever.
 *
 * A voter gives its seat up for a proved change of voters alone: what it has acknowledged may be
 * forgotten then, for all of it up to that change is committed without it. Nothing that a learner
 * has acknowledged counts.
 */
export class SeatWatch {
  readonly #components: SeatWatchComponents;
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #aloneRounds = 0;
  #isAsking = false;
  /** {@link SeatWatch.isOut} as it was told last. */
  #wasOut = false;

  constructor(components: SeatWatchComponents) {
    this.#components = components;
  }

  start(): void {
    this.#wasOut ||= this.isOut;
    this.#timer ??= this.#components.clock.schedule(ROUND_MS, () => {
      this.#timer = undefined;
      this.#round();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#soon?.cancel();
    this.#timer = undefined;
  }

  /** The log that this node has is the one that goes on: what it was told before is over. */
  async recovered(): Promise<void> {
    if (this.#outUntil === 0) return;
    const { marks } = this.#components;
    marks.set('seat-out', undefined);
    await marks.keep();
  }

  /** Whether the seat that this node's own state gives it was given away since. */
  get isOut(): boolean {
    return this.#components.held().appliedIndex < this.#outUntil;
  }

  /**
   * Until the state here is that of this index, the seat in it is history. The mark stays when it
   * is: a loss of power can take the end of the state back, and what was pulled stays in the log.
   */
  get #outUntil(): number {
    return this.#components.marks.get('seat-out') ?? 0;
  }

  /** A voter says that this node has no seat any more: looks soon whether that is proved. */
  dismissed(): void {
    this.#soon?.cancel();
    this.#soon = this.#components.clock.schedule(HEAD_MS, () => this.#ask(true));
  }

  #round(): void {
    const { isAlone, onChange } = this.#components;
    this.#aloneRounds = isAlone() ? this.#aloneRounds + 1 : 0;
    // What was waited for is here: the state says whether there is a seat.
    if (this.#wasOut && !this.isOut) {
      this.#wasOut = false;
      onChange();
    }
    if (this.#aloneRounds >= ROUNDS_ALONE) this.#ask(false);
  }

  #ask(isDismissed: boolean): void {
    const { ask, isAlone, logger } = this.#components;
    if (this.#isAsking) return;
    this.#isAsking = true;
    ask()
      .then((seen) => {
        if (isDismissed || isAlone()) this.#judge(seen);
      })
      .catch((error: unknown) => {
        logger.debug({ err: toError(error) }, 'it is not known how the log goes on');
      })
      .finally(() => {
        this.#isAsking = false;
      });
  }

  #judge({ index, chainIndex, voters }: SeenLog): void {
    const { self, configuration, held, isVoter, marks } = this.#components;
    const { configurationIndex } = configuration();
    const { tailIndex, appliedIndex } = held();
    // No head is signed for what comes behind a change that has no link: the chain is whole up to
    // `index`.
    const isOut = isVoter()
      ? chainIndex > appliedIndex && index >= configurationIndex && !voters.includes(self)
      : index > tailIndex;
    if (!isOut) {
      if (chainIndex > appliedIndex) this.#components.onVoters(voters);
      return;
    }
    // On the disk before anything is pulled: that is no vote's worth until it is proved, and a
    // start in between must not take it for what Raft wrote.
    marks.set('seat-out', index);
    this.#wasOut = true;
    this.#components.logger.info({ until: index }, 'the log goes on without this node: it follows');
    this.#components.onChange();
  }
}

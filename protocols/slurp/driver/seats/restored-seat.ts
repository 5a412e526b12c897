import {
  type Clock,
  type Condition,
  type Health,
  type Logger,
  type StateReader,
  type Timer,
  toError,
} from '../../../interface/index.ts';
import type { SeenLog } from './seat-watch.ts';

/** How a home came back from a copy of itself. */
export interface Restored {
  /** The only voter leads, whatever the others know. */
  readonly isLead: boolean;
  /** The last committed index of the copy; null when that is what the log has now. */
  readonly index: number | null;
}

const ROUND_MS = 1_000;
/** Rounds in a row in which nobody knew more, so that members have the time to connect. */
const ROUNDS_CALM = 3;
const CONDITION = 'restored-alone';
const PASSED: Condition = {
  code: CONDITION,
  severity: 'error',
  text:
    'This node lost its state. As far as anything is signed it alone has a vote, but a member ' +
    'says that the log went on: nothing is written here.',
  remedy:
    'Nothing to do when another node leads: it adds this one again. If none does, and this one ' +
    'is to go on: cooee recover',
};

/** What {@link RestoredSeat} works with. */
export interface RestoredSeatComponents {
  readonly self: string;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  readonly state: StateReader;
  readonly voters: () => readonly string[];
  readonly appliedIndex: () => number;
  /** See {@link Introductions.isPassed}. */
  readonly isPassed: () => boolean;
  /** Whether this node lost what it had promised: nobody listens to it. */
  readonly hasLostState: () => boolean;
  /** It did; on the disk when it resolves. */
  readonly lose: (index: number | undefined) => Promise<void>;
  /** It has it back. */
  readonly regain: () => void;
  /** Asks the members that can be reached; rejects when there is none. */
  readonly ask: () => Promise<SeenLog>;
}

/**
 * The seat of a node whose home was restored from a backup. What it promised since then it does not
 * know, so it takes no part until the leader has added it anew, as for any lost state.
 *
 * The only voter of a mesh has nobody who could do that. Everything that it ever committed was
 * signed by itself, and its members have it: it follows them until none of those that it reaches
 * knows more, and leads on from there. A mesh without other members has no other log to wait for.
 * It may have made others voters right before, and have signed nothing of it: while one of them
 * says that it is further, this node does not lead, though nothing proves what it says.
 */
export class RestoredSeat {
  readonly #components: RestoredSeatComponents;
  #timer: Timer | undefined;
  #calmRounds = 0;
  #isAsking = false;

  constructor(components: RestoredSeatComponents) {
    this.#components = components;
  }

  /** Gives the seat up where others may know more. @throws CooeeError ERR_STORAGE_* */
  async open(restored: Restored | undefined): Promise<void> {
    if (restored === undefined) return;
    if (this.#isSole() && (restored.isLead || !this.#hasCompany())) return;
    await this.#components.lose(restored.index ?? undefined);
  }

  start(): void {
    this.#timer ??= this.#components.clock.schedule(ROUND_MS, () => {
      this.#timer = undefined;
      this.#round();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #isSole(): boolean {
    const voters = this.#components.voters();
    return voters.length === 1 && voters[0] === this.#components.self;
  }

  #hasCompany(): boolean {
    for (const [peer, member] of this.#components.state.entries('member')) {
      if (peer !== this.#components.self && member.removedIndex === null) return true;
    }
    return false;
  }

  #round(): void {
    const { hasLostState, health, ask, logger } = this.#components;
    if (!hasLostState() || !this.#isSole()) {
      this.#calmRounds = 0;
      health.clear(CONDITION);
      return;
    }
    if (this.#isAsking) return;
    this.#isAsking = true;
    ask()
      .then((seen) => this.#judge(seen))
      .catch((error: unknown) => {
        logger.debug({ err: toError(error) }, 'no member says how far the log is');
        this.#calmRounds = 0;
        this.#raise();
      })
      .finally(() => {
        this.#isAsking = false;
      });
  }

  #judge({ index, voters }: SeenLog): void {
    const { self, appliedIndex, isPassed, regain, health, logger, hasLostState } = this.#components;
    if (isPassed()) {
      this.#calmRounds = 0;
      health.raise(PASSED);
      return;
    }
    health.clear(CONDITION);
    const isBehind = index > appliedIndex() || voters.length !== 1 || voters[0] !== self;
    this.#calmRounds = isBehind ? 0 : this.#calmRounds + 1;
    if (this.#calmRounds < ROUNDS_CALM || !hasLostState()) return;
    logger.info({ index: appliedIndex() }, 'no member knows more: the only voter leads on');
    regain();
  }

  #raise(): void {
    this.#components.health.raise({
      code: CONDITION,
      severity: 'error',
      text:
        'This home was restored from a backup, its node alone has a vote, and no other member ' +
        'that may know more can be reached: nothing can be written.',
      remedy:
        'Start another member. If all are lost for good, restore the backup again into an empty ' +
        'home: cooee restore FILE --lead',
    });
  }
}

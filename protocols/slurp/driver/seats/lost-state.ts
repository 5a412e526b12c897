import type { Health, Logger, MemberRecord } from '../../../interface/index.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import type { SeatMarks } from './seat-marks.ts';

/** What {@link LostState} works with. */
export interface LostStateComponents {
  readonly meshLog: Pick<MeshLog, 'commitIndex' | 'configuration' | 'tailIndex'>;
  readonly marks: Pick<SeatMarks, 'get' | 'isKept' | 'keep' | 'set'>;
  readonly health: Health;
  readonly logger: Logger;
  readonly member: (peer: string) => MemberRecord | undefined;
  /** See {@link EpochBook.awaitedIndex}. */
  readonly awaitedIndex: () => number | undefined;
  /** It lost its state, or has one again; what that resolves with is waited for. */
  readonly onChange: () => Promise<void> | void;
  /** The other voters and learners are to hear how it stands. */
  readonly say: () => void;
}

/** Who this node is. */
export interface OwnStart {
  readonly self: string;
  readonly start: { readonly boot: number; readonly bootNonce: string };
}

/**
 * Whether this node has forgotten what it promised as a voter: whom it voted for, what it
 * acknowledged. It keeps that in mind over restarts, and neither votes nor acknowledges until it
 * was a learner again.
 */
export class LostState {
  readonly #components: LostStateComponents;
  readonly #own: OwnStart;

  constructor(components: LostStateComponents, own: OwnStart) {
    this.#components = components;
    this.#own = own;
  }

  /** It lost what it had promised, and is no learner yet. */
  get isLost(): boolean {
    return this.#index !== undefined;
  }

  /**
   * Index up to which the log was when this node learnt that it lost its state; 0 for a log that
   * begins anew.
   */
  get #index(): number | undefined {
    return this.#components.marks.get('lost-state');
  }

  /**
   * What it says of its state is on its disk before. One whose log began anew holds its tongue
   * until it has caught up with its own start: a learner that takes longer than a few seconds to
   * answer is passed over.
   */
  get maySpeak(): boolean {
    if (!this.#components.marks.isKept) return false;
    return this.#index !== 0 || this.#isRegistered();
  }

  /**
   * Looks what an earlier start knew. A log that begins anew here (of a new member, or of one whose
   * disk was damaged or emptied) says nothing of what this node may have promised: that is kept in
   * mind before the first entry is written.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async open(): Promise<void> {
    const { marks, meshLog } = this.#components;
    if (!this.isLost && meshLog.tailIndex === 0) {
      marks.set('lost-state', 0);
      await marks.keep();
    }
    this.look();
  }

  /**
   * The configuration changed, or a start was registered: a node that lost its state and is a
   * learner may go on. Only with this start in the log it is sure that what the log says of the
   * seats is not from before the loss.
   */
  look(): void {
    const { meshLog, logger, health, marks, awaitedIndex, say } = this.#components;
    const { configuration, configurationIndex: index } = meshLog.configuration();
    const { learners, voters } = configuration;
    const awaited = awaitedIndex();
    // A vote behind that is one that it knows nothing of: it was restored from a copy.
    if (awaited !== undefined && !this.isLost) marks.set('lost-state', awaited);
    const lostIndex = this.#index;
    if (lostIndex === undefined) return;
    const { self } = this.#own;
    if (voters.includes(self)) {
      this.#raise();
      // The leader gives the seat of one that says so to a learner: to this node, above all.
      say();
      return;
    }
    health.clear('lost-state');
    if (index <= lostIndex || !learners.includes(self) || !this.#isRegistered()) return;
    logger.info({ index }, 'this node was added anew, as a learner');
    this.regain();
  }

  /** This node was shown that it lost its state. */
  shown(): void {
    void this.lose().catch((error: unknown) => this.#notKept(error));
  }

  /**
   * This node lost its state: it keeps that in mind over restarts. On the disk when it resolves.
   *
   * @param index - what its log had then; what it followed since is no part of the loss
   * @throws CooeeError ERR_STORAGE_*: it is lost all the same
   */
  async lose(index = this.#components.meshLog.commitIndex): Promise<void> {
    if (this.isLost) return;
    const { marks, onChange, say } = this.#components;
    marks.set('lost-state', Math.max(1, index));
    this.#raise();
    await marks.keep().finally(onChange);
    say();
  }

  /**
   * What this node has is what goes on: nobody but it votes, and it has all that others know, or
   * the operator says so.
   */
  regain(): void {
    const { marks, health, onChange } = this.#components;
    marks.set('lost-state', undefined);
    health.clear('lost-state');
    void marks
      .keep()
      .catch((error: unknown) => this.#notKept(error))
      .finally(onChange);
  }

  /** The log as it is applied here has this very start. */
  #isRegistered(): boolean {
    const { self, start } = this.#own;
    const record = this.#components.member(self);
    return record?.boot === start.boot && record.bootNonce === start.bootNonce;
  }

  #raise(): void {
    this.#components.health.raise({
      code: 'lost-state',
      severity: 'error',
      text:
        'This node forgot what it promised as a voter: its home is an older copy, or its log was ' +
        'damaged and begun anew. It does not vote until it is added anew.',
      remedy: 'Nothing to do when the others are up: the leader adds it again by itself.',
    });
  }

  /** It is tried again before this node follows the log in any way. */
  #notKept(error: unknown): void {
    this.#components.logger.error({ err: error }, 'the loss of the state could not be kept');
  }
}

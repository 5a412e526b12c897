import type { Configuration, RaftStatus } from '../../../raft/index.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import type { EpochBook } from '../../recovery/epoch-book.ts';

/** What {@link OwnSeat} works with. */
export interface OwnSeatComponents {
  readonly self: string;
  readonly meshLog: Pick<MeshLog, 'configuration'>;
  readonly epochs: Pick<EpochBook, 'isBehind' | 'rival'>;
  /** Raft's state; undefined while this node does not drive it. */
  readonly status: () => RaftStatus | undefined;
  /** Whether this node lost what it had promised: see `Introductions`. */
  readonly hasLostState: () => boolean;
  /** Whether the seat that the state here gives it was given away since: see `SeatWatch`. */
  readonly isOut: () => boolean;
}

/** Whether this node has a seat, as a voter or a learner, and may take it. */
export class OwnSeat {
  readonly #components: OwnSeatComponents;
  #retired: 'no' | 'seat' | 'all' = 'no';

  constructor(components: OwnSeatComponents) {
    this.#components = components;
  }

  /** See `Consensus.retire`. */
  retire(what: 'seat' | 'all'): void {
    this.#retired = what;
  }

  /** The last configuration in the log, committed or not. */
  get configuration(): Configuration {
    const { status, meshLog } = this.#components;
    return status()?.configuration ?? meshLog.configuration().configuration;
  }

  /** A voter by the last configuration that is part of the state, or by the last in the log. */
  get isVoter(): boolean {
    const { self } = this.#components;
    return this.#configurations().some(({ voters }) => voters.includes(self));
  }

  /** It has one by the log, and nothing forbids to take it. */
  get canTake(): boolean {
    if (this.isGone || this.#components.hasLostState()) return false;
    // Raft goes by the end of the log: what it acknowledged for a seat that is not in the state yet
    // must not be dropped.
    const { self } = this.#components;
    return this.#configurations().some(
      ({ voters, learners }) => voters.includes(self) || learners.includes(self),
    );
  }

  /** Whatever the log says: it was given up, or given away behind what is known here. */
  get isGone(): boolean {
    const { isOut, epochs } = this.#components;
    return this.#retired !== 'no' || isOut() || epochs.isBehind;
  }

  /** This node takes no part at all: it was removed, or two recoveries halt it. */
  get isAtRest(): boolean {
    return this.#retired === 'all' || this.#components.epochs.rival !== undefined;
  }

  /**
   * Whether this node votes, or would if it were not for two recoveries: it has what it promised.
   */
  get canVote(): boolean {
    const { self, status, meshLog, epochs } = this.#components;
    // The end of its log is what it acknowledged, also while two recoveries keep it from its seat.
    if (epochs.rival !== undefined && this.canTake) {
      return meshLog.configuration().configuration.voters.includes(self);
    }
    const raft = status();
    return raft?.canVote === true && raft.configuration.voters.includes(raft.self);
  }

  /** The last one that is part of the state, and the last one in the log. */
  #configurations(): readonly Configuration[] {
    return [this.#components.meshLog.configuration().configuration, this.configuration];
  }
}

import {
  type Clock,
  type LeaderRecord,
  type Logger,
  type MeshRecord,
  type StateReader,
  type Timer,
  toError,
} from '../../../interface/index.ts';
import type { Configuration, RaftStatus } from '../../../raft/index.ts';
import { type Candidate, LEARNER_AWAY_MS, planVoters, type Seat } from './voter-plan.ts';

/** How often the leader looks at the seats when nothing tells it to. */
const ROUND_MS = 1_000;
/** A learner within this many entries of the end holds all but what is under way. */
const CAUGHT_UP_ENTRIES = 256;
const ANSWERED_WITHIN_MS = 1_000;
/** A voter away for this long gives its seat to another. */
const VOTER_AWAY_MS = 10 * 60_000;
/** A learner that said nothing is not asked again for this long, while others are there to ask. */
const PASSED_OVER_MS = 10 * 60_000;
/**
 * When it alone is there to ask it gets another try after this long, and then after twice as long
 * each time: every try is two changes in the log.
 */
const RETRY_MS = 15_000;
/** Who wants to leave says so again while it waits. */
const LEAVING_MS = 5_000;

/** What {@link Autopilot} works with. */
export interface AutopilotComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly state: StateReader;
  readonly status: () => RaftStatus | undefined;
  readonly isConnected: (peer: string) => boolean;
  /** Peers that said that they lost their state. */
  readonly lost: ReadonlySet<string>;
  /** Whether a change of voters waits for the signatures of the old ones. */
  readonly isUnlinked: () => boolean;
  readonly changeVoters: (configuration: Configuration) => Promise<void>;
  /** Hands leadership to another voter. */
  readonly transfer: () => Promise<void>;
}

/** Since when a learner that did not answer is passed over. */
interface PassedOver {
  /** Until then others go before it. */
  readonly untilMs: number;
  /** Until then it gets no seat at all. */
  readonly againMs: number;
  readonly waitMs: number;
}

/** Keeps the voters as many as the mesh wants, while this node leads. */
export class Autopilot {
  readonly #components: AutopilotComponents;
  readonly #voterAwayMs: number;
  readonly #answeredMs = new Map<string, number>();
  /** Learners that did not answer. */
  readonly #passedOver = new Map<string, PassedOver>();
  /** Until when members are about to leave. */
  readonly #leaving = new Map<string, number>();
  #timer: Timer | undefined;
  #term = 0;
  #isChanging = false;

  constructor(components: AutopilotComponents, voterAwayMs = VOTER_AWAY_MS) {
    this.#components = components;
    this.#voterAwayMs = voterAwayMs;
  }

  start(): void {
    this.#timer ??= this.#components.clock.schedule(ROUND_MS, () => {
      this.#timer = undefined;
      this.look();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /**
   * A member is about to leave: its seat goes to another that is caught up, within the next seconds
   * or not at all.
   */
  vacate(peer: string): void {
    this.#leaving.set(peer, this.#components.clock.monotonicMs() + LEAVING_MS);
    this.look();
  }

  /** A member started anew: it is a candidate again, whatever it missed before. */
  started(peer: unknown): void {
    if (typeof peer === 'string') this.#passedOver.delete(peer);
  }

  /** Looks now, and makes one change when one is due; the next one follows when it is in force. */
  look(): void {
    const { status, state, isConnected, changeVoters, logger } = this.#components;
    const raft = status();
    const mesh = state.get('mesh', 'mesh') as MeshRecord | undefined;
    if (raft?.role !== 'leader' || mesh === undefined || this.#isChanging) return;
    // One change at a time, and none before the term has committed something: its announcement.
    const leader = state.get('mesh', 'leader') as LeaderRecord | undefined;
    if (leader?.term !== raft.term) return;
    if (raft.configurationIndex > raft.commit || raft.transferee !== null) return;
    const seats = this.#seats(raft);
    const leaving = this.#leavingNow();
    if (leaving.has(raft.self) && raft.configuration.voters.length > 1) {
      this.#handOver();
      return;
    }
    const next = planVoters({
      self: raft.self,
      configuration: raft.configuration,
      target: mesh.votersTarget,
      members: this.#members(isConnected, raft.self),
      seats,
      voterAwayMs: this.#voterAwayMs,
      isUnlinked: this.#components.isUnlinked(),
      leaving,
    });
    if (next === undefined) return;
    this.#isChanging = true;
    logger.info({ voters: next.voters, learners: next.learners }, 'the voters change');
    changeVoters(next)
      .then(
        () => true,
        (error: unknown) => {
          logger.warn({ err: toError(error) }, 'the voters did not change');
          return false;
        },
      )
      .then((isDone) => {
        this.#isChanging = false;
        if (isDone) this.look();
      });
  }

  #leavingNow(): ReadonlySet<string> {
    const nowMs = this.#components.clock.monotonicMs();
    for (const [peer, untilMs] of this.#leaving) {
      if (untilMs <= nowMs) this.#leaving.delete(peer);
    }
    return new Set(this.#leaving.keys());
  }

  #handOver(): void {
    this.#isChanging = true;
    this.#components
      .transfer()
      .catch((error: unknown) => {
        this.#components.logger.debug({ err: toError(error) }, 'leadership was not handed on yet');
      })
      .finally(() => {
        this.#isChanging = false;
      });
  }

  #members(isConnected: (peer: string) => boolean, self: string): readonly Candidate[] {
    const members: Candidate[] = [];
    const nowMs = this.#components.clock.monotonicMs();
    for (const [peer, member] of this.#components.state.entries('member')) {
      if (member.removedIndex !== null) continue;
      const { addedIndex } = member;
      const passed = this.#passedOver.get(peer);
      const isMute = (passed?.againMs ?? 0) > nowMs;
      const isThere = peer === self || (isConnected(peer) && !isMute);
      const isLast = (passed?.untilMs ?? 0) > nowMs;
      members.push({ peer, addedIndex, isConnected: isThere, isLast });
    }
    return members;
  }

  #passOver(peer: string, nowMs: number): void {
    const before = this.#passedOver.get(peer);
    if (before !== undefined && before.againMs > nowMs) return;
    const waitMs = before === undefined ? RETRY_MS : Math.min(before.waitMs * 2, PASSED_OVER_MS);
    this.#passedOver.set(peer, {
      untilMs: nowMs + PASSED_OVER_MS,
      againMs: nowMs + waitMs,
      waitMs,
    });
  }

  #seats(raft: RaftStatus): readonly Seat[] {
    const nowMs = this.#components.clock.monotonicMs();
    if (raft.term !== this.#term) this.#answeredMs.clear();
    this.#term = raft.term;
    // Whoever had a seat before begins anew: its old silence would cost it the new one at once.
    const seated = new Set(raft.progress.map(({ peer }) => peer));
    for (const peer of this.#answeredMs.keys()) {
      if (!seated.has(peer)) this.#answeredMs.delete(peer);
    }
    return raft.progress
      .filter(({ peer }) => peer !== raft.self)
      .map((it) => {
        // A new leader has heard nobody yet: silence counts from when it first looked.
        const since = this.#answeredMs.get(it.peer) ?? nowMs;
        const answeredMs = Math.max(since, it.answeredMs);
        this.#answeredMs.set(it.peer, answeredMs);
        const silentMs = nowMs - answeredMs;
        const isThere = it.answeredMs > 0 && nowMs - it.answeredMs <= ANSWERED_WITHIN_MS;
        if (isThere) this.#passedOver.delete(it.peer);
        else if (it.isLearner && silentMs >= LEARNER_AWAY_MS) this.#passOver(it.peer, nowMs);
        return {
          peer: it.peer,
          silentMs,
          isCaughtUp: isThere && it.match + CAUGHT_UP_ENTRIES >= raft.lastIndex,
          hasLostState: it.hasLostLog || this.#components.lost.has(it.peer),
        };
      });
  }
}

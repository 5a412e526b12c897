import type { Clock } from '../../interface/index.ts';
import type { RaftCore, RaftStatus } from '../../raft/index.ts';
import { TIME_MS_MAX } from '../../wire/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import type { VoterClocks } from './clocks/voter-clocks.ts';
import { type CommandMaker, leaderBatch, type MadeBatch } from './leader-batch.ts';
import { isChange, LEADER_ENDS, noLeader, type Proposal, type Proposals } from './proposals.ts';
import { makeEntries } from './raft-entries.ts';

/**
 * How fast the time of the log goes on, of the time that passes, while it is ahead of the voters'
 * clocks: these had been ahead and were set back. It must not stand still, or no deadline would
 * come for as long as they were ahead; and it must come back to them.
 */
const AHEAD_PACE = 63 / 64;

/** What {@link Appender} works with. */
export interface AppenderComponents {
  readonly meshLog: MeshLog;
  readonly clock: Clock;
  readonly proposals: Proposals;
  readonly clocks: VoterClocks;
  readonly maker: CommandMaker;
  /** See `RaftDriverInit.recipient`. */
  readonly recipient: string;
}

/** Gives a leader's core what is to be in the log: the term's announcement, then what waits. */
export class Appender {
  readonly #components: AppenderComponents;
  /** Agreed time of the last entry, here or sent by a leader. */
  #tailTimeMs = 0;
  /** An agreed time that the clocks gave, and the monotonic time of that moment. */
  #given = { timeMs: 0, atMs: 0 };
  /** The term in which this node has announced itself. */
  #announcedTerm = 0;

  constructor(components: AppenderComponents) {
    this.#components = components;
  }

  /** A new core begins behind an entry of that time. */
  begin(tailTimeMs: number): void {
    this.follow(tailTimeMs);
    this.#announcedTerm = 0;
  }

  /** Entries of a leader go up to that time: none of this node's own comes before it. */
  follow(timeMs: number): void {
    if (timeMs <= this.#tailTimeMs) return;
    this.#tailTimeMs = timeMs;
    this.#given = { timeMs, atMs: this.#components.clock.monotonicMs() };
  }

  /** Whether there is anything to append. */
  isDue(status: RaftStatus): boolean {
    if (status.role !== 'leader' || status.transferee !== null) return false;
    return this.#announcedTerm < status.term || this.#components.proposals.isWaiting;
  }

  /** Gives the core what waits, the announcement of the term first. */
  offer(core: RaftCore): void {
    const { status } = core;
    if (!this.isDue(status)) return;
    const { proposals, maker, recipient } = this.#components;
    if (this.#announcedTerm < status.term) {
      const body = { term: status.term, recipient };
      this.#announcedTerm = status.term;
      this.#append(core, [leaderBatch(maker, 'leader.announce', body)]);
    }
    if (!proposals.isWaiting) return;
    const group = proposals.take();
    const first = core.status.lastIndex + 1;
    if (this.#append(core, group)) {
      proposals.placed(group, first);
    } else if (core.status.role === 'leader' && group.every(isChange)) {
      fail(group, 'no voter can come or go now');
    } else {
      fail(group, LEADER_ENDS);
      // Nor what is behind it: what overtakes an earlier batch of its origin has it dropped.
      proposals.failAll(noLeader(LEADER_ENDS));
    }
  }

  /** False when the core would not have them. */
  #append(core: RaftCore, batches: readonly MadeBatch[]): boolean {
    const { lastIndex, term } = core.status;
    const { meshLog, clock, clocks } = this.#components;
    this.follow(Math.max(meshLog.appliedTimeMs, clocks.agreedMs()));
    // From what was given, not from the entry before: of steps of less than a millisecond nothing
    // would be left.
    const passedMs = Math.floor((clock.monotonicMs() - this.#given.atMs) * AHEAD_PACE);
    const goneOnMs = Math.min(TIME_MS_MAX, this.#given.timeMs + passedMs);
    const timeMs = Math.max(this.#tailTimeMs, goneOnMs);
    this.#tailTimeMs = timeMs;
    const entries = makeEntries(batches, { prevIndex: lastIndex, term, timeMs });
    core.step({ type: 'propose', entries }, clock.monotonicMs());
    return core.status.lastIndex === lastIndex + entries.length;
  }
}

function fail(group: readonly Proposal[], message: string): void {
  for (const { reject } of group) reject(noLeader(message));
}

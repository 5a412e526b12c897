import { Outgoing } from '../log/outgoing.ts';
import { TermLog } from '../log/term-log.ts';
import type { Progress } from '../quorum/progress.ts';
import { ReadIndex } from '../quorum/read-index.ts';
import type { Votes } from '../quorum/votes.ts';
import { raftTiming } from '../timing.ts';
import type { MessageBody, RaftInit, RaftMessage, RaftRole, RaftTiming } from '../types.ts';

/** A message of these types. */
export type Message<T extends RaftMessage['type']> = Extract<RaftMessage, { type: T }>;

/** What a node has while it leads. */
export class Leadership {
  /** Everyone of the configuration but this node. */
  progress = new Map<string, Progress>();
  readonly reads = new ReadIndex();
  heartbeatAtMs: number;
  transfer: { readonly to: string; readonly untilMs: number; isAsked: boolean } | null = null;

  constructor(heartbeatAtMs: number) {
    this.heartbeatAtMs = heartbeatAtMs;
  }
}

/** The state of a core. The roles are functions on it; nothing else holds state. */
export class RaftNode {
  readonly self: string;
  readonly timing: RaftTiming;
  readonly log: TermLog;
  readonly outgoing: Outgoing;
  readonly #random: () => number;
  /** Turns false for good when this node finds that it lost what it acknowledged. */
  canVote: boolean;
  role: RaftRole = 'follower';
  term: number;
  vote: string | null;
  leader: string | null = null;
  commit: number;
  nowMs: number;
  lastTickMs: number;
  wasTickLate = false;
  /** Who led this term when it was heard last, and when: inside the timeout nobody gets a vote. */
  heard: { readonly leader: string; readonly atMs: number } | null = null;
  /** Peers whose last connection is gone. */
  readonly lost = new Set<string>();
  electionAtMs: number;
  /** Set after the leader's connection was lost, or an election: campaign soon. */
  campaignAtMs: number | null = null;
  votes: Votes | null = null;
  /** Set while this node leads. */
  lead: Leadership | null = null;
  ignoredCount = 0;

  constructor(init: RaftInit) {
    this.self = init.self;
    this.timing = raftTiming(init.timing);
    this.#random = init.random;
    this.canVote = init.canVote;
    this.log = new TermLog(init);
    this.outgoing = new Outgoing(this.log.lastIndex, init.hardState);
    // A state that was installed may be of a later term than this node had heard of.
    this.term = Math.max(init.hardState.term, init.base.term);
    this.vote = this.term > init.hardState.term ? null : init.hardState.vote;
    // A base was compacted and a certain configuration applied: both were committed.
    this.commit = Math.max(init.hardState.commit, init.base.index, init.configurationIndex);
    this.nowMs = init.nowMs;
    this.lastTickMs = init.nowMs;
    this.electionAtMs = init.nowMs;
    this.awaitLeader();
  }

  /**
   * Whether it may campaign: a voter, or one that was until a change that is not known committed.
   * Only this node may have that change, and then nobody else can win: it stands without counting
   * its own vote (Ongaro 2014, section 4.2.2).
   */
  get isCandidateAble(): boolean {
    return this.canVote && this.log.isVoterFrom(this.commit, this.self);
  }

  /** Whole milliseconds from 0 to below `spreadMs`. */
  jitterMs(spreadMs: number): number {
    return Math.floor(this.#random() * spreadMs);
  }

  /** Silence is counted from now on. */
  resetElection(): void {
    const { electionMs, electionSpreadMs } = this.timing;
    this.electionAtMs = this.nowMs + electionMs + this.jitterMs(electionSpreadMs);
  }

  /** As {@link resetElection}; but who votes alone has nobody to wait for. */
  awaitLeader(): void {
    const { voters } = this.log.configuration;
    if (voters.length === 1 && voters[0] === this.self) this.electionAtMs = this.nowMs;
    else this.resetElection();
  }

  /** Campaigns `afterMs` and up to `connectionLostSpreadMs` from now, if nothing comes between. */
  campaignSoon(afterMs: number): void {
    const delayMs = afterMs + this.jitterMs(this.timing.connectionLostSpreadMs);
    this.campaignAtMs = this.nowMs + delayMs;
  }

  /** Goes out beside the write. */
  sendNow(to: string, body: MessageBody, term = this.term): void {
    this.outgoing.sendNow({ from: this.self, to, term, ...body } as RaftMessage);
  }

  /** Goes out when all that happened up to here is on the disk. */
  sendAfter(to: string, body: MessageBody, term = this.term): void {
    this.outgoing.sendAfter({ from: this.self, to, term, ...body } as RaftMessage);
  }

  /** Raises the commit index; it never falls and never passes the log. */
  commitTo(index: number): void {
    this.commit = Math.max(this.commit, Math.min(index, this.log.lastIndex));
  }
}

import {
  CooeeError,
  delay,
  isCooeeError,
  type LogRecord,
  type Timer,
  toError,
} from '../../interface/index.ts';
import {
  type Configuration,
  RaftCore,
  type RaftInput,
  type RaftStatus,
  type RaftTiming,
  type Ready,
} from '../../raft/index.ts';
import { isUnread } from '../log/halt.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import { Appender } from './appender.ts';
import { Ticker } from './clocks/ticker.ts';
import { VoterClocks } from './clocks/voter-clocks.ts';
import { type CommandMaker, leaderBatch } from './leader-batch.ts';
import { mendLog } from './mend-log.ts';
import { PendingReads } from './pending-reads.ts';
import type { RaftDriverComponents, RaftDriverInit } from './ports.ts';
import { LEADER_ENDS, noLeader, Proposals } from './proposals.ts';
import type { LinkMessage } from './raft-codec.ts';
import { coreInitOf, heldBefore } from './raft-entries.ts';
import { ReceivedAppends } from './receiving/received-appends.ts';
import { type RoleSeen, RoleWatch } from './role-watch.ts';
import { heirOf, heirsOf } from './seats/heirs.ts';
import { RaftSender } from './sending/raft-sender.ts';
import { SnapshotFetch } from './snapshot-fetch.ts';

/** A busy event loop is late by up to half a second now and then: no reason for an election. */
const TIMING: Partial<RaftTiming> = { electionMs: 500 };
const HANDOVER_POLL_MS = 5;
const TRANSFER_TIMEOUT_MS = 1_000;
/** When what is committed could not be read, it is tried again after this long. */
const REAPPLY_MS = 500;

/**
 * Drives the pure core of Raft: persists before it sends, many proposals per fsync, one batch in
 * flight. Lives as long as this node is a voter or a learner; after a failed write the core is
 * thrown away and begins anew from what is on the disk.
 */
export class RaftDriver {
  readonly #components: RaftDriverComponents;
  readonly #init: RaftDriverInit;
  readonly #proposals: Proposals;
  readonly #sender: RaftSender;
  readonly #received: ReceivedAppends;
  readonly #clocks: VoterClocks;
  readonly #appender: Appender;
  readonly #maker: CommandMaker;
  readonly #stopped = new AbortController();
  readonly #reads: PendingReads;
  readonly #roles: RoleWatch;
  #core: RaftCore | undefined;
  #running: Promise<void> | undefined;
  readonly #ticker: Ticker;
  #reapply: Timer | undefined;
  #fatal: CooeeError | undefined;
  readonly #fetch: SnapshotFetch;

  constructor(components: RaftDriverComponents, init: RaftDriverInit) {
    this.#components = components;
    this.#init = init;
    const { meshLog, link, clock, health, signer } = components;
    this.#proposals = new Proposals(components);
    const voters = () => this.status?.configuration.voters ?? [];
    this.#clocks = new VoterClocks({ clock, health, voters });
    this.#reads = new PendingReads(clock);
    this.#fetch = new SnapshotFetch(components);
    this.#roles = new RoleWatch(components);
    this.#ticker = new Ticker(clock, {
      deadlineMs: () => this.#core?.deadlineMs,
      onTick: () => this.#input({ type: 'tick' }),
    });
    this.#maker = { signer, clock, crypto: components.crypto, meshId: meshLog.meshId };
    this.#appender = new Appender({
      ...{ meshLog, clock, proposals: this.#proposals, clocks: this.#clocks },
      ...{ maker: this.#maker, recipient: init.recipient },
    });
    this.#sender = new RaftSender({
      ...{ meshLog, link, clock },
      onUndelivered: (peer) => {
        // A compaction is told when the files are gone; the entries go before.
        this.onCompacted(Math.min(meshLog.held.firstIndex - 1, this.status?.commit ?? 0));
        this.#input({ type: 'unreachable', peer });
      },
    });
    this.#received = new ReceivedAppends({
      ...{ ...components, meshId: meshLog.meshId, signal: this.#stopped.signal },
      onAppend: (message, entries, timeMs) => {
        this.#input({ type: 'message', message, entries });
        // Entries that the core does not take date nothing.
        if (this.status?.leader === message.from) this.#appender.follow(timeMs);
      },
    });
  }

  /** The core as it stands; undefined while the disk fails. */
  get status(): RaftStatus | undefined {
    return this.#core?.status;
  }
  get isLeader(): boolean {
    return this.#core?.status.role === 'leader';
  }

  /** Begins from what is on the disk. @throws CooeeError ERR_STORAGE_* */
  async start(): Promise<void> {
    await this.#begin();
    this.#ticker.arm();
  }

  /** Hands leadership on when it can within a second; then nothing is said any more. */
  async stop({ handsOver } = { handsOver: true }): Promise<void> {
    if (handsOver && this.isLeader && this.#fatal === undefined) {
      await this.transfer().catch((error: unknown) => {
        this.#components.logger.debug({ err: toError(error) }, 'leadership was not handed on');
      });
    }
    this.#stopped.abort(noLeader('the node stops'));
    this.#ticker.stop();
    this.#reapply?.cancel();
    this.#fetch.stop();
    this.#sender.clear();
    this.#core = undefined;
    this.#dropWork('the node stops');
    await this.#running;
  }

  onMessage(peer: string, received: Extract<LinkMessage, { kind: 'raft' }>): void {
    this.#clocks.heard(peer, received.timeMs);
    const { message } = received;
    const give = (): void => this.#input({ type: 'message', message });
    if (message.type === 'append') this.#received.take(peer, message, received.entries);
    // To stand it needs what it was sent before.
    else if (message.type === 'timeout-now') this.#received.behind(give);
    else give();
  }

  onConnected = (peer: string): void =>
    this.#received.behind(() => this.#input({ type: 'connected', peer }));

  onConnectionLost = (peer: string): void =>
    this.#received.behind(() => {
      this.#input({ type: 'connection-lost', peer });
      this.#ticker.arm();
    });

  /**
   * Takes batches of one origin into the log, in order; resolves with an index at which the outcome
   * of the first is known, and of those behind it that were taken, once applied here.
   *
   * @param isOwn from this node's own outbox
   * @throws CooeeError as {@link Proposals.add}; ERR_SLURP_NO_LEADER, ERR_STORAGE_*: try again
   */
  async propose(batches: readonly Uint8Array[], isOwn: boolean): Promise<number> {
    if (this.#fatal !== undefined) throw this.#fatal;
    this.#stopped.signal.throwIfAborted();
    const { halted } = this.#components.meshLog;
    // Without applying nothing can be checked, and the log would only grow.
    if (halted !== undefined) {
      throw new CooeeError('ERR_SLURP_NO_LEADER', 'the log cannot be applied', { cause: halted });
    }
    if (!this.isLeader) throw noLeader();
    const done = this.#proposals.add(batches, isOwn);
    this.#run();
    return await done;
  }

  /**
   * Changes who votes: at most one voter at a time. Resolves when the change is applied here.
   *
   * @throws CooeeError ERR_SLURP_NO_LEADER: it may be in force or not
   */
  async changeVoters(configuration: Configuration): Promise<void> {
    const { status } = this;
    if (status?.role !== 'leader') throw noLeader();
    const { voters, learners } = configuration;
    const body = { term: status.term, voters: [...voters], learners: [...learners] };
    const done = this.#proposals.enqueue(leaderBatch(this.#maker, 'voter.change', body));
    this.#run();
    await done;
  }

  /**
   * An index that every read which begins now must have applied: leadership is confirmed by a
   * majority first (Ongaro 2014, section 6.4).
   *
   * @throws CooeeError ERR_SLURP_NO_LEADER
   */
  async readIndex(): Promise<number> {
    if (!this.isLeader) throw noLeader();
    return await this.#reads.ask((id) => this.#input({ type: 'read', id }));
  }

  /**
   * Hands leadership to a voter, or to the one that is furthest; resolves when it leads no more.
   *
   * @throws CooeeError ERR_SLURP_NO_LEADER when there is nobody to hand it to, or it did not happen
   * within a second
   */
  async transfer(to?: string): Promise<void> {
    const { status } = this;
    if (status?.role !== 'leader') throw noLeader();
    const heir = heirOf(status, to);
    this.#input({ type: 'transfer', to: heir });
    const { clock } = this.#components;
    const untilMs = clock.monotonicMs() + TRANSFER_TIMEOUT_MS;
    while (this.isLeader && clock.monotonicMs() < untilMs) {
      await delay(clock, HANDOVER_POLL_MS, this.#stopped.signal);
    }
    if (this.isLeader) throw noLeader(`${heir} did not take over`);
  }

  onApplied = (entry: AppliedEntry): void => this.#proposals.applied(entry);

  /** Entries up to and including `index` are gone from the log. */
  onCompacted(index: number): void {
    this.#input({ type: 'compacted', index });
  }

  #input(input: RaftInput): void {
    if (this.#core === undefined) return;
    this.#core.step(input, this.#components.clock.monotonicMs());
    this.#run();
  }

  /** One loop at a time carries out what the core asks for. */
  #run(): void {
    this.#running ??= this.#carryOn().finally(() => {
      this.#running = undefined;
      // Something may have come in between the last look and this turn.
      if (this.#hasWork()) this.#run();
    });
  }

  #hasWork(): boolean {
    const core = this.#core;
    if (core === undefined) return false;
    return core.hasReady() || this.#appender.isDue(core.status);
  }

  async #carryOn(): Promise<void> {
    // One turn, so that what comes in one moment shares an fsync, the first of it included.
    await Promise.resolve();
    for (;;) {
      const core = this.#core;
      if (core === undefined) return;
      this.#appender.offer(core);
      this.#tellChange(core.status);
      if (!core.hasReady()) return;
      try {
        await this.#carryOut(core, core.takeReady());
      } catch (error) {
        await this.#fail(error);
      }
    }
  }

  async #carryOut(core: RaftCore, ready: Ready): Promise<void> {
    const { clock } = this.#components;
    // Begun before the messages go: they wake others, who want this processor too.
    const writing = this.#write(core, ready);
    try {
      for (const message of ready.messagesNow) this.#sender.send(message, ready.entries);
      // What the log holds already is applied while the disk writes, not before the answer goes.
      this.#commit(Math.min(ready.commit, heldBefore(ready)));
    } finally {
      await writing;
    }
    if (this.#core !== core) return;
    core.step({ type: 'persisted' }, clock.monotonicMs());
    for (const message of ready.messagesAfter) this.#sender.send(message);
    // Not what the core has by now: entries that came meanwhile may replace some that the log still
    // holds.
    this.#commit(ready.commit);
    if (!core.status.canVote) this.#components.onLostState();
    for (const { id, index } of ready.reads) this.#reads.answer(id, index);
    if (ready.fetchSnapshot !== undefined) {
      this.#fetch.begin(ready.fetchSnapshot, (installed) => {
        // Also a core that a failed write has made anew. Who leads by now has it all in its log.
        if (!this.isLeader) this.#input({ type: 'snapshot-installed', ...installed });
      });
    }
    this.#tellChange(core.status);
  }

  async #write(core: RaftCore, { truncateFrom, hardState, entries, commit }: Ready): Promise<void> {
    const { meshLog } = this.#components;
    if (truncateFrom !== undefined) await meshLog.truncateFrom(truncateFrom);
    if (entries.length === 0 && hardState === undefined) return;
    const { term, vote } = hardState ?? core.status;
    // A commit index of this very turn may be of entries that the log does not hold yet.
    const known = { term, vote, commit: Math.min(commit, meshLog.commitIndex) };
    await meshLog.persist(entries as readonly LogRecord[], known);
  }

  #commit(index: number): void {
    const { meshLog } = this.#components;
    if (index <= meshLog.commitIndex) return;
    for (const origin of this.#proposals.originsOf(meshLog.commitIndex + 1, index)) {
      this.#sender.tell(origin);
    }
    this.#apply(index);
  }

  /** A leader that cannot apply, MeshLog says why, makes room for one that can. */
  #apply(index: number): void {
    const { meshLog, logger, clock } = this.#components;
    meshLog.commitTo(index).catch((error: unknown) => {
      if (this.#stopped.signal.aborted) return;
      logger.error({ err: toError(error) }, 'what is committed is not applied');
      // What could not be read now may be read later; a halt, or damage, is for good.
      const isHalted = meshLog.halted !== undefined || !isUnread(error);
      if (isHalted) this.#dropWork('the log cannot be applied');
      else {
        this.#reapply ??= clock.schedule(REAPPLY_MS, () => {
          this.#reapply = undefined;
          this.#apply(meshLog.commitIndex);
        });
      }
      if (!this.isLeader || (!isHalted && this.status?.transferee !== null)) return;
      this.transfer().catch((reason: unknown) => {
        if (isHalted) this.#discard(reason);
      });
    });
  }

  #tellChange(status: RoleSeen): void {
    const change = this.#roles.take(status);
    if (change === undefined) return;
    if (change.hasEnded) {
      this.#dropWork(LEADER_ENDS);
      this.#clocks.rest();
    }
    this.#components.onChange();
  }

  #dropWork(message: string, cause?: unknown): void {
    this.#proposals.failAll(isCooeeError(cause) ? cause : noLeader(message));
    this.#reads.refuseAll();
  }

  #discard(reason: unknown): void {
    this.#core = undefined;
    this.#sender.clear();
    this.#dropWork('the log cannot be written', reason);
    this.#tellChange({ role: 'follower', term: this.#components.meshLog.term, leader: null });
  }

  /**
   * After a failed write nothing is acknowledged until the log was opened again: the core is thrown
   * away, the others go on, and what the disk holds is where this node begins anew.
   */
  async #fail(thrown: unknown): Promise<void> {
    this.#handOver();
    this.#discard(thrown);
    const { signal } = this.#stopped;
    const parts = { ...this.#components, signal, begin: () => this.#begin() };
    this.#fatal = await mendLog(parts, thrown);
  }

  /** A leader that cannot write asks the follower that is furthest to stand at once. */
  #handOver(): void {
    const { status } = this;
    if (status?.role !== 'leader') return;
    const [heir] = heirsOf(status);
    if (heir === undefined) return;
    const { self: from, term } = status;
    this.#sender.send({ type: 'timeout-now', from, to: heir, term });
  }

  async #begin(): Promise<void> {
    const { meshLog, signer, random, clock, link, snapshotTerm } = this.#components;
    const { init, tailTimeMs } = await coreInitOf(meshLog, snapshotTerm);
    if (this.#stopped.signal.aborted) return;
    this.#appender.begin(tailTimeMs);
    const { timing } = this.#init;
    const core = new RaftCore({
      ...init,
      self: signer.peer,
      canVote: true,
      random: () => random.fraction(),
      nowMs: clock.monotonicMs(),
      timing: { ...TIMING, ...timing },
    });
    this.#core = core;
    const { voters, learners } = core.status.configuration;
    for (const peer of [...voters, ...learners]) {
      if (peer !== signer.peer && link.isConnected(peer)) this.onConnected(peer);
    }
    this.#tellChange(core.status);
    // Who votes alone has nobody to wait for.
    this.#input({ type: 'tick' });
  }
}

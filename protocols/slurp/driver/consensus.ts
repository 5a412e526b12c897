import { CooeeError, isCooeeError, type MemberRecord, toError } from '../../interface/index.ts';
import type { RaftStatus } from '../../raft/index.ts';
import type { Leadership } from '../heads/ports.ts';
import { IndexWaiters } from '../log/index-waiters.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import { epochOf } from '../recovery/recovery-rules.ts';
import type { Replica } from '../replica/replica.ts';
import type { ConsensusComponents, ConsensusInit } from './ports.ts';
import { decodeLinkMessage } from './raft-codec.ts';
import type { RaftDriver } from './raft-driver.ts';
import { Autopilot } from './seats/autopilot.ts';
import { heirsOf } from './seats/heirs.ts';
import { Introductions } from './seats/introductions.ts';
import { LostState } from './seats/lost-state.ts';
import { OwnSeat } from './seats/own-seat.ts';
import { Part } from './seats/part.ts';
import { RestoredSeat } from './seats/restored-seat.ts';
import { SeatMarks } from './seats/seat-marks.ts';
import { SeatWatch } from './seats/seat-watch.ts';

/** Another try when a seat could not be taken or left. */
const RECONSIDER_MS = 1_000;

/**
 * A node's part in the log: a voter or a learner drives Raft, every other member follows by pull.
 * Which of the two it is stands in the log, and changes with it.
 */
export class Consensus implements Leadership {
  /** Those who wait for what comes by itself; {@link follow} asks for it. */
  readonly waiters: IndexWaiters;
  readonly #components: ConsensusComponents;
  readonly #init: ConsensusInit;
  readonly #marks: SeatMarks;
  readonly #lostState: LostState;
  readonly #introductions: Introductions;
  readonly #autopilot: Autopilot;
  readonly #seatWatch: SeatWatch;
  readonly #restoredSeat: RestoredSeat;
  readonly #seat: OwnSeat;
  readonly #stopped = new AbortController();
  readonly #listeners: (() => void)[] = [];
  readonly #part: Part;
  #turn: Promise<void> = Promise.resolve();
  #isStarted = false;
  /** How often {@link handOver} was tried. */
  #handOvers = 0;
  /** Voters and learners as of the last change, to tell those who lost their seat. */
  #seated: readonly string[] = [];

  constructor(components: ConsensusComponents, init: ConsensusInit) {
    this.#components = components;
    this.#init = init;
    this.waiters = new IndexWaiters(components.clock, components.meshLog);
    const { meshLog, signer, link, clock, logger } = components;
    const onLostState = (): void => this.#lostState.shown();
    this.#part = new Part({ ...components, onChange: () => this.#tell(), onLostState }, init);
    this.#marks = new SeatMarks(components);
    const marks = this.#marks;
    const member = (peer: string) => meshLog.state.get('member', peer) as MemberRecord | undefined;
    const own = { self: signer.peer, start: init.start };
    this.#lostState = new LostState(
      {
        ...{ ...components, marks, member },
        awaitedIndex: () => components.epochs.awaitedIndex,
        onChange: () => this.#reconsider(),
        say: () => this.#introductions.introduceAll(),
      },
      own,
    );
    this.#introductions = new Introductions(
      {
        ...{ ...components, member, lostState: this.#lostState },
        configuration: () => this.#seat.configuration,
        onIntroduced: (peer) => this.#part.driver?.onConnected(peer),
        onDismissed: () => this.#seatWatch.dismissed(),
        epoch: () => epochOf(meshLog.state).id,
      },
      own,
    );
    this.#autopilot = new Autopilot(
      {
        ...{ clock, logger, state: meshLog.state },
        status: () => this.#part.driver?.status,
        isConnected: (peer) => link.isConnected(peer),
        lost: this.#introductions.lost,
        isUnlinked: components.isUnlinked,
        changeVoters: async (configuration) => await this.#driver.changeVoters(configuration),
        transfer: () => this.transfer(),
      },
      init.voterAwayMs,
    );
    this.#seatWatch = new SeatWatch({
      ...{ self: signer.peer, marks, clock, logger },
      isAlone: () => this.#part.driver?.status?.leader === null,
      configuration: () => this.#part.driver?.status ?? meshLog.configuration(),
      isVoter: () => this.#seat.isVoter,
      held: () => meshLog,
      ask: () => components.makeReplica().look(),
      onVoters: (voters) => this.#introductions.prove(voters),
      onChange: () => void this.#reconsider(),
    });
    this.#seat = new OwnSeat({
      ...{ self: signer.peer, meshLog, epochs: components.epochs },
      status: () => this.raft,
      hasLostState: () => this.#lostState.isLost,
      isOut: () => this.#seatWatch.isOut,
    });
    this.#restoredSeat = new RestoredSeat({
      ...{ ...components, self: signer.peer, state: meshLog.state },
      voters: () => this.#seat.configuration.voters,
      appliedIndex: () => meshLog.appliedIndex,
      isPassed: () => this.#introductions.isPassed,
      hasLostState: () => this.#lostState.isLost,
      lose: (index) => this.#lostState.lose(index),
      regain: () => this.#lostState.regain(),
      ask: () => components.makeReplica().look(),
    });
  }

  get isLeader(): boolean {
    return this.#part.driver?.isLeader ?? false;
  }

  /** The term that this node is in, as its disk knows it: what it signs must not outlive that. */
  get term(): number {
    return this.#components.meshLog.term;
  }

  /** The leader as this node's Raft knows it; undefined for one that follows by pull. */
  get leader(): string | undefined {
    return this.#part.driver?.status?.leader ?? undefined;
  }

  /** Raft's state; undefined while this node has no seat, or its disk fails. */
  get raft(): RaftStatus | undefined {
    return this.#part.driver?.status;
  }

  /** The follower by pull; undefined while this node has a seat. */
  get replica(): Replica | undefined {
    return this.#part.replica;
  }

  /** Role, term or leader changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Takes its part: as a voter, a learner, or a follower by pull. */
  async start(): Promise<void> {
    await this.#marks.open();
    await this.#lostState.open();
    await this.#restoredSeat.open(this.#init.restored);
    this.#components.meshLog.onApplied((entry) => this.#onApplied(entry));
    this.#components.meshLog.onReplaced(() => this.#onSeats());
    this.#isStarted = true;
    await this.#reconsider();
    this.#autopilot.start();
    this.#seatWatch.start();
    this.#restoredSeat.start();
  }

  /** A leader hands over first. */
  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    this.waiters.close(this.#stopped.signal.reason);
    this.#autopilot.stop();
    this.#seatWatch.stop();
    this.#restoredSeat.stop();
    await this.#turn.catch(() => undefined);
    await this.#part.leave();
  }

  /**
   * Gives the seat up for good: this node's identity runs twice (it still follows), or it was
   * removed (`all`: it does nothing more).
   */
  async retire(what: 'seat' | 'all'): Promise<void> {
    this.#seat.retire(what);
    await this.#reconsider();
  }

  /**
   * Takes no part while the operator's word is carried out: Raft is at rest, and the log is the
   * task's alone. It had a seat also while it was halted or could not take it, unless it pulled.
   *
   * @throws what the task throws
   */
  async refound(
    task: (how: { readonly hadSeat: boolean; readonly isLed: boolean }) => Promise<void>,
  ): Promise<void> {
    const done = this.#turn.then(async () => {
      const { driver, replica } = this.#part;
      const hadSeat = driver !== undefined || (replica === undefined && this.#seat.canTake);
      const isLed = driver?.status != null && driver.status.leader !== null;
      // Whoever took over would commit what the task cannot see.
      await this.#part.leave({ handsOver: false });
      await task({ hadSeat, isLed });
      await this.#seatWatch.recovered();
      if (this.#lostState.isLost) this.#lostState.regain();
    });
    this.#turn = done.catch(() => undefined);
    try {
      await done;
    } finally {
      this.onEpoch();
      await this.#turn;
    }
  }

  /** Another epoch is followed, or none until the operator has chosen. */
  onEpoch(): void {
    this.#introductions.forgetAll();
    this.#lookAtSeats();
    void this.#reconsider().then(() => {
      this.#introductions.introduceAll();
      this.#tell();
    });
  }

  /** See {@link OwnSeat.canVote}. */
  get canVote(): boolean {
    return this.#seat.canVote;
  }

  /**
   * Voters and learners besides this node, while it is one of them by its log: also when it may not
   * take its seat, since it has to tell them so.
   */
  get partners(): readonly string[] {
    return this.#seat.isGone ? [] : this.#introductions.partners;
  }

  /** A message on the link. @throws CooeeError ERR_WIRE_*: the peer's bytes are wrong */
  onMessage(peer: string, bytes: Uint8Array): void {
    const message = decodeLinkMessage(bytes, { from: peer, to: this.#components.signer.peer });
    if (message.kind !== 'raft') this.#introductions.onMessage(peer, message);
    else if (this.#introductions.isKnown(peer)) this.#part.driver?.onMessage(peer, message);
  }

  /**
   * The stream of messages to a peer broke, and is opened again. What was under way is lost: of
   * Raft's messages the core takes care, but nobody else would say who this node is.
   */
  onStreamBroken(peer: string): void {
    this.#introductions.introduce(peer);
  }

  /** The first connection to a peer opened, or the last one is gone. */
  onConnection(peer: string, isConnected: boolean): void {
    if (isConnected) {
      this.#introductions.introduce(peer);
      this.#autopilot.look();
      return;
    }
    this.#introductions.forget(peer);
    this.#part.driver?.onConnectionLost(peer);
  }

  /** See {@link RaftDriver.propose}. */
  async propose(batches: readonly Uint8Array[], isOwn: boolean): Promise<number> {
    return await this.#driver.propose(batches, isOwn);
  }

  /** See {@link RaftDriver.readIndex}. */
  async readIndex(): Promise<number> {
    return await this.#driver.readIndex();
  }

  /** See {@link RaftDriver.transfer}. */
  async transfer(to?: string): Promise<void> {
    await this.#driver.transfer(to);
  }

  /**
   * A member is about to leave: while this node leads, its seat goes to another.
   *
   * @throws CooeeError ERR_SLURP_NO_LEADER
   */
  vacate(peer: string): void {
    if (!this.isLeader) throw new CooeeError('ERR_SLURP_NO_LEADER');
    this.#autopilot.vacate(peer);
  }

  /**
   * Lets another voter lead, when this node does and one can: its state is not the right one, or
   * cannot be stored. Another one each time: the one before may have the same trouble.
   */
  handOver(): void {
    const status = this.#part.driver?.status;
    if (!this.isLeader || status === undefined) return;
    const heirs = heirsOf(status);
    if (heirs.length === 0) return;
    const heir = heirs[this.#handOvers++ % heirs.length];
    this.transfer(heir).catch((error: unknown) => {
      this.#components.logger.warn({ err: toError(error) }, 'leadership was not handed on');
    });
  }

  /** There is news: a follower by pull looks now. */
  nudge(): void {
    this.#part.replica?.nudge();
  }

  /**
   * Resolves when the index is applied here.
   *
   * @throws CooeeError ERR_WIRE_TIMEOUT, ERR_SLURP_NO_LEADER; the signal's reason
   */
  async follow(index: number, signal?: AbortSignal): Promise<void> {
    if (this.#components.meshLog.appliedIndex >= index) return;
    if (this.#part.replica !== undefined) {
      await this.#part.replica.follow(index, signal);
      return;
    }
    await this.waiters.until(index, { signal });
  }

  /** The log was compacted up to and including `index`. */
  onCompacted(index: number): void {
    this.#part.driver?.onCompacted(index);
  }

  /** @throws CooeeError ERR_SLURP_NO_LEADER while this node has no seat */
  get #driver(): RaftDriver {
    const { driver } = this.#part;
    if (driver === undefined) throw new CooeeError('ERR_SLURP_NO_LEADER');
    return driver;
  }

  #onApplied(entry: AppliedEntry): void {
    this.#part.driver?.onApplied(entry);
    for (const { type, data } of entry.events) {
      if (type === 'voters:change') this.#onSeats();
      if (type === 'member:boot') {
        this.#lookAtSeats();
        this.#autopilot.started(data['peer']);
      }
      if (/^(?:leader:change|member:.*|mesh:settings|voters:change)$/.test(type)) {
        this.#autopilot.look();
      }
    }
  }

  /** Of those that lost their state some may go on, this node among them. */
  #lookAtSeats(): void {
    this.#introductions.look();
    this.#lostState.look();
  }

  /** Who votes may be another than before. */
  #onSeats(): void {
    this.#lookAtSeats();
    this.#introductions.introduceToUnknown();
    if (this.isLeader) this.#introductions.dismiss(this.#seated);
    this.#seated = this.partners;
    void this.#reconsider().then(() => this.#tell());
  }

  /** Changes between the two ways of following when the log says so; one change at a time. */
  #reconsider(): Promise<void> {
    this.#turn = this.#turn
      .then(async () => {
        if (!this.#isStarted || this.#stopped.signal.aborted) return;
        // A closed store is its owner's; a failed one is mended by opening it.
        const { store } = this.#components;
        if (store.status === 'failed') await store.open();
        if (this.#seat.isAtRest) {
          await this.#part.leave();
          return;
        }
        const isNews = await this.#part.keep(this.#marks, this.#seat.canTake);
        if (isNews) this.#introductions.introduceAll();
        if (!this.#seat.canTake) await this.#part.followByPull();
        else if (await this.#part.takeSeat()) this.#introductions.introduceAll();
      })
      .catch((error: unknown) => {
        const { logger, clock, onFatal } = this.#components;
        logger.error({ err: toError(error) }, 'the part in the log did not change');
        // A disk that is full now may not be later; after a failed sync another process must look.
        if (isCooeeError(error) && error.details['fatal'] === true) onFatal(error);
        else clock.schedule(RECONSIDER_MS, () => void this.#reconsider());
      });
    return this.#turn;
  }

  #tell(): void {
    // A new leader learns from each voter whether it still has its state.
    if (this.isLeader) this.#introductions.introduceAll();
    for (const listener of this.#listeners) listener();
    this.#autopilot.look();
  }
}

import {
  CooeeError,
  type KeyValueStore,
  type MemberRecord,
  toError,
} from '../../interface/index.ts';
import type { Configuration, RaftStatus, RaftTiming } from '../../raft/index.ts';
import type { Leadership } from '../heads/ports.ts';
import { IndexWaiters } from '../log/index-waiters.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import type { SignedHead } from '../machine/codec.ts';
import type { Replica } from '../replica/replica.ts';
import type { RaftDriverComponents } from './ports.ts';
import { decodeLinkMessage } from './raft-codec.ts';
import { RaftDriver } from './raft-driver.ts';
import { Autopilot } from './seats/autopilot.ts';
import { Introductions } from './seats/introductions.ts';
import { SeatWatch } from './seats/seat-watch.ts';

/** Another try when a seat could not be taken or left. */
const RECONSIDER_MS = 1_000;

/** What taking part in the consensus takes. */
export interface ConsensusComponents
  extends Omit<RaftDriverComponents, 'onChange' | 'onLostState'> {
  readonly store: KeyValueStore;
  /** The highest head that was verified here. */
  readonly head: () => { readonly bytes: Uint8Array; readonly signed: SignedHead } | undefined;
  /** Whether a change of voters waits for the signatures of the old ones. */
  readonly isUnlinked: () => boolean;
  /** A follower by pull: made anew each time that this node has no seat. */
  readonly makeReplica: () => Replica;
}

/** Settings of {@link Consensus}. */
export interface ConsensusInit {
  readonly start: { readonly boot: number; readonly bootNonce: string };
  readonly recipient: string;
  readonly timing?: Partial<RaftTiming>;
  /** See {@link Autopilot}. */
  readonly voterAwayMs?: number | undefined;
}

/**
 * A node's part in the log: a voter or a learner drives Raft, every other member follows by pull.
 * Which of the two it is stands in the log, and changes with it.
 */
export class Consensus implements Leadership {
  /** Those who wait for what comes by itself; {@link follow} asks for it. */
  readonly waiters: IndexWaiters;
  readonly #components: ConsensusComponents;
  readonly #init: ConsensusInit;
  readonly #introductions: Introductions;
  readonly #autopilot: Autopilot;
  readonly #seatWatch: SeatWatch;
  readonly #stopped = new AbortController();
  readonly #listeners: (() => void)[] = [];
  #driver: RaftDriver | undefined;
  #replica: Replica | undefined;
  #turn: Promise<void> = Promise.resolve();
  #isStarted = false;
  /** Voters and learners as of the last change, to tell those who lost their seat. */
  #seated: readonly string[] = [];
  /** Set for good when this node must not vote any more, or not even follow. */
  #retired: 'no' | 'seat' | 'all' = 'no';

  constructor(components: ConsensusComponents, init: ConsensusInit) {
    this.#components = components;
    this.#init = init;
    this.waiters = new IndexWaiters(components.clock, components.meshLog);
    const { meshLog, signer, link, clock, logger } = components;
    this.#introductions = new Introductions(
      {
        ...components,
        configuration: () => this.#configuration(),
        member: (peer) => meshLog.state.get('member', peer) as MemberRecord | undefined,
        onIntroduced: (peer) => this.#driver?.onConnected(peer),
        onLost: () => this.#reconsider(),
        onDismissed: () => this.#seatWatch.dismissed(),
      },
      { self: signer.peer, start: init.start },
    );
    this.#autopilot = new Autopilot(
      {
        clock,
        logger,
        state: meshLog.state,
        status: () => this.#driver?.status,
        isConnected: (peer) => link.isConnected(peer),
        lost: this.#introductions.lost,
        isUnlinked: components.isUnlinked,
        changeVoters: async (configuration) => {
          if (this.#driver === undefined) throw new CooeeError('ERR_SLURP_NO_LEADER');
          await this.#driver.changeVoters(configuration);
        },
        transfer: () => this.transfer(),
      },
      init.voterAwayMs,
    );
    this.#seatWatch = new SeatWatch({
      self: signer.peer,
      store: components.store,
      clock,
      logger,
      isAlone: () => this.#driver?.status?.leader === null,
      configuration: () => this.#driver?.status ?? meshLog.configuration(),
      isVoter: () => this.#configurations().some(({ voters }) => voters.includes(signer.peer)),
      held: () => meshLog,
      ask: () => components.makeReplica().look(),
      onVoters: (voters) => this.#introductions.prove(voters),
      onChange: () => void this.#reconsider(),
    });
  }

  get isLeader(): boolean {
    return this.#driver?.isLeader ?? false;
  }

  get term(): number {
    return this.#driver?.status?.term ?? this.#components.meshLog.term;
  }

  /** The leader as this node's Raft knows it; undefined for one that follows by pull. */
  get leader(): string | undefined {
    return this.#driver?.status?.leader ?? undefined;
  }

  /** Raft's state; undefined while this node has no seat, or its disk fails. */
  get raft(): RaftStatus | undefined {
    return this.#driver?.status;
  }

  /** The follower by pull; undefined while this node has a seat. */
  get replica(): Replica | undefined {
    return this.#replica;
  }

  /** Role, term or leader changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Takes its part: as a voter, a learner, or a follower by pull. */
  async start(): Promise<void> {
    await this.#introductions.open();
    await this.#seatWatch.open();
    this.#components.meshLog.onApplied((entry) => this.#onApplied(entry));
    this.#components.meshLog.onReplaced(() => this.#onSeats());
    this.#isStarted = true;
    await this.#reconsider();
    this.#autopilot.start();
    this.#seatWatch.start();
  }

  /** A leader hands over first. */
  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    this.waiters.close(this.#stopped.signal.reason);
    this.#autopilot.stop();
    this.#seatWatch.stop();
    await this.#turn.catch(() => undefined);
    await this.#leave();
  }

  /**
   * Gives the seat up for good: this node's identity runs twice (it still follows), or it was
   * removed (`all`: it does nothing more).
   */
  async retire(what: 'seat' | 'all'): Promise<void> {
    this.#retired = what;
    await this.#reconsider();
  }

  /** Voters and learners besides this node, while it is one of them. */
  get partners(): readonly string[] {
    if (this.#driver === undefined) return [];
    const { voters, learners } = this.#configuration();
    return [...voters, ...learners].filter((peer) => peer !== this.#components.signer.peer);
  }

  /** A message on the link. @throws CooeeError ERR_WIRE_*: the peer's bytes are wrong */
  onMessage(peer: string, bytes: Uint8Array): void {
    const message = decodeLinkMessage(bytes, { from: peer, to: this.#components.signer.peer });
    if (message.kind !== 'raft') this.#introductions.onMessage(peer, message);
    else if (this.#introductions.isKnown(peer)) this.#driver?.onMessage(peer, message);
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
    this.#driver?.onConnectionLost(peer);
  }

  /** See {@link RaftDriver.propose}. */
  async propose(batches: readonly Uint8Array[], isOwn: boolean): Promise<number> {
    if (this.#driver === undefined) throw new CooeeError('ERR_SLURP_NO_LEADER');
    return await this.#driver.propose(batches, isOwn);
  }

  /** See {@link RaftDriver.readIndex}. */
  async readIndex(): Promise<number> {
    if (this.#driver === undefined) throw new CooeeError('ERR_SLURP_NO_LEADER');
    return await this.#driver.readIndex();
  }

  /** See {@link RaftDriver.transfer}. */
  async transfer(to?: string): Promise<void> {
    if (this.#driver === undefined) throw new CooeeError('ERR_SLURP_NO_LEADER');
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

  /** Lets another voter lead, when this node does and one can: its state is not the right one. */
  handOver(): void {
    if (!this.isLeader) return;
    this.transfer().catch((error: unknown) => {
      this.#components.logger.warn({ err: toError(error) }, 'leadership was not handed on');
    });
  }

  /** There is news: a follower by pull looks now. */
  nudge(): void {
    this.#replica?.nudge();
  }

  /**
   * Resolves when the index is applied here.
   *
   * @throws CooeeError ERR_WIRE_TIMEOUT, ERR_SLURP_NO_LEADER; the signal's reason
   */
  async follow(index: number, signal?: AbortSignal): Promise<void> {
    if (this.#components.meshLog.appliedIndex >= index) return;
    if (this.#replica !== undefined) {
      await this.#replica.follow(index, signal);
      return;
    }
    await this.waiters.until(index, { signal });
  }

  /** The log was compacted up to and including `index`. */
  onCompacted(index: number): void {
    this.#driver?.onCompacted(index);
  }

  #onApplied(entry: AppliedEntry): void {
    this.#driver?.onApplied(entry);
    for (const { type, data } of entry.events) {
      if (type === 'voters:change') this.#onSeats();
      if (type === 'member:boot') {
        this.#introductions.look();
        this.#autopilot.started(data['peer']);
      }
      if (type === 'voters:change' || type.startsWith('member:') || type === 'mesh:settings') {
        this.#autopilot.look();
      }
    }
  }

  /** Who votes may be another than before. */
  #onSeats(): void {
    this.#introductions.look();
    if (this.isLeader) this.#introductions.dismiss(this.#seated);
    this.#seated = this.partners;
    void this.#reconsider().then(() => this.#tell());
  }

  #configuration(): Configuration {
    return (
      this.#driver?.status?.configuration ?? this.#components.meshLog.configuration().configuration
    );
  }

  /** Whether this node has a seat, by the log, and may take it. */
  #hasSeat(): boolean {
    if (this.#retired !== 'no' || this.#introductions.hasLostState) return false;
    if (this.#seatWatch.isOut) return false;
    // Raft goes by the end of the log: what it acknowledged for a seat that is not in the state yet
    // must not be dropped.
    const self = this.#components.signer.peer;
    return this.#configurations().some(
      ({ voters, learners }) => voters.includes(self) || learners.includes(self),
    );
  }

  /** The last one that is part of the state, and the last one in the log. */
  #configurations(): readonly Configuration[] {
    return [this.#components.meshLog.configuration().configuration, this.#configuration()];
  }

  /** Changes between the two ways of following when the log says so; one change at a time. */
  #reconsider(): Promise<void> {
    this.#turn = this.#turn
      .then(async () => {
        if (!this.#isStarted || this.#stopped.signal.aborted) return;
        // A closed store is its owner's; a failed one is mended by opening it.
        const { store } = this.#components;
        if (store.status === 'failed') await store.open();
        if (this.#retired === 'all') {
          await this.#leave();
          return;
        }
        if (this.#hasSeat()) await this.#takeSeat();
        else await this.#followByPull();
      })
      .catch((error: unknown) => {
        const { logger, clock } = this.#components;
        logger.error({ err: toError(error) }, 'the part in the log did not change');
        // A disk that is full now may not be later.
        clock.schedule(RECONSIDER_MS, () => void this.#reconsider());
      });
    return this.#turn;
  }

  async #takeSeat(): Promise<void> {
    if (this.#driver !== undefined) return;
    const replica = this.#replica;
    await replica?.stop();
    const { meshLog } = this.#components;
    if (meshLog.isLogFailed) await meshLog.reopenLog();
    if (meshLog.tailIndex > meshLog.commitIndex && replica !== undefined) {
      // Pulled and never proved: it is not what a leader has acknowledged.
      await meshLog.dropUncommitted();
    }
    this.#replica = undefined;
    const driver = new RaftDriver(
      {
        ...this.#components,
        onChange: () => this.#tell(),
        onLostState: () => this.#introductions.lose(),
      },
      {
        recipient: this.#init.recipient,
        ...(this.#init.timing === undefined ? {} : { timing: this.#init.timing }),
      },
    );
    this.#driver = driver;
    try {
      await driver.start();
    } catch (error) {
      this.#driver = undefined;
      await driver.stop();
      throw error;
    }
    this.#introductions.introduceAll();
    this.#components.logger.info({}, 'this node has a seat among the voters');
    this.#tell();
  }

  async #followByPull(): Promise<void> {
    if (this.#replica !== undefined) return;
    await this.#driver?.stop();
    this.#driver = undefined;
    const { meshLog } = this.#components;
    if (meshLog.isLogFailed) await meshLog.reopenLog();
    if (meshLog.tailIndex > meshLog.commitIndex) await meshLog.dropUncommitted();
    const replica = this.#components.makeReplica();
    await replica.open();
    this.#replica = replica;
    replica.start();
    this.#tell();
  }

  async #leave(): Promise<void> {
    // It goes on listening while it hands leadership over.
    await this.#driver?.stop();
    this.#driver = undefined;
    await this.#replica?.stop();
    this.#replica = undefined;
  }

  #tell(): void {
    // A new leader learns from each voter whether it still has its state.
    if (this.isLeader) this.#introductions.introduceAll();
    for (const listener of this.#listeners) listener();
    this.#autopilot.look();
  }
}

import type {
  Crypto,
  Health,
  Logger,
  MemberRecord,
  MessageLink,
  Metrics,
} from '../../../interface/index.ts';
import type { Configuration } from '../../../raft/index.ts';
import { isHeadSignature } from '../../heads/head-rules.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import { decodeHead, type SignedHead } from '../../machine/codec.ts';
import { encodeHello, encodeRefused, type Hello, type LinkMessage } from '../raft-codec.ts';
import { introductionProblem } from './introduction-rules.ts';
import type { SeatMarks } from './seat-marks.ts';

/** Of a voter whose admission is not in the state here yet. */
const UNKNOWN_START = { boot: 0, bootNonce: '' };

/** What {@link Introductions} works with. */
export interface IntroductionsComponents {
  readonly meshLog: MeshLog;
  readonly marks: Pick<SeatMarks, 'get' | 'isKept' | 'keep' | 'set'>;
  readonly link: MessageLink;
  readonly crypto: Crypto;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly head: () => { readonly bytes: Uint8Array; readonly signed: SignedHead } | undefined;
  readonly configuration: () => Configuration;
  readonly member: (peer: string) => MemberRecord | undefined;
  /** A voter or learner was believed: what it says counts from now on. */
  readonly onIntroduced: (peer: string) => void;
  /** Id of the recovery that began the epoch of this node's state; empty in the first one. */
  readonly epoch: () => string;
  /** See {@link EpochBook.awaitedIndex}. */
  readonly awaitedIndex: () => number | undefined;
  /** This node was shown that it lost its state, or was given a new start as a learner. */
  readonly onLost: () => void;
  /** A voter says that this node has no seat any more. */
  readonly onDismissed: () => void;
}

/** Who this node is. */
export interface IntroductionsInit {
  readonly self: string;
  readonly start: { readonly boot: number; readonly bootNonce: string };
}

/**
 * Voters and learners introduce themselves when they connect: only one whose start and log fit what
 * is known of it is listened to. A node that is shown its own signature beyond its log keeps that
 * in mind: it neither votes nor acknowledges until it was a learner again.
 */
export class Introductions {
  readonly #components: IntroductionsComponents;
  readonly #init: IntroductionsInit;
  readonly #known = new Set<string>();
  /** Voters by the trust chain; see {@link Introductions.prove}. */
  #proved: ReadonlySet<string> = new Set();
  /** Peers that lost their state, by their own word or by what is known here. */
  readonly lost = new Set<string>();
  /** Of each of those the change of seats that was the last one when it said so. */
  readonly #lostAt = new Map<string, number>();

  constructor(components: IntroductionsComponents, init: IntroductionsInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Whether this node lost what it had promised, and is no learner yet. */
  get hasLostState(): boolean {
    return this.#lostIndex !== undefined;
  }

  /**
   * Index up to which the log was when this node learnt that it lost its state; 0 for a log that
   * begins anew.
   */
  get #lostIndex(): number | undefined {
    return this.#components.marks.get('lost-state');
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
    if (!this.hasLostState && meshLog.tailIndex === 0) {
      marks.set('lost-state', 0);
      await marks.keep();
    }
    this.look();
  }

  /** To whom this node introduces itself: nobody when it has no seat. */
  get partners(): readonly string[] {
    const { self } = this.#init;
    if (!this.#isConfigured(self)) return [];
    const { voters, learners } = this.#components.configuration();
    const peers = new Set([...voters, ...learners, ...this.#proved]);
    peers.delete(self);
    return [...peers];
  }

  /** Whether what the peer says counts. */
  isKnown(peer: string): boolean {
    return this.#known.has(peer);
  }

  forget(peer: string): void {
    this.#known.delete(peer);
  }

  /** Introduces this node to every voter and learner that is connected, if it may speak. */
  introduceAll(): void {
    for (const peer of this.partners) {
      if (this.#components.link.isConnected(peer)) this.introduce(peer);
    }
  }

  /**
   * Introduces this node to those of its partners whom it does not listen to: one that spoke before
   * its seat was known here had no answer, and says nothing more while the connection stays.
   */
  introduceToUnknown(): void {
    for (const peer of this.partners) {
      const isNew = !this.#known.has(peer) && this.#components.link.isConnected(peer);
      if (isNew) this.introduce(peer);
    }
  }

  /** Tells peers that have no seat any more: a leader says nothing else to them. */
  dismiss(peers: Iterable<string>): void {
    for (const peer of peers) {
      if (!this.#isConfigured(peer)) {
        this.#components.link.send(peer, encodeRefused('not-configured', new Uint8Array()));
      }
    }
  }

  /** Introduces this node to a peer, when both are voters or learners. */
  introduce(peer: string): void {
    if (!this.#maySpeak()) return;
    if (this.#isConfigured(peer) && this.#isConfigured(this.#init.self)) this.#send(peer, false);
  }

  onMessage(peer: string, message: Exclude<LinkMessage, { kind: 'raft' }>): void {
    if (message.kind === 'refused') {
      this.#onRefused(peer, message);
      return;
    }
    if (!message.isAnswer && this.#isConfigured(peer) && this.#maySpeak()) this.#send(peer, true);
    this.#judge(peer, message.hello);
  }

  /**
   * The configuration changed, or a start was registered: a node that lost its state and is a
   * learner may go on. Only with this start in the log it is sure that what the log says of the
   * seats is not from before the loss.
   */
  look(): void {
    const { meshLog, logger, health, marks, awaitedIndex } = this.#components;
    const { configuration, configurationIndex: index } = meshLog.configuration();
    const { learners, voters } = configuration;
    const awaited = awaitedIndex();
    // A vote behind that is one that it knows nothing of: it was restored from a copy.
    if (awaited !== undefined && !this.hasLostState) marks.set('lost-state', awaited);
    for (const peer of this.lost) {
      // The change that made it a learner, or took that away, is what it waited for.
      if (!voters.includes(peer) && this.#lostAt.get(peer) !== index) this.#found(peer);
    }
    const lostIndex = this.#lostIndex;
    if (lostIndex === undefined) return;
    const { self } = this.#init;
    if (voters.includes(self)) {
      this.#raise();
      // The leader gives the seat of one that says so to a learner: to this node, above all.
      this.introduceAll();
      return;
    }
    health.clear('lost-state');
    if (index <= lostIndex || !learners.includes(self) || !this.#isRegistered()) return;
    logger.info({ index }, 'this node was added anew, as a learner');
    this.regain();
  }

  /** Another epoch is followed: who was believed in the last one must say so again. */
  forgetAll(): void {
    this.#known.clear();
    this.lost.clear();
    this.#lostAt.clear();
  }

  /**
   * These vote now, as a majority of those before them signed: while this node's own log is behind
   * that, it listens to them too, for one of them leads.
   */
  prove(voters: readonly string[]): void {
    this.#proved = new Set(voters);
    this.introduceToUnknown();
  }

  #isConfigured(peer: string): boolean {
    const { voters, learners } = this.#components.configuration();
    return voters.includes(peer) || learners.includes(peer) || this.#proved.has(peer);
  }

  #judge(peer: string, hello: Hello): void {
    const { configuration, member, head, metrics, logger, link, onIntroduced } = this.#components;
    const { voters } = configuration();
    const highest = head();
    // Votes and entries of another epoch count for nothing here; the recovery itself is shown by
    // other ways.
    if (hello.epoch !== this.#components.epoch()) {
      this.#known.delete(peer);
      metrics.count('cooee_slurp_voters_refused_total', { reason: 'epoch' });
      return;
    }
    const reason = introductionProblem(peer, hello, {
      isConfigured: this.#isConfigured(peer),
      member: member(peer) ?? (this.#proved.has(peer) ? UNKNOWN_START : undefined),
      head: highest?.signed,
    });
    const isLost = reason === 'lost-state' || reason === 'stale-start' || hello.hasLostState;
    if (isLost && (voters.includes(peer) || this.#isLostLearner(peer, hello))) this.#miss(peer);
    else this.#found(peer);
    if (reason === undefined && !hello.hasLostState) {
      if (this.#known.has(peer)) return;
      this.#known.add(peer);
      onIntroduced(peer);
      return;
    }
    this.#known.delete(peer);
    // Most nodes have no seat, and a seat that is not known here yet is a matter of moments.
    if (reason === undefined || reason === 'not-configured') return;
    metrics.count('cooee_slurp_voters_refused_total', { reason });
    logger.warn({ peer, reason }, 'a voter is not listened to');
    link.send(peer, encodeRefused(reason, highest?.bytes ?? new Uint8Array()));
  }

  /**
   * A learner that lost its state before the seats changed last waits for the next change: it must
   * be added once more. One that has not come that far yet, or whose start is not in the log, goes
   * on by itself when it has: to add it again and again would not help it.
   */
  #isLostLearner(peer: string, hello: Hello): boolean {
    const { meshLog, member } = this.#components;
    const { configuration, configurationIndex } = meshLog.configuration();
    const record = member(peer);
    const isStarted = record?.boot === hello.boot && record.bootNonce === hello.bootNonce;
    const isSeated = configuration.learners.includes(peer);
    return isSeated && isStarted && hello.hasLostState && hello.lastIndex >= configurationIndex;
  }

  #miss(peer: string): void {
    this.lost.add(peer);
    this.#lostAt.set(peer, this.#components.meshLog.configuration().configurationIndex);
  }

  #found(peer: string): void {
    this.lost.delete(peer);
    this.#lostAt.delete(peer);
  }

  #onRefused(peer: string, refused: Extract<LinkMessage, { kind: 'refused' }>): void {
    const { logger, metrics } = this.#components;
    if (refused.reason === 'not-configured') {
      if (this.#isConfigured(peer)) this.#components.onDismissed();
      return;
    }
    logger.warn({ peer, reason: refused.reason }, 'a voter does not listen to this node');
    if (this.hasLostState) return;
    const evidence = this.#weigh(refused.evidence);
    if (refused.reason === 'stale-start' ? this.#isStale() : evidence === 'proof') {
      this.shown();
      return;
    }
    metrics.count('cooee_slurp_false_evidence_total');
    // What this node said of itself was under way for so long that a head outran it.
    if (refused.reason === 'lost-state' && evidence === 'outrun') this.introduce(peer);
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
    if (this.hasLostState) return;
    const { marks, onLost } = this.#components;
    marks.set('lost-state', Math.max(1, index));
    this.#raise();
    await marks.keep().finally(onLost);
    this.introduceAll();
  }

  /**
   * What this node has is what goes on: nobody but it votes, and it has all that others know, or
   * the operator says so.
   */
  regain(): void {
    const { marks, health, onLost } = this.#components;
    marks.set('lost-state', undefined);
    health.clear('lost-state');
    void marks
      .keep()
      .catch((error: unknown) => this.#notKept(error))
      .finally(onLost);
  }

  /**
   * What it says of its state is on its disk before. One whose log began anew holds its tongue
   * until it has caught up with its own start: a learner that takes longer than a few seconds to
   * answer is passed over.
   */
  #maySpeak(): boolean {
    if (!this.#components.marks.isKept) return false;
    return this.#lostIndex !== 0 || this.#isRegistered();
  }

  /** The log as it is applied here has this very start. */
  #isRegistered(): boolean {
    const record = this.#components.member(this.#init.self);
    const { boot, bootNonce } = this.#init.start;
    return record?.boot === boot && record.bootNonce === bootNonce;
  }

  /** The log says that a later start of this node was registered. */
  #isStale(): boolean {
    const record = this.#components.member(this.#init.self);
    return record !== undefined && record.boot > this.#init.start.boot;
  }

  /**
   * This node's own signature under a head: proof when its log does not reach that, outrun when it
   * does.
   */
  #weigh(evidence: Uint8Array): 'proof' | 'outrun' | 'none' {
    const { crypto, meshLog } = this.#components;
    try {
      const signed = decodeHead(evidence);
      const own = signed.signatures.find(({ voter }) => voter === this.#init.self);
      if (own === undefined || signed.head.mesh !== meshLog.meshId) return 'none';
      if (!isHeadSignature(crypto, signed.body, own)) return 'none';
      const { index, term } = signed.head;
      return index > meshLog.tailIndex || term > meshLog.term ? 'proof' : 'outrun';
    } catch (error) {
      this.#components.logger.debug({ err: error }, 'evidence that cannot be read');
      return 'none';
    }
  }

  #raise(): void {
    this.#components.health.raise({
      code: 'lost-state',
      severity: 'error',
      text: 'This home was restored from an older copy: it does not vote until it is added anew.',
      remedy: 'Nothing to do when the others are up: the leader adds it again by itself.',
    });
  }

  /** It is tried again before this node follows the log in any way. */
  #notKept(error: unknown): void {
    this.#components.logger.error({ err: error }, 'the loss of the state could not be kept');
  }

  #send(peer: string, isAnswer: boolean): void {
    const { meshLog, link } = this.#components;
    const { start } = this.#init;
    link.send(
      peer,
      encodeHello(
        {
          boot: start.boot,
          bootNonce: start.bootNonce,
          term: meshLog.term,
          lastIndex: meshLog.tailIndex,
          hasLostState: this.hasLostState,
          epoch: this.#components.epoch(),
        },
        isAnswer,
      ),
    );
  }
}

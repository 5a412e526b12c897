import type {
  Crypto,
  Logger,
  MemberRecord,
  MessageLink,
  Metrics,
} from '../../../interface/index.ts';
import type { Configuration } from '../../../raft/index.ts';
import type { LogClaim } from '../../heads/claim-check.ts';
import { isHeadSignature } from '../../heads/head-rules.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import { decodeHead, type SignedHead } from '../../machine/codec.ts';
import { encodeHello, encodeRefused, type Hello, type LinkMessage } from '../raft-codec.ts';
import { introductionProblem } from './introduction-rules.ts';
import type { LostState, OwnStart } from './lost-state.ts';

/** Of a voter whose admission is not in the state here yet. */
const UNKNOWN_START = { boot: 0, bootNonce: '' };

/** What {@link Introductions} works with. */
export interface IntroductionsComponents {
  readonly meshLog: MeshLog;
  readonly lostState: LostState;
  readonly link: MessageLink;
  readonly crypto: Crypto;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** The highest head with the peer's signature that was verified here. */
  readonly signedBy: (
    peer: string,
  ) => { readonly bytes: Uint8Array; readonly signed: SignedHead } | undefined;
  readonly configuration: () => Configuration;
  readonly member: (peer: string) => MemberRecord | undefined;
  /** A voter or learner was believed: what it says counts from now on. */
  readonly onIntroduced: (peer: string) => void;
  /** Id of the recovery that began the epoch of this node's state; empty in the first one. */
  readonly epoch: () => string;
  /** A voter says that this node has no seat any more. */
  readonly onDismissed: () => void;
}

/**
 * Voters and learners introduce themselves when they connect: only one whose start and log fit what
 * is known of it is listened to. A node that is shown its own signature beyond its log has lost its
 * state.
 */
export class Introductions {
  readonly #components: IntroductionsComponents;
  readonly #own: OwnStart;
  readonly #known = new Set<string>();
  /** Voters by the trust chain; see {@link Introductions.prove}. */
  #proved: ReadonlySet<string> = new Set();
  /** Peers that lost their state, by their own word or by what is known here. */
  readonly lost = new Set<string>();
  /** Of each of those the change of seats that was the last one when it said so. */
  readonly #lostAt = new Map<string, number>();
  /** How far those said that they are who introduced themselves, in this epoch. */
  readonly #claims = new Map<string, LogClaim>();

  constructor(components: IntroductionsComponents, own: OwnStart) {
    this.#components = components;
    this.#own = own;
  }

  /** To whom this node introduces itself: nobody when it has no seat. */
  get partners(): readonly string[] {
    const { self } = this.#own;
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

  /**
   * Whether somebody who has a seat for its own part says that the log goes on behind what is held
   * here, or that there was a later term. Nothing proves it.
   */
  get isPassed(): boolean {
    const { meshLog, member } = this.#components;
    const { tailIndex, term } = meshLog;
    return [...this.#claims].some(([peer, claim]) => {
      const isFurther = claim.lastIndex > tailIndex || claim.term > term;
      return isFurther && (member(peer)?.removedIndex ?? null) === null;
    });
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
    if (!this.#components.lostState.maySpeak) return;
    if (this.#isConfigured(peer) && this.#isConfigured(this.#own.self)) this.#send(peer, false);
  }

  onMessage(peer: string, message: Exclude<LinkMessage, { kind: 'raft' }>): void {
    if (message.kind === 'refused') {
      this.#onRefused(peer, message);
      return;
    }
    const { maySpeak } = this.#components.lostState;
    if (!message.isAnswer && this.#isConfigured(peer) && maySpeak) this.#send(peer, true);
    this.#judge(peer, message.hello);
  }

  /**
   * The configuration changed: of those that lost their state some have what they waited for, the
   * change that made them a learner, or took that away.
   */
  look(): void {
    const { configuration, configurationIndex: index } = this.#components.meshLog.configuration();
    for (const peer of this.lost) {
      const isVoter = configuration.voters.includes(peer);
      if (!isVoter && this.#lostAt.get(peer) !== index) this.#found(peer);
    }
  }

  /** Another epoch is followed: who was believed in the last one must say so again. */
  forgetAll(): void {
    this.#known.clear();
    this.lost.clear();
    this.#lostAt.clear();
    this.#claims.clear();
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
    const { configuration, member, metrics, logger, link, onIntroduced } = this.#components;
    const { voters } = configuration();
    const signed = this.#components.signedBy(peer);
    // Votes and entries of another epoch count for nothing here; the recovery itself is shown by
    // other ways.
    if (hello.epoch !== this.#components.epoch()) {
      this.#known.delete(peer);
      metrics.count('cooee_slurp_voters_refused_total', { reason: 'epoch' });
      return;
    }
    if (hello.hasLostState) this.#claims.delete(peer);
    else this.#claims.set(peer, hello);
    const reason = introductionProblem(peer, hello, {
      isConfigured: this.#isConfigured(peer),
      member: member(peer) ?? (this.#proved.has(peer) ? UNKNOWN_START : undefined),
      head: signed?.signed,
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
    link.send(peer, encodeRefused(reason, signed?.bytes ?? new Uint8Array()));
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
    const { logger, metrics, lostState } = this.#components;
    if (refused.reason === 'not-configured') {
      if (this.#isConfigured(peer)) this.#components.onDismissed();
      return;
    }
    logger.warn({ peer, reason: refused.reason }, 'a voter does not listen to this node');
    if (lostState.isLost) return;
    const evidence = this.#weigh(refused.evidence);
    if (refused.reason === 'stale-start' ? this.#isStale() : evidence === 'proof') {
      lostState.shown();
      return;
    }
    metrics.count('cooee_slurp_false_evidence_total');
    // What this node said of itself was under way for so long that a head outran it.
    if (refused.reason === 'lost-state' && evidence === 'outrun') this.introduce(peer);
  }

  /** The log says that a later start of this node was registered. */
  #isStale(): boolean {
    const record = this.#components.member(this.#own.self);
    return record !== undefined && record.boot > this.#own.start.boot;
  }

  /**
   * This node's own signature under a head: proof when its log does not reach that, outrun when it
   * does.
   */
  #weigh(evidence: Uint8Array): 'proof' | 'outrun' | 'none' {
    const { crypto, meshLog } = this.#components;
    try {
      const signed = decodeHead(evidence);
      const own = signed.signatures.find(({ voter }) => voter === this.#own.self);
      if (own === undefined || signed.head.mesh !== meshLog.meshId) return 'none';
      if (!isHeadSignature(crypto, signed.body, own)) return 'none';
      const { index, term } = signed.head;
      return index > meshLog.tailIndex || term > meshLog.term ? 'proof' : 'outrun';
    } catch (error) {
      this.#components.logger.debug({ err: error }, 'evidence that cannot be read');
      return 'none';
    }
  }

  #send(peer: string, isAnswer: boolean): void {
    const { meshLog, link } = this.#components;
    const { start } = this.#own;
    link.send(
      peer,
      encodeHello(
        {
          boot: start.boot,
          bootNonce: start.bootNonce,
          term: meshLog.term,
          lastIndex: meshLog.tailIndex,
          hasLostState: this.#components.lostState.isLost,
          epoch: this.#components.epoch(),
        },
        isAnswer,
      ),
    );
  }
}

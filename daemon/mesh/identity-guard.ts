import { peerIdFromString } from '@libp2p/peer-id';
import {
  type Clock,
  CooeeError,
  type Crypto,
  type ErrorCode,
  type ErrorDetails,
  type Health,
  type Logger,
  type Metrics,
  type StateReader,
  type Timer,
  toError,
} from '../../protocols/interface/index.ts';
import { isStartOf, type Start, startIn } from '../../protocols/membership/index.ts';
import type { BlockCourier, Consensus, Courier, Outbox } from '../../protocols/slurp/index.ts';
import type { MeshLibp2p } from '../libp2p.ts';
import type { MeshView } from './mesh-view.ts';

/**
 * Members that have met the other start say so within this time, and then this one stays shut. Each
 * asks that one first, for up to four seconds.
 */
const SETTLE_MS = 6_000;

/** What {@link IdentityGuard} works with. */
export interface IdentityGuardComponents {
  readonly network: Pick<MeshLibp2p, 'node'>;
  readonly outbox: Outbox;
  readonly courier: Courier;
  readonly blockCourier: BlockCourier;
  readonly consensus: Pick<Consensus, 'retire'>;
  readonly view: Pick<MeshView, 'voters'>;
  readonly state: StateReader;
  readonly crypto: Pick<Crypto, 'verify'>;
  readonly clock: Clock;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly self: string;
  readonly meshId: string;
  /** This start: another one with its number, or a higher one, makes this node a clone. */
  readonly boot: Start;
  /** Keeps in mind that the next start must have a higher number than this. */
  readonly noteBoot?: ((boot: number) => Promise<void>) | undefined;
  /** This home is an older copy of what ran before: the next start must know. */
  readonly noteStale?: (() => Promise<void>) | undefined;
  /** Presents this node once more to the members that are connected. */
  readonly askAgain?: (() => void) | undefined;
  /** Begins another start of this node, with a number above those kept in mind. */
  readonly startAgain?: (() => void) | undefined;
  /** This node was removed: it has nobody to talk to any more. */
  readonly onRemoved: () => void;
}

/**
 * Stops acknowledging when this node must not speak for itself any more: it was removed, or its
 * identity runs twice. It says so by name, and goes on serving what it knows.
 */
export class IdentityGuard {
  readonly #components: IdentityGuardComponents;
  #verdict: ErrorCode | undefined;
  /** The log had this start at some time: it was the later one then. */
  #wasRegistered = false;
  /** The highest start of this node that it was shown, and that is not this one. */
  #shownBoot = 0;
  /** What members said of that one: it was there beside this one, or nobody had met it. */
  #word: 'none' | 'away' | 'live' = 'none';
  #timer: Timer | undefined;
  /** Members whose identity runs twice, with the number of those starts. */
  readonly #accused = new Map<string, number>();

  constructor(components: IdentityGuardComponents) {
    this.#components = components;
  }

  /** Why nothing is acknowledged; undefined while all is well. */
  get verdict(): ErrorCode | undefined {
    return this.#verdict;
  }

  /** This node is no member any more: nobody hears it. */
  get isOut(): boolean {
    return this.#verdict === 'ERR_MEMBERSHIP_REMOVED';
  }

  /** The log, or a voter, says that this node is no member any more. */
  removed(): void {
    const text = 'This node was removed from the mesh.';
    this.#shut('ERR_MEMBERSHIP_REMOVED', 'removed', text);
  }

  /** Two daemons run with this identity. */
  cloned(): void {
    const text = `Two daemons run as ${this.#components.self}; neither acknowledges anything.`;
    const isNews = this.#verdict === undefined;
    this.#shut('ERR_MEMBERSHIP_CLONE', 'clone', text);
    this.counted();
    if (isNews && !this.#wasRegistered) this.#keep(this.#components.noteStale?.());
    this.#startAgainSoon();
  }

  /**
   * The log has a start of this node: if it is not this one, the next one counts on from there. So
   * a home that was put back from an older copy is well again after one restart.
   */
  counted(): void {
    const { state, self, boot, noteBoot } = this.#components;
    const record = state.get('member', self);
    if (record === undefined || record.boot < boot.boot) return;
    if (record.boot === boot.boot && record.bootNonce === boot.bootNonce) {
      this.#wasRegistered = true;
      return;
    }
    this.#keep(noteBoot?.(record.boot));
  }

  /**
   * A member refused this node's introduction. Only a voter's word counts for a removal: it has the
   * log. Nobody's word counts for a clone: the proof does that comes with it, or this node's own
   * log.
   */
  refusedBy(peer: string, error: CooeeError): void {
    const { logger, metrics, view } = this.#components;
    logger.warn({ peer, code: error.code }, 'a member refused this node');
    if (error.code === 'ERR_MEMBERSHIP_REMOVED' && view.voters().includes(peer)) this.removed();
    if (error.code !== 'ERR_MEMBERSHIP_CLONE') return;
    this.#hear(error.details);
    if (this.#isProof(error.details) || this.#isOtherInLog()) {
      this.cloned();
      return;
    }
    metrics.count('cooee_membership_false_accusations_total');
    logger.warn({ peer }, 'a member called this node a clone without a proof');
  }

  /**
   * Another member's record changed: what was said of it is over when it started anew or is gone.
   */
  acquit(peer: string): void {
    const accused = this.#accused.get(peer);
    const record = this.#components.state.get('member', peer);
    const isThere = record !== undefined && record.removedIndex === null;
    // The registration of one of the two may come after both were seen.
    if (accused === undefined || (isThere && record.boot <= accused)) return;
    this.#accused.delete(peer);
    this.#components.health.clear(`clone-of-${peer}`);
  }

  /**
   * Another member's identity runs twice: its connections are closed, so that both come back and
   * are told.
   *
   * @param boot - the number that both starts have
   */
  accuse(peer: string, boot: number): void {
    const { network, health, logger } = this.#components;
    this.#accused.set(peer, boot);
    health.raise({
      code: `clone-of-${peer}`,
      severity: 'error',
      text: `Two daemons run as ${peer}; both were told.`,
      remedy: 'Stop one of them and restart the other; give the copy a home of its own.',
    });
    for (const connection of network.node.getConnections(peerIdFromString(peer))) {
      connection.close().catch((error: unknown) => {
        logger.debug({ err: toError(error), peer }, 'a connection did not close in order');
      });
    }
  }

  /** A member's word on whether the other start runs: it moves nothing without a proof. */
  #hear(details: ErrorDetails): void {
    if (details['isLive'] !== false) this.#word = 'live';
    else if (this.#word === 'none') this.#word = 'away';
    if (this.#isProof(details))
      this.#shownBoot = Math.max(this.#shownBoot, startIn(details)?.boot ?? 0);
    this.#startAgainSoon();
  }

  /**
   * A node that finds a later start of its own in the log, which its home knows nothing of, and of
   * which no member has met a second one alive, is the successor of a home that is gone: put back
   * from an older copy. It begins a start behind that one, and is added anew like any node that
   * lost its state. A start that the log has is not that: it ran before the other one came.
   *
   * It asks twice: one that stood still for some seconds is back by then, and has told the members.
   */
  #startAgainSoon(): void {
    if (this.#timer !== undefined) return;
    this.#whenSettled(() => {
      this.#components.askAgain?.();
      this.#whenSettled(() => this.#startAgain());
    });
  }

  /** Goes on when by then nobody has met the other start. */
  #whenSettled(task: () => void): void {
    const { clock, startAgain } = this.#components;
    if (!this.#mayStartAgain() || startAgain === undefined) return;
    this.#timer = clock.schedule(SETTLE_MS, () => {
      this.#timer = undefined;
      if (this.#mayStartAgain()) task();
    });
  }

  #startAgain(): void {
    const { logger, noteBoot, noteStale, startAgain, state, self } = this.#components;
    const boot = Math.max(this.#shownBoot, state.get('member', self)?.boot ?? 0);
    logger.warn({ boot }, 'this home was put back from an older copy: it starts behind that');
    const noted = Promise.all([noteBoot?.(boot), noteStale?.()]);
    this.#keep(noted.then(startAgain));
  }

  #mayStartAgain(): boolean {
    if (this.#verdict !== 'ERR_MEMBERSHIP_CLONE' || this.#wasRegistered) return false;
    return this.#word === 'away';
  }

  #keep(task: Promise<unknown> | undefined): void {
    task?.catch((error: unknown) => {
      const { logger } = this.#components;
      logger.warn({ err: toError(error) }, 'what the next start must know could not be kept');
    });
  }

  /** Whether the details hold another start that only this node's own key can have signed. */
  #isProof(details: ErrorDetails): boolean {
    const { crypto, self, meshId, boot } = this.#components;
    const start = startIn(details);
    if (start === undefined) return false;
    // Every restart leaves earlier starts behind: they prove nothing.
    if (start.boot < boot.boot || start.bootNonce === boot.bootNonce) return false;
    return isStartOf(crypto.verify, { peer: self, mesh: meshId }, start);
  }

  /** Whether the log, as far as it is known here, has a start that this one cannot stand beside. */
  #isOtherInLog(): boolean {
    const { state, self, boot } = this.#components;
    const record = state.get('member', self);
    if (record === undefined || record.boot < boot.boot) return false;
    if (record.boot > boot.boot || record.isCloned) return true;
    return record.bootNonce !== '' && record.bootNonce !== boot.bootNonce;
  }

  #shut(code: ErrorCode, condition: string, text: string): void {
    if (this.#verdict !== undefined) return;
    this.#verdict = code;
    const { outbox, health, logger } = this.#components;
    const error = new CooeeError(code);
    health.raise({ code: condition, severity: 'error', text, remedy: error.remedy });
    outbox.shut(error);
    void this.#settle(error).catch((thrown: unknown) => {
      logger.error({ err: toError(thrown) }, 'what waited could not be settled');
    });
  }

  /**
   * Of a removed node everything that waits is refused; a clone's items stay: its other half may
   * have sent them.
   */
  async #settle(error: CooeeError): Promise<void> {
    const { outbox, courier, blockCourier, consensus } = this.#components;
    await Promise.all([courier.stop(), blockCourier.stop()]);
    if (error.code === 'ERR_MEMBERSHIP_CLONE') {
      await consensus.retire('seat');
      return;
    }
    this.#components.onRemoved();
    await consensus.retire('all');
    // A command that was on its way to the disk when the outbox was shut is refused like the rest.
    await outbox.stop();
    for (let batch = outbox.first(); batch !== undefined; batch = outbox.first()) {
      await outbox.refuse(batch, error);
    }
    for (const held of outbox.held.all()) await outbox.held.refuse(held, error);
  }
}

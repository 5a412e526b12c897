import { peerIdFromString } from '@libp2p/peer-id';
import {
  CooeeError,
  type Crypto,
  type ErrorCode,
  type ErrorDetails,
  type Health,
  type Logger,
  type Metrics,
  type StateReader,
  toError,
} from '../../protocols/interface/index.ts';
import { isStartOf, type Start, startIn } from '../../protocols/membership/index.ts';
import type { Consensus, Courier, Outbox } from '../../protocols/slurp/index.ts';
import type { MeshLibp2p } from '../libp2p.ts';
import type { MeshView } from './mesh-view.ts';

/** What {@link IdentityGuard} works with. */
export interface IdentityGuardComponents {
  readonly network: Pick<MeshLibp2p, 'node'>;
  readonly outbox: Outbox;
  readonly courier: Courier;
  readonly consensus: Pick<Consensus, 'retire'>;
  readonly view: Pick<MeshView, 'voters'>;
  readonly state: StateReader;
  readonly crypto: Pick<Crypto, 'verify'>;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly self: string;
  readonly meshId: string;
  /** This start: another one with its number, or a higher one, makes this node a clone. */
  readonly boot: Start;
  /** Keeps in mind that the next start must have a higher number than this. */
  readonly noteBoot?: ((boot: number) => Promise<void>) | undefined;
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
  /** Members whose identity runs twice, with the number of those starts. */
  readonly #accused = new Map<string, number>();

  constructor(components: IdentityGuardComponents) {
    this.#components = components;
  }

  /** Why nothing is acknowledged; undefined while all is well. */
  get verdict(): ErrorCode | undefined {
    return this.#verdict;
  }

  /** The log, or a voter, says that this node is no member any more. */
  removed(): void {
    const text = 'This node was removed from the mesh.';
    this.#shut('ERR_MEMBERSHIP_REMOVED', 'removed', text);
  }

  /** Two daemons run with this identity. */
  cloned(): void {
    const text = `Two daemons run as ${this.#components.self}; neither acknowledges anything.`;
    this.#shut('ERR_MEMBERSHIP_CLONE', 'clone', text);
    this.counted();
  }

  /**
   * The log has a start of this node: if it is not this one, the next one counts on from there. So
   * a home that was put back from an older copy is well again after one restart.
   */
  counted(): void {
    const { state, self, boot, noteBoot, logger } = this.#components;
    const record = state.get('member', self);
    if (record === undefined || record.boot < boot.boot) return;
    if (record.boot === boot.boot && record.bootNonce === boot.bootNonce) return;
    noteBoot?.(record.boot).catch((error: unknown) => {
      logger.warn({ err: toError(error) }, 'the number of the last start could not be kept');
    });
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
    const { outbox, courier, consensus } = this.#components;
    await courier.stop();
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
  }
}

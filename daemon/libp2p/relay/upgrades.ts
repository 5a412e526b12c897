import type { Connection, Libp2p, PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { rotated } from '../../../bootstrap/redial.ts';
import {
  type Clock,
  type Logger,
  type Metrics,
  type Timer,
  toError,
} from '../../../protocols/interface/index.ts';
import { publicFirst } from '../discovery/local-addresses.ts';
import { isDirect } from './direct-only.ts';

/**
 * How long DCUtR has, which makes three tries of 5 s; then we try once, and that counts as failed.
 */
const UPGRADE_MS = 20_000;
/** The wait until our next try, and the longest between two. */
const RETRY_MS_MIN = 60_000;
const RETRY_MS_MAX = 1_800_000;
const DIAL_TIMEOUT_MS = 5_000;
/** The relayed connection goes last, so that nothing is without a way meanwhile. */
const CLOSE_AFTER_MS = 250;

/** What {@link Upgrades} works with. */
export interface UpgradesComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Watched {
  readonly timer: Timer;
  readonly waitMs: number;
}

type UpgradesNode = Pick<
  Libp2p,
  'addEventListener' | 'removeEventListener' | 'getConnections' | 'dial' | 'peerStore'
>;

/**
 * Watches the relayed connections: counts what became of them, ends them when there is a direct
 * one, and tries the addresses of a peer directly from time to time. DCUtR looks at public
 * addresses only, and once; a mesh may be private, and a firewall be opened later.
 */
export class Upgrades {
  readonly #components: UpgradesComponents;
  readonly #node: UpgradesNode;
  readonly #watched = new Map<string, Watched>();

  constructor(components: UpgradesComponents, node: UpgradesNode) {
    this.#components = components;
    this.#node = node;
  }

  /** @returns ends the watch */
  attach(): () => void {
    const onOpen = (event: CustomEvent<Connection>): void => this.#onOpen(event.detail);
    const onGone = (event: CustomEvent<PeerId>): void => this.#forget(event.detail.toString());
    this.#node.addEventListener('connection:open', onOpen);
    this.#node.addEventListener('peer:disconnect', onGone);
    return () => {
      this.#node.removeEventListener('connection:open', onOpen);
      this.#node.removeEventListener('peer:disconnect', onGone);
      for (const peer of [...this.#watched.keys()]) this.#forget(peer);
    };
  }

  #onOpen(connection: Connection): void {
    const { metrics, logger } = this.#components;
    const peer = connection.remotePeer.toString();
    if (isDirect(connection)) {
      if (this.#watched.has(peer)) this.#upgraded(connection.remotePeer);
      return;
    }
    const { direction } = connection;
    metrics.count('cooee_relay_connections_total', { direction });
    logger.info({ peer, direction }, 'connected through a relay');
    if (!this.#watched.has(peer)) this.#watch(connection.remotePeer, UPGRADE_MS, 0);
  }

  /** @param tries - how often this node has tried by itself */
  #watch(peer: PeerId, waitMs: number, tries: number): void {
    const timer = this.#components.clock.schedule(waitMs, () => this.#onTime(peer, waitMs, tries));
    this.#watched.set(peer.toString(), { timer, waitMs });
  }

  #onTime(peer: PeerId, waitMs: number, tries: number): void {
    const nextMs = Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, waitMs * 2));
    this.#watch(peer, nextMs, tries + 1);
    void this.#try(peer, tries);
  }

  async #try(peer: PeerId, tries: number): Promise<void> {
    const { metrics, logger } = this.#components;
    try {
      await this.#dial(peer, tries);
    } catch (thrown) {
      logger.debug({ err: toError(thrown), peer: peer.toString() }, 'no direct way to a member');
    }
    if (tries > 0 || !this.#watched.has(peer.toString())) return;
    metrics.count('cooee_relay_upgrades_total', { outcome: 'failed' });
    logger.info({ peer: peer.toString() }, 'no direct way to a member; it stays with the relay');
  }

  /** Where the peer says that it listens. */
  async #dial(peer: PeerId, tries: number): Promise<void> {
    const { addresses } = await this.#node.peerStore.get(peer);
    const direct = addresses
      .map(({ multiaddr }) => multiaddr)
      .filter((it) => isDirect({ remoteAddr: it }))
      .map((it) => (it.toString().includes('/p2p/') ? it : it.encapsulate(`/p2p/${peer}`)));
    if (direct.length === 0) return;
    const signal = AbortSignal.timeout(DIAL_TIMEOUT_MS);
    // As the peer store has them they are in the order of the alphabet.
    const ordered = rotated(publicFirst(direct.map(String)), tries).map((it) => multiaddr(it));
    await this.#node.dial(ordered, { force: true, signal });
  }

  #upgraded(peer: PeerId): void {
    const { metrics, logger, clock } = this.#components;
    this.#forget(peer.toString());
    metrics.count('cooee_relay_upgrades_total', { outcome: 'direct' });
    logger.info({ peer: peer.toString() }, 'a direct way to a member replaces the relay');
    clock.schedule(CLOSE_AFTER_MS, () => {
      const open = this.#node.getConnections(peer).filter(({ status }) => status === 'open');
      if (!open.some(isDirect)) return;
      for (const relayed of open.filter((it) => !isDirect(it))) {
        relayed.close().catch((thrown: unknown) => relayed.abort(toError(thrown)));
      }
    });
  }

  #forget(peer: string): void {
    this.#watched.get(peer)?.timer.cancel();
    this.#watched.delete(peer);
  }
}

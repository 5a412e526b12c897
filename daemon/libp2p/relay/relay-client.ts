import type { PeerId, Startable } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import {
  type Clock,
  LIMITS,
  type Logger,
  type Metrics,
  type Timer,
  toError,
} from '../../../protocols/interface/index.ts';
import type { Circuit, CircuitComponents } from './circuit.ts';
import { isDirect } from './direct-only.ts';

/** The protocol that a member speaks which relays. */
const HOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/hop';

/** A relay that gave no place, or lost it, is asked again after this time. */
const RETRY_MS = 15_000;

/** What {@link RelayClient} works with besides libp2p. */
export interface RelayClientInit {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A relay was met: it may say whether this node can be reached without it. */
  readonly onRelay: (peer: string) => void;
}

/**
 * Uses the members that relay: keeps places on some of them, so that others reach this node
 * through them, and names the ways to a member that cannot be dialled. As a service of libp2p on
 * members-only components. Costs one entry in a table until the first relay is met.
 */
export class RelayClient implements Startable {
  readonly #libp2p: CircuitComponents;
  readonly #init: RelayClientInit;
  /** Connected members that relay. */
  readonly #relays = new Map<string, PeerId>();
  /** What is told to others, by relay. */
  readonly #told = new Map<string, readonly Multiaddr[]>();
  #circuit: Promise<Circuit | undefined> | undefined;
  #loaded: Circuit | undefined;
  #topology: string | undefined;
  #timer: Timer | undefined;
  #isReserving = false;

  constructor(libp2p: CircuitComponents, init: RelayClientInit) {
    this.#libp2p = libp2p;
    this.#init = init;
  }

  /** Connected members that relay, and those of them that keep a place for this node. */
  counts(): { readonly known: number; readonly held: number } {
    return { known: this.#relays.size, held: this.#told.size };
  }

  async start(): Promise<void> {
    this.#topology = await this.#libp2p.registrar.register(HOP_PROTOCOL, {
      onConnect: (peer) => this.#onRelay(peer),
      onDisconnect: (peer) => this.#onGone(peer),
    });
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#relays.clear();
    if (this.#topology !== undefined) this.#libp2p.registrar.unregister(this.#topology);
    this.#topology = undefined;
    const circuit = await this.#circuit;
    this.#circuit = undefined;
    this.#loaded = undefined;
    await circuit?.stop();
  }

  /** The ways to this node through the relays that keep a place for it. */
  addresses(): readonly Multiaddr[] {
    return [...this.#told.values()].flat();
  }

  /**
   * The ways to a member through the relays that are connected, without that member's own name for
   * them: a relay that has no place for it says so at once.
   */
  waysTo(peer: string): string[] {
    if (this.#loaded === undefined) return [];
    const ways: string[] = [];
    for (const [relay, id] of this.#relays) {
      const [connection] = this.#libp2p.connectionManager.getConnections(id).filter(isDirect);
      if (relay === peer || connection === undefined) continue;
      ways.push(`${connection.remoteAddr.toString()}/p2p-circuit/p2p/${peer}`);
      if (ways.length === LIMITS.relaysUsedMax) break;
    }
    return ways;
  }

  /** Makes ready to dial through relays. */
  async load(): Promise<void> {
    if (this.#topology === undefined) return;
    this.#circuit ??= this.#load();
    this.#loaded = await this.#circuit;
  }

  async #load(): Promise<Circuit | undefined> {
    try {
      const { Circuit: Made } = await import('./circuit.ts');
      const circuit = new Made(this.#libp2p, this.#init.clock);
      await circuit.start((relay, addresses) => this.#onReservation(relay, addresses));
      return circuit;
    } catch (thrown) {
      this.#init.logger.error({ err: toError(thrown) }, 'relays cannot be used');
      return undefined;
    }
  }

  #onRelay(peer: PeerId): void {
    // libp2p tells of each connection.
    if (this.#relays.has(peer.toString())) return;
    this.#relays.set(peer.toString(), peer);
    this.#init.logger.info({ peer: peer.toString() }, 'a member relays');
    this.#init.onRelay(peer.toString());
    this.#wake();
  }

  #onGone(peer: PeerId): void {
    this.#relays.delete(peer.toString());
    this.#wake();
  }

  #wake(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#reserve().catch((thrown: unknown) => {
      this.#init.logger.warn({ err: toError(thrown) }, 'no place on a relay');
    });
  }

  /** Sees to the places on relays, again and again while there are too few. */
  async #reserve(): Promise<void> {
    if (this.#isReserving || this.#relays.size === 0) return;
    this.#isReserving = true;
    try {
      await this.load();
      for (const [name, peer] of this.#relays) {
        if (this.#told.size >= LIMITS.relaysUsedMax) break;
        if (!this.#told.has(name)) await this.#reserveAt(name, peer);
      }
    } finally {
      this.#isReserving = false;
    }
    const wanted = Math.min(LIMITS.relaysUsedMax, this.#relays.size);
    if (this.#topology === undefined || this.#told.size >= wanted) return;
    this.#timer?.cancel();
    this.#timer = this.#init.clock.schedule(RETRY_MS, () => this.#wake());
  }

  async #reserveAt(name: string, peer: PeerId): Promise<void> {
    // libp2p would dial who has just gone, and ask it never again when that fails.
    if (!this.#libp2p.connectionManager.getConnections(peer).some(isDirect)) return;
    try {
      await this.#loaded?.reserve(peer);
    } catch (thrown) {
      const { logger, metrics } = this.#init;
      metrics.count('cooee_relay_reservations_refused_total');
      logger.debug({ err: toError(thrown), peer: name }, 'a relay gives no place');
    }
  }

  /** A place was given, renewed or lost: others are told of it like of any address of this node. */
  #onReservation(relay: string, addresses: readonly Multiaddr[]): void {
    const { logger, metrics } = this.#init;
    const { addressManager } = this.#libp2p;
    const kept = addresses.slice(0, LIMITS.relayAddressesMax);
    const before = this.#told.get(relay) ?? [];
    const wasTold = this.#told.delete(relay);
    if (kept.length > 0) this.#told.set(relay, kept);
    for (const old of before) {
      if (!kept.some((it) => it.equals(old))) addressManager.removeObservedAddr(old);
    }
    // Others hear of it now. Whoever connects can have libp2p doubt it again.
    for (const address of kept) addressManager.confirmObservedAddr(address, { type: 'observed' });
    metrics.gauge('cooee_relay_reservations_held', this.#told.size);
    if (kept.length === 0) this.#wake();
    if (wasTold === kept.length > 0) return;
    logger.info({ peer: relay }, kept.length > 0 ? 'reachable through a relay' : 'a relay is gone');
  }
}

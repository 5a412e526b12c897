import { isIP } from 'node:net';
import type { Libp2p, PeerId, PrivateKey, Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import {
  type Clock,
  type Logger,
  type Metrics,
  type Startable,
  toError,
} from '../protocols/interface/index.ts';
import {
  Door,
  type DoorInit,
  type OnRefused,
  Pulse,
  type PulseInit,
  type Standing,
} from '../protocols/membership/door/index.ts';
import type { StreamRegistrar } from '../protocols/wire/stream.ts';
import { type Assembly, libp2pOptions, type MeshServices } from './libp2p/assembly/options.ts';
import { type DhtRecords, forgetPeer } from './libp2p/dht.ts';
import { type DiscoveryListener, type MdnsEar, MeshMdns } from './libp2p/discovery/mdns.ts';
import { freeListenAddresses, LISTEN_DEFAULT, listenError } from './libp2p/listen.ts';
import { tcpWithPortSearch } from './libp2p/port-search.ts';
import { quietLogger } from './libp2p/quiet-logger.ts';
import { dialEither } from './libp2p/relay/dial-either.ts';
import { isDirect } from './libp2p/relay/direct-only.ts';
import { Reach } from './libp2p/relay/reach.ts';
import { Upgrades } from './libp2p/relay/upgrades.ts';

export type { MeshServices } from './libp2p/assembly/options.ts';
export { kadProtocol } from './libp2p/dht.ts';
export { LISTEN_DEFAULT } from './libp2p/listen.ts';

/** What {@link createMeshLibp2p} works with. */
export interface MeshLibp2pComponents {
  readonly standing: Standing;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Hears whom the door turned away. */
  readonly onRefused?: OnRefused;
}

/** Options of {@link createMeshLibp2p}. */
export interface MeshLibp2pInit {
  /** This node's identity; Ed25519. */
  readonly privateKey: PrivateKey;
  /** Mesh id; a joiner uses the one in its invite. */
  readonly mesh: string;
  /** gossipsub topics of the mesh; all others are ignored. */
  readonly topics: readonly string[];
  /** Protocols that guests may speak besides identify: the join protocol. */
  readonly guestProtocols: readonly string[];
  /**
   * Multiaddrs to listen on, such as the ones kept in the home. Default {@link LISTEN_DEFAULT}; []
   * = dial only.
   */
  readonly listen?: readonly string[];
  /** Ports tried from a taken one on. Default 100; 1 = exactly the given one. */
  readonly portsTried?: number;
  /** Addresses told to others instead of those listened on. */
  readonly announce?: readonly string[];
  /** Whether to look for members on the local network. */
  readonly mdns: boolean;
  /** Whether members may reach each other through this node. Default false. */
  readonly relay?: boolean | undefined;
  /** Whether this node uses members that relay. Default true. */
  readonly useRelays?: boolean | undefined;
  /** DHT record namespaces; without them every record is refused. */
  readonly dhtRecords?: DhtRecords;
  /** Added to a member's gossip score; below -80 nothing of it is read. */
  readonly gossipScore?: (peer: string) => number;
  /** Other limits of the door, for tests. */
  readonly door?: Omit<DoorInit, 'guestProtocols'>;
  /** Other intervals of the pings, for tests. */
  readonly pulse?: PulseInit;
}

/** libp2p as COOEE runs it: not started yet. Handlers put in place before `start` miss no peer. */
export interface MeshLibp2p extends Startable {
  readonly node: Libp2p<MeshServices>;
  /** This node's peer id in text form. */
  readonly peer: string;
  /** The listen addresses with the ports that were chosen: for the home. */
  readonly listening: readonly string[];
  /** For our own members-only protocols (serveRequests). */
  readonly registrar: StreamRegistrar;
  /** For protocols that guests may speak; they must be in `guestProtocols`. */
  readonly guestRegistrar: StreamRegistrar;
  readonly door: Door;
  /**
   * Opens a stream of a members-only protocol, dialling when needed.
   *
   * @throws CooeeError ERR_MEMBERSHIP_NOT_MEMBER when the peer is no member; libp2p's errors when
   * it cannot be reached
   */
  openStream(
    peer: string,
    protocol: string,
    options: { readonly signal: AbortSignal },
  ): Promise<Stream>;
  /**
   * Connects to a peer (member or not; a removed one is refused); nothing when connected already.
   */
  dial(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<void>;
  /** Asks a peer for no records of the DHT until it connects again: queries would wait for it. */
  forgetInDht(peer: string): void;
  /** Whether a connection to the peer is open. */
  isConnected(peer: string): boolean;
  /** Whether one is open that does not go through a relay. */
  isDirect(peer: string): boolean;
  /** What is heard on the local network; undefined when nobody listens. */
  readonly mdns: MdnsEar | undefined;
  /** Called with what mDNS hears: hints, from anyone on the network. @returns ends it */
  onDiscovered(listener: DiscoveryListener): () => void;
  /**
   * Listens for the members of any mesh, without a word of this node. Nothing is heard when mDNS is
   * off. @returns ends it
   */
  search(mesh: string, listener: DiscoveryListener): Promise<() => Promise<void>>;
  /** Asks members whether they can dial this node. */
  readonly reach: Reach;
  /** Members that relay, the places this node has on them, and those that it gives. */
  relays(): { readonly known: number; readonly held: number; readonly given: number };
}

/**
 * Builds a mesh node: TCP, Noise, Yamux, identify, ping, gossipsub, kad-dht, mDNS, relays, all
 * behind the door.
 *
 * @throws CooeeError ERR_BOOTSTRAP_LISTEN
 */
export async function createMeshLibp2p(
  components: MeshLibp2pComponents,
  init: MeshLibp2pInit,
): Promise<MeshLibp2p> {
  const portsTried = init.portsTried ?? 100;
  const listening = await freeListenAddresses(init.listen ?? LISTEN_DEFAULT, portsTried);
  const door = new Door(components, { ...init.door, guestProtocols: init.guestProtocols });
  const context: BuildContext = { listening, door, moved: new Map(), parts: {} };
  const { relayServer } = init.relay ? await import('./libp2p/relay/relay-server.ts') : {};
  const options = {
    ...libp2pOptions(components, { ...init, relayServer }, context),
    transports: [tcpWithPortSearch(portsTried, context.moved)],
  };
  const node = await createLibp2p<MeshServices>({ ...options, start: false });
  return new MeshNode(components, init, { ...context, node });
}

interface BuildContext extends Assembly {
  /** What was opened instead, where another process took the port in the meantime. */
  readonly moved: Map<string, string>;
}

/** Peer ids that are kept parsed: more than a mesh has members. */
const PEER_IDS_KEPT_MAX = 1024;

class MeshNode implements MeshLibp2p {
  readonly node: Libp2p<MeshServices>;
  readonly peer: string;
  readonly door: Door;
  readonly #chosen: readonly string[];
  readonly #moved: ReadonlyMap<string, string>;
  readonly registrar: StreamRegistrar;
  readonly guestRegistrar: StreamRegistrar;
  readonly reach: Reach;
  readonly #components: MeshLibp2pComponents;
  readonly #init: MeshLibp2pInit;
  readonly #parts: Assembly['parts'];
  readonly #upgrades: Upgrades;
  readonly #pulse: Pulse;
  readonly #standing: Standing;
  readonly #peerIds = new Map<string, PeerId>();
  #detach: (() => void) | undefined;

  constructor(
    components: MeshLibp2pComponents,
    init: MeshLibp2pInit,
    context: BuildContext & { readonly node: Libp2p<MeshServices> },
  ) {
    const { node, door } = context;
    this.node = node;
    this.peer = node.peerId.toString();
    this.door = door;
    this.#chosen = context.listening;
    this.#moved = context.moved;
    this.registrar = door.registrar;
    this.guestRegistrar = node;
    this.#standing = components.standing;
    this.#components = components;
    this.#init = init;
    this.#parts = context.parts;
    const { clock, logger } = components;
    this.reach = new Reach({ network: this, clock, logger }, init.mesh);
    this.#parts.onRelay = (peer) => void this.#askReach(peer);
    this.#upgrades = new Upgrades(
      { ...components, logger: logger.child('cooee:network:relay') },
      node,
    );
    this.#pulse = new Pulse(
      { clock, logger, connections: () => door.memberConnections() },
      init.pulse,
    );
  }

  get listening(): readonly string[] {
    return this.#chosen.map((address) => this.#moved.get(address) ?? address);
  }

  async start(): Promise<void> {
    this.#detach ??= this.#attach();
    try {
      await this.reach.start();
      await this.node.start();
    } catch (cause) {
      await this.stop();
      throw listenError(this.listening.join(' '), 'libp2p did not start', cause);
    }
    await this.#pulse.start();
  }

  async stop(): Promise<void> {
    await this.#pulse.stop();
    await this.reach.stop();
    await this.node.stop();
    this.#detach?.();
    this.#detach = undefined;
  }

  #attach(): () => void {
    const detachDoor = this.door.attach(this.node);
    const detachUpgrades = this.#upgrades.attach();
    const takePlace = (peer: PeerId): void => {
      this.#parts.relayServer?.reservations.delete(peer);
    };
    const onGone = (event: CustomEvent<PeerId>): void => takePlace(event.detail);
    this.node.addEventListener('peer:disconnect', onGone);
    const unsubscribe = this.#standing.onChange((peer) => {
      if (this.#standing.standing(peer) === 'member') return;
      this.forgetInDht(peer);
      takePlace(this.#peerId(peer));
    });
    return () => {
      unsubscribe();
      this.node.removeEventListener('peer:disconnect', onGone);
      detachUpgrades();
      detachDoor();
    };
  }

  forgetInDht(peer: string): void {
    forgetPeer(this.node.services.dht, peer);
  }

  async openStream(
    peer: string,
    protocol: string,
    options: { readonly signal: AbortSignal },
  ): Promise<Stream> {
    return await this.door.connections.openStream(peerIdFromString(peer), protocol, options);
  }

  async dial(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const { node } = this;
    const { relays } = this.#parts;
    await dialEither({ node, relays }, { peer: this.#peerId(peer), addresses, signal });
  }

  isConnected(peer: string): boolean {
    return this.node.getConnections(this.#peerId(peer)).some(({ status }) => status === 'open');
  }

  /** Reading a peer id and writing it again costs 50 µs, and lists ask for each of their rows. */
  #peerId(peer: string): PeerId {
    let id = this.#peerIds.get(peer);
    if (id === undefined) {
      if (this.#peerIds.size >= PEER_IDS_KEPT_MAX) this.#peerIds.clear();
      id = peerIdFromString(peer);
      this.#peerIds.set(peer, id);
    }
    return id;
  }

  isDirect(peer: string): boolean {
    const connections = this.node.getConnections(this.#peerId(peer));
    return connections.some((it) => it.status === 'open' && isDirect(it));
  }

  get mdns(): MdnsEar | undefined {
    return this.#parts.mdns;
  }

  onDiscovered(listener: DiscoveryListener): () => void {
    return this.#parts.mdns?.onDiscovered(listener) ?? (() => undefined);
  }

  async search(mesh: string, listener: DiscoveryListener): Promise<() => Promise<void>> {
    if (!this.#init.mdns || mesh === this.#init.mesh) {
      const end = this.onDiscovered(listener);
      return async () => end();
    }
    const silent = { addressManager: { getAddresses: () => [] }, logger: quietLogger };
    const other = new MeshMdns(silent, this.#components.clock, { mesh, broadcast: false });
    other.onDiscovered(listener);
    await other.start();
    return () => other.stop();
  }

  relays(): { readonly known: number; readonly held: number; readonly given: number } {
    const counts = this.#parts.relays?.counts() ?? { known: 0, held: 0 };
    return { ...counts, given: this.#parts.relayServer?.reservations.size ?? 0 };
  }

  /** The address, unless this node listens there itself. */
  #forwarded(host: string, port: number): Multiaddr | undefined {
    if (isIP(host) === 0) return undefined;
    const address = multiaddr(`/ip${isIP(host)}/${host}/tcp/${port}`);
    const own = this.#parts.listensAt?.() ?? [];
    return own.some((it) => it.equals(address)) ? undefined : address;
  }

  /** A relay sees this node from outside: whether it can be dialled from there is worth knowing. */
  async #askReach(peer: string): Promise<void> {
    const { logger, metrics } = this.#components;
    try {
      const { outcome, host, port } = await this.reach.askWhere(peer);
      if (outcome === 'refused') return;
      metrics.gauge('cooee_network_reachable', outcome === 'reached' ? 1 : 0);
      logger.info({ peer, outcome }, 'a relay dialled back');
      const forwarded = host !== null && port !== null ? this.#forwarded(host, port) : undefined;
      this.#parts.tell?.(peer, outcome === 'reached' ? forwarded : undefined);
    } catch (thrown) {
      logger.debug({ err: toError(thrown), peer }, 'a relay was not asked to dial back');
    }
  }
}

import { type GossipSub, gossipsub } from '@libp2p/gossipsub';
import { type Identify, type IdentifyPush, identify, identifyPush } from '@libp2p/identify';
import type { Libp2p, PeerDiscovery, PeerId, PrivateKey, Stream } from '@libp2p/interface';
import { type KadDHT, kadDHT } from '@libp2p/kad-dht';
import { mdns } from '@libp2p/mdns';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Ping, ping } from '@libp2p/ping';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2pOptions } from 'libp2p';
import {
  type Clock,
  LIMITS,
  type Logger,
  type Metrics,
  type Startable,
} from '../protocols/interface/index.ts';
import {
  Door,
  type DoorInit,
  Pulse,
  type PulseInit,
  type Standing,
} from '../protocols/membership/door/index.ts';
import type { StreamRegistrar } from '../protocols/wire/stream.ts';
import {
  boundedStore,
  type DhtRecords,
  dhtOptions,
  forgetPeer,
  withoutDiscovery,
} from './libp2p/dht.ts';
import { joinedNoise } from './libp2p/joined-noise.ts';
import { freeListenAddresses, LISTEN_DEFAULT, listenError } from './libp2p/listen.ts';
import { tcpWithPortSearch } from './libp2p/port-search.ts';
import { pubsubOptions } from './libp2p/pubsub.ts';
import { quietLogger } from './libp2p/quiet-logger.ts';
import { sparingYamux } from './libp2p/sparing-yamux.ts';

export { kadProtocol } from './libp2p/dht.ts';
export { LISTEN_DEFAULT } from './libp2p/listen.ts';

/** What {@link createMeshLibp2p} works with. */
export interface MeshLibp2pComponents {
  readonly standing: Standing;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
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
  /** DHT record namespaces; without them every record is refused. */
  readonly dhtRecords?: DhtRecords;
  /** Added to a member's gossip score; below -80 nothing of it is read. */
  readonly gossipScore?: (peer: string) => number;
  /** Other limits of the door, for tests. */
  readonly door?: Omit<DoorInit, 'guestProtocols'>;
  /** Other intervals of the pings, for tests. */
  readonly pulse?: PulseInit;
}

/** libp2p's services in a mesh node. */
export type MeshServices = {
  readonly identify: Identify;
  readonly identifyPush: IdentifyPush;
  readonly ping: Ping;
  readonly dht: KadDHT;
  readonly pubsub: GossipSub;
};

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
  /** Whether a connection to the peer is open. */
  isConnected(peer: string): boolean;
  /** Called with what mDNS hears: hints, from anyone on the network. @returns ends it */
  onDiscovered(listener: (peer: string, addresses: readonly string[]) => void): () => void;
}

/**
 * Builds a mesh node: TCP, Noise, Yamux, identify, ping, gossipsub, kad-dht, mDNS, all behind the
 * door.
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
  const discovery: { current?: PeerDiscovery } = {};
  const moved = new Map<string, string>();
  const context = { listening, moved, door, discovery };
  const options = {
    ...libp2pOptions(components, init, context),
    transports: [tcpWithPortSearch(portsTried, moved)],
  };
  const node = await createLibp2p<MeshServices>({ ...options, start: false });
  return new MeshNode(components, init, { ...context, node });
}

interface BuildContext {
  readonly listening: readonly string[];
  /** What was opened instead, where another process took the port in the meantime. */
  readonly moved: Map<string, string>;
  readonly door: Door;
  /** Where the mDNS service leaves itself. */
  readonly discovery: { current?: PeerDiscovery };
}

function libp2pOptions(
  components: MeshLibp2pComponents,
  init: MeshLibp2pInit,
  { listening, door, discovery }: BuildContext,
): Libp2pOptions<MeshServices> {
  return {
    privateKey: init.privateKey,
    logger: quietLogger,
    // Strangers are told no version.
    nodeInfo: { name: 'cooee', version: '0', userAgent: 'cooee' },
    addresses: {
      listen: [...listening],
      ...(init.announce === undefined ? {} : { announce: [...init.announce] }),
    },
    connectionEncrypters: [joinedNoise()],
    streamMuxers: [sparingYamux({ maxInboundStreams: 256 })],
    connectionGater: door.gater,
    // It would ping strangers; the Pulse stands in for it.
    connectionMonitor: { enabled: false },
    connectionManager: CONNECTION_LIMITS,
    peerDiscovery: init.mdns ? [mdnsOf(init.mesh, discovery)] : [],
    services: services(components, init, door),
  };
}

/**
 * libp2p's own limits stand wide open where the door counts by itself; redialling is
 * bootstrap/redial.ts's.
 */
const CONNECTION_LIMITS: NonNullable<Libp2pOptions['connectionManager']> = {
  maxConnections: 2048,
  inboundConnectionThreshold: 1000,
  maxIncomingPendingConnections: 512,
  inboundUpgradeTimeout: LIMITS.upgradeTimeoutMs,
  inboundStreamProtocolNegotiationTimeout: 3000,
  outboundStreamProtocolNegotiationTimeout: 5000,
  maxParallelDials: 32,
  dialTimeout: 5000,
  addressDialTimeout: 3000,
  reconnectRetries: 0,
};

function services(
  components: MeshLibp2pComponents,
  init: MeshLibp2pInit,
  door: Door,
): NonNullable<Libp2pOptions<MeshServices>['services']> {
  const isMember = (peer: string): boolean => components.standing.standing(peer) === 'member';
  const dht = kadDHT(
    dhtOptions({
      mesh: init.mesh,
      isMember,
      ...(init.dhtRecords === undefined ? {} : { records: init.dhtRecords }),
    }),
  );
  const pubsub = gossipsub(
    pubsubOptions({
      topics: init.topics,
      isMember,
      ...(init.gossipScore === undefined ? {} : { score: init.gossipScore }),
    }),
  );
  return {
    identify: identify(),
    identifyPush: (all) => identifyPush()(door.membersOnly(all)),
    // More than one at a time: the DHT pings a new contact while the Pulse does.
    ping: (all) => ping({ maxInboundStreams: 8, maxOutboundStreams: 8 })(door.membersOnly(all)),
    dht: (all) => {
      const datastore = boundedStore(all.datastore);
      return withoutDiscovery(dht(withPart(door.membersOnly(all), 'datastore', datastore)));
    },
    pubsub: (all) => pubsub(door.membersOnly(all)),
  };
}

/**
 * Components with one part replaced. A proxy, since parts are put in place after the services were
 * built.
 */
function withPart<T extends object, K extends keyof T>(components: T, key: K, part: T[K]): T {
  return new Proxy(components, {
    get: (target, property) => (property === key ? part : Reflect.get(target, property)),
  });
}

/**
 * mDNS under a name of the mesh's own, with the last 16 characters of the mesh id: a DNS label
 * holds 63. What it hears goes to our listeners only; libp2p would remember every name that anyone
 * on the network makes up.
 */
function mdnsOf(
  mesh: string,
  discovery: { current?: PeerDiscovery },
): NonNullable<Libp2pOptions['peerDiscovery']>[number] {
  const create = mdns({ serviceTag: `_cooee-${mesh.slice(-16).toLowerCase()}._udp.local` });
  return (all) => {
    const service = create(all);
    discovery.current = service;
    // libp2p listens for `peer` on what it gets here: it gets the life of the service without its
    // voice.
    return new Proxy(service, {
      get: (target, property) => {
        if (property === 'addEventListener') return () => undefined;
        const value: unknown = Reflect.get(target, property);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
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
  readonly #discovery: { current?: PeerDiscovery };
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
    this.#discovery = context.discovery;
    const { clock, logger } = components;
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
      await this.node.start();
    } catch (cause) {
      await this.stop();
      throw listenError(this.listening.join(' '), 'libp2p did not start', cause);
    }
    await this.#pulse.start();
  }

  async stop(): Promise<void> {
    await this.#pulse.stop();
    await this.node.stop();
    this.#detach?.();
    this.#detach = undefined;
  }

  #attach(): () => void {
    const detachDoor = this.door.attach(this.node);
    const unsubscribe = this.#standing.onChange((peer) => {
      if (this.#standing.standing(peer) !== 'member') forgetPeer(this.node.services.dht, peer);
    });
    return () => {
      unsubscribe();
      detachDoor();
    };
  }

  async openStream(
    peer: string,
    protocol: string,
    options: { readonly signal: AbortSignal },
  ): Promise<Stream> {
    return await this.door.connections.openStream(peerIdFromString(peer), protocol, options);
  }

  async dial(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const suffix = `/p2p/${peer}`;
    const full = addresses.map((text) => multiaddr(text.includes('/p2p/') ? text : text + suffix));
    await this.node.dial(full.length === 0 ? peerIdFromString(peer) : full, { signal });
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

  onDiscovered(listener: (peer: string, addresses: readonly string[]) => void): () => void {
    const service = this.#discovery.current;
    const onPeer = (event: PeerFound): void =>
      listener(
        event.detail.id.toString(),
        event.detail.multiaddrs.slice(0, LIMITS.memberAddressesMax).map(String),
      );
    service?.addEventListener('peer', onPeer);
    return () => service?.removeEventListener('peer', onPeer);
  }
}

type PeerFound = CustomEvent<{
  readonly id: { toString(): string };
  readonly multiaddrs: readonly { toString(): string }[];
}>;

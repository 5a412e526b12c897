import type { CircuitRelayService } from '@libp2p/circuit-relay-v2';
import { type GossipSub, gossipsub } from '@libp2p/gossipsub';
import { type Identify, type IdentifyPush, identify, identifyPush } from '@libp2p/identify';
import type { PeerId } from '@libp2p/interface';
import type { AddressManager } from '@libp2p/interface-internal';
import { type KadDHT, kadDHT } from '@libp2p/kad-dht';
import { type Ping, ping } from '@libp2p/ping';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2pOptions } from 'libp2p';
import { LIMITS } from '../../../protocols/interface/index.ts';
import type { Door } from '../../../protocols/membership/door/index.ts';
import type { MeshLibp2pComponents, MeshLibp2pInit } from '../../libp2p.ts';
import { boundedStore, dhtOptions, withoutDiscovery } from '../dht.ts';
import { MeshMdns } from '../discovery/mdns.ts';
import { joinedNoise } from '../joined-noise.ts';
import { pubsubOptions } from '../pubsub.ts';
import { quietLogger } from '../quiet-logger.ts';
import { isDirect } from '../relay/direct-only.ts';
import { RelayClient } from '../relay/relay-client.ts';
import type { relayServer } from '../relay/relay-server.ts';
import { boundedStreams, STREAM_BYTES_MAX } from './bounded-streams.ts';
import { boundedYamux } from './bounded-yamux.ts';
import { withPart } from './with-part.ts';

/** libp2p's services in a mesh node. */
export type MeshServices = {
  readonly identify: Identify;
  readonly identifyPush: IdentifyPush;
  readonly ping: Ping;
  readonly dht: KadDHT;
  readonly pubsub: GossipSub;
  /** Relaying, both sides; empty where it is switched off. */
  readonly relays: object;
  readonly relayServer: object;
};

/** What the parts of a node that libp2p builds have in common. */
export interface Assembly {
  readonly listening: readonly string[];
  readonly door: Door;
  /** Where parts leave themselves that libp2p makes, and what they ask of the node around them. */
  readonly parts: {
    mdns?: MeshMdns;
    relays?: RelayClient;
    relayServer?: CircuitRelayService | undefined;
    /** Tells others that a relay reached this node where it does not listen itself, or did not. */
    tell?: (relay: string, address: Multiaddr | undefined) => void;
    onRelay?: (peer: string) => void;
    /** Where this node listens now, on all addresses of its host. */
    listensAt?: () => readonly Multiaddr[];
    self?: PeerId;
  };
}

/**
 * Libp2p's options, but for the transports.
 *
 * @param init - with the relay server, which is loaded where this node relays
 */
export function libp2pOptions(
  components: MeshLibp2pComponents,
  init: MeshLibp2pInit & { readonly relayServer: typeof relayServer | undefined },
  assembly: Assembly,
): Libp2pOptions<MeshServices> {
  const { listening, door, parts } = assembly;
  return {
    privateKey: init.privateKey,
    logger: quietLogger,
    // Strangers are told no version.
    nodeInfo: { name: 'cooee', version: '0', userAgent: 'cooee' },
    addresses: {
      listen: [...listening],
      ...(init.announce === undefined
        ? { announceFilter: (known) => withListening(known, parts) }
        : { announce: [...init.announce] }),
    },
    connectionEncrypters: [joinedNoise()],
    streamMuxers: [
      boundedYamux(components.clock, {
        maxInboundStreams: 256,
        ...(init.relay ? RELAY_WINDOW : {}),
      }),
    ],
    connectionGater: door.gater,
    // It would ping strangers; the Pulse stands in for it.
    connectionMonitor: { enabled: false },
    connectionManager: CONNECTION_LIMITS,
    peerDiscovery: init.mdns
      ? [
          (all) => {
            const { mesh } = init;
            parts.mdns = new MeshMdns(all, components.clock, { mesh, broadcast: true });
            return parts.mdns.silent;
          },
        ]
      : [],
    services: {
      ...services(components, init, door),
      ...relayServices(components, init, assembly),
    },
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
  // In the order in which they are given: who dials again begins with another one. What comes from
  // the peer store has no order.
  addressSorter: (a, b) => {
    const [first, second] = [a, b].map(({ multiaddr }) => isDirect({ remoteAddr: multiaddr }));
    if (first === second) return 0;
    return first === true ? -1 : 1;
  },
  reconnectRetries: 0,
};

/**
 * What may be under way to a relay on each stream, and has to wait there when the other side takes
 * nothing. Yamux would let it grow to 16 MiB.
 */
const RELAY_WINDOW = { streamOptions: { maxStreamWindowSize: 256 * 1024 } } as const;

type Services = NonNullable<Libp2pOptions<MeshServices>['services']>;

function services(
  components: MeshLibp2pComponents,
  init: MeshLibp2pInit,
  door: Door,
): Omit<Services, 'relays' | 'relayServer'> {
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
    ping: (all) =>
      ping({ maxInboundStreams: 8, maxOutboundStreams: 8 })(
        boundedStreams(door.membersOnly(all), STREAM_BYTES_MAX.ping),
      ),
    dht: (all) => {
      const own = boundedStreams(door.membersOnly(all), STREAM_BYTES_MAX.dht);
      return withoutDiscovery(dht(withPart(own, 'datastore', boundedStore(all.datastore))));
    },
    pubsub: (all) => pubsub(door.membersOnly(all)),
  };
}

/** Relaying for others, where this node is told to, and using those who do. */
function relayServices(
  { clock, logger, metrics }: MeshLibp2pComponents,
  { useRelays = true, relayServer }: Parameters<typeof libp2pOptions>[1],
  { door, parts }: Assembly,
): Pick<Services, 'relays' | 'relayServer'> {
  return {
    relays: (all) => {
      parts.tell = tellOf(all.addressManager);
      parts.listensAt = () => all.transportManager.getAddrs();
      parts.self = all.peerId;
      if (!useRelays) return {};
      parts.relays = new RelayClient(door.membersOnly(all), {
        clock,
        metrics,
        logger: logger.child('cooee:network:relay'),
        onRelay: (peer) => parts.onRelay?.(peer),
      });
      return parts.relays;
    },
    relayServer: (all) => {
      parts.relayServer = relayServer?.(door.membersOnly(all));
      return parts.relayServer ?? {};
    },
  };
}

/**
 * libp2p keeps a public address of this host to itself until peers in several networks have dialled
 * it, and one that a peer names as where it sees this node, again. Members may have it at once:
 * that a host has an address, or a place on a relay, is reason enough to try it.
 */
function withListening(
  known: Multiaddr[],
  { listensAt, relays, self }: Assembly['parts'],
): Multiaddr[] {
  if (listensAt === undefined || self === undefined) return known;
  const all = new Map(known.map((it) => [it.toString(), it]));
  for (const address of [...listensAt(), ...(relays?.addresses() ?? [])]) {
    const full = address.encapsulate(`/p2p/${self}`);
    if (!all.has(full.toString())) all.set(full.toString(), full);
  }
  return [...all.values()];
}

/** Where forwarded ports lead, by the relay that found it: what one does not find, another may. */
function tellOf(addresses: AddressManager): NonNullable<Assembly['parts']['tell']> {
  const told = new Map<string, Multiaddr>();
  return (relay, address) => {
    const before = told.get(relay);
    told.delete(relay);
    if (address !== undefined && told.size < LIMITS.relaysUsedMax) told.set(relay, address);
    const isTold = (it: Multiaddr): boolean => [...told.values()].some((other) => other.equals(it));
    if (before !== undefined && !isTold(before)) addresses.removeObservedAddr(before);
    if (address !== undefined && isTold(address)) {
      addresses.confirmObservedAddr(address, { type: 'observed' });
    }
  };
}

import {
  type CircuitRelayTransportComponents,
  circuitRelayTransport,
} from '@libp2p/circuit-relay-v2';
import { type DCUtRServiceComponents, dcutr } from '@libp2p/dcutr';
import {
  type PeerId,
  type Startable,
  type StreamHandler,
  start,
  stop,
  type Transport,
} from '@libp2p/interface';
import type { Registrar } from '@libp2p/interface-internal';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { type Clock, LIMITS } from '../../../protocols/interface/index.ts';
import { RateLimiter } from '../../../protocols/wire/index.ts';
import { directOnly } from './direct-only.ts';
import { brief, withStreams } from './relay-streams.ts';
import { replaced } from './replaced.ts';

/** The parts of libp2p that {@link Circuit} works with; members-only. */
export type CircuitComponents = CircuitRelayTransportComponents & DCUtRServiceComponents;

/**
 * How often a member may ask for a direct connection: each time this node dials where it says. It
 * asks at most three times, for each relayed connection.
 */
const UPGRADE_RATE = { ratePerSecond: 0.1, burst: 6 } as const;

/** A reservation was made, refreshed or lost. */
export type ReservationListener = (relay: string, addresses: readonly Multiaddr[]) => void;

/**
 * What circuit-relay-v2 4's transport has beyond the interface;
 * test/unit/daemon/libp2p/relay/relay-client.test.ts notices when it goes.
 */
interface WithReservations {
  readonly reservationStore: {
    addRelay(peer: PeerId, type: 'configured'): Promise<unknown>;
    hasReservation(peer: PeerId): boolean;
    addEventListener(type: string, listener: (event: ReservationEvent) => void): void;
  };
}

type ReservationEvent = CustomEvent<{
  readonly relay: Pick<PeerId, 'toString'>;
  readonly details: { readonly reservation: { readonly addrs: readonly Uint8Array[] } };
}>;

/**
 * Dialling and being dialled through relays, and DCUtR from such a connection to a direct one. In a
 * module of its own, which is loaded with the first relay that a node meets: a mesh without any
 * does not pay for it. Reservations are made by name, one by one; libp2p's own search for relays
 * would walk the DHT for ever.
 */
export class Circuit {
  readonly #components: CircuitComponents;
  readonly #transport: Transport & WithReservations;
  readonly #dcutr: Startable;

  constructor(components: CircuitComponents, clock: Clock) {
    this.#components = components;
    const bounded = withStreams(directOnly(components), brief);
    const create = circuitRelayTransport({
      reservationCompletionTimeout: 5000,
      maxInboundStopStreams: LIMITS.relayedPerMemberMax,
    });
    this.#transport = create(onlyFrom(bounded, (peer) => this.has(peer))) as Transport &
      WithReservations;
    const rate = new RateLimiter(UPGRADE_RATE);
    const isSparing = (peer: PeerId): boolean => rate.take(peer.toString(), clock.monotonicMs());
    this.#dcutr = dcutr()(onlyFrom(components, isSparing)) as Startable;
  }

  async start(listener: ReservationListener): Promise<void> {
    const { reservationStore } = this.#transport;
    const tell = ({ detail }: ReservationEvent, isHeld: boolean): void =>
      listener(detail.relay.toString(), isHeld ? circuitsOf(detail) : []);
    reservationStore.addEventListener('relay:created-reservation', (event) => tell(event, true));
    reservationStore.addEventListener('relay:removed', (event) => tell(event, false));
    this.#components.transportManager.add(this.#transport);
    await start(this.#transport, this.#dcutr);
  }

  async stop(): Promise<void> {
    await stop(this.#dcutr, this.#transport);
  }

  has(relay: PeerId): boolean {
    return this.#transport.reservationStore.hasReservation(relay);
  }

  /** Asks a connected relay to take in who wants to reach this node. Rejects when it does not. */
  async reserve(relay: PeerId): Promise<void> {
    await this.#transport.reservationStore.addRelay(relay, 'configured');
  }
}

/** The ways to this node that a relay names, as far as they go through that relay and no other. */
export function circuitsOf({ relay, details }: ReservationEvent['detail']): Multiaddr[] {
  const plain = new RegExp(`^/(ip[46]|dns[46]?)/[^/]+/tcp/\\d+/p2p/${relay}$`);
  return details.reservation.addrs
    .map((bytes) => multiaddr(bytes))
    .filter((it) => plain.test(it.toString()))
    .map((it) => it.encapsulate('/p2p-circuit'));
}

/**
 * Components that hear and let in only whom they are told to. What knocks like a relay is let in
 * when this node asked it to: libp2p would make a reservation on it, and a listener that it keeps.
 */
function onlyFrom<T extends { readonly registrar: Registrar }>(
  components: T,
  isLetIn: (peer: PeerId) => boolean,
): T {
  const { registrar: inner } = components;
  const handle: Registrar['handle'] = (protocol, handler, options) => {
    const guarded: StreamHandler = async (stream, connection) => {
      if (isLetIn(connection.remotePeer)) await handler(stream, connection);
      else stream.abort(new Error('not from this peer, or not now'));
    };
    return inner.handle(protocol, guarded, options);
  };
  const registrar = replaced(inner, { handle });
  return replaced<{ readonly registrar: Registrar }>(components, { registrar }) as T;
}

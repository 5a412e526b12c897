import type {
  Connection,
  ConnectionGater,
  Libp2pEvents,
  MultiaddrConnection,
  PeerId,
  PeerStore,
  TypedEventTarget,
} from '@libp2p/interface';
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal';
import { tryGetNetConfig } from '@libp2p/utils';
import type { Multiaddr } from '@multiformats/multiaddr';
import { type Clock, LIMITS, type Logger, type Metrics, toError } from '../../interface/index.ts';
import { type RateInit, RateLimiter } from '../../wire/index.ts';
import { addressGroup } from './address-group.ts';
import { endConnection } from './end-connection.ts';
import { type GuestLimits, Guests } from './guests.ts';
import { membersOnlyConnections } from './members-only-connections.ts';
import { MembersOnlyRegistrar } from './members-only-registrar.ts';
import { type OnRefused, type RefusalReason, Refusals } from './refusals.ts';
import { relaysOf } from './relays-of.ts';
import type { Standing } from './standing.ts';

/** What a {@link Door} works with. */
export interface DoorComponents {
  readonly standing: Standing;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Hears of each refusal. */
  readonly onRefused?: OnRefused;
}

/** Options of {@link Door}; the defaults are for hosts that sit behind one NAT address. */
export interface DoorInit extends Partial<GuestLimits> {
  /** Protocols that guests may speak besides identify; a promotion waits for their streams. */
  readonly guestProtocols: readonly string[];
  /** Connections of all peers. Default 1,024. */
  readonly connectionsMax?: number;
  /** Connections from one address group. Default 256. */
  readonly connectionsPerAddressMax?: number;
  /** Connections of one peer: DHT queries and simultaneous dials make duplicates. Default 4. */
  readonly connectionsPerPeerMax?: number;
  /** Inbound connections of one address group that are being encrypted. Default 64. */
  readonly pendingPerAddressMax?: number;
  /** Inbound connections that an address group may open. Default 50 a second, 200 at once. */
  readonly addressRate?: RateInit;
  /** How long a guest's members-only stream waits for its admission. Default 1,000. */
  readonly holdMs?: number;
}

const DEFAULTS = {
  connectionsMax: 1024,
  connectionsPerAddressMax: 256,
  connectionsPerPeerMax: 4,
  pendingPerAddressMax: 64,
  addressRate: { ratePerSecond: 50, burst: 200 },
  holdMs: 1000,
  guestsMax: LIMITS.guestsMax,
  guestsPerAddressMax: LIMITS.guestsPerAddressMax,
  guestStayMs: LIMITS.guestStayMs,
} as const;

/**
 * A newly admitted peer whose streams were refused gets a fresh connection at the latest after this
 * time.
 */
const FRESH_START_MS = 1000;
const HOLDS_PER_PEER_MAX = 16;
/** The streams of a connection are closed with it, but may be told of a moment later. */
const REMIND_MS = 100;

interface Visit {
  readonly connection: Connection;
  readonly peer: string;
  readonly group: string;
  isMember: boolean;
  /** A members-only stream was refused on this connection: the other side may think it has it. */
  wasRefused: boolean;
}

interface NodeParts {
  registrar: Registrar;
  connectionManager: ConnectionManager;
}

interface Views {
  readonly registrar: MembersOnlyRegistrar;
  readonly connectionManager: ConnectionManager;
}

/** The part of libp2p that the door watches. */
export interface DoorNode
  extends Pick<TypedEventTarget<Libp2pEvents>, 'addEventListener' | 'removeEventListener'> {
  readonly peerStore: Pick<PeerStore, 'delete'>;
}

/**
 * Members only, at every door: which connections may be, how long a guest stays, and what the
 * members-only services get to see. docs/protocols/doors.md tells who may speak what.
 */
export class Door {
  readonly #components: DoorComponents;
  readonly #init: Required<DoorInit>;
  readonly #refusals: Refusals;
  readonly #guests: Guests;
  readonly #rate: RateLimiter;
  readonly #visits = new Map<string, Visit>();
  readonly #pending = new Map<MultiaddrConnection, string>();
  #views: Views | undefined;

  constructor(components: DoorComponents, init: DoorInit) {
    this.#components = components;
    this.#init = { ...DEFAULTS, ...init };
    this.#refusals = new Refusals(components);
    this.#guests = new Guests(components.clock, this.#init);
    this.#rate = new RateLimiter(this.#init.addressRate);
  }

  /** Guests at the door now. */
  get guestCount(): number {
    return this.#guests.size;
  }

  /** The registrar for members-only protocols. Throws before {@link membersOnly} was called. */
  get registrar(): Registrar {
    return this.#builtViews().registrar;
  }

  /**
   * The connection manager for members-only protocols. Throws before {@link membersOnly} was
   * called.
   */
  get connections(): ConnectionManager {
    return this.#builtViews().connectionManager;
  }

  /** Open connections to members. */
  memberConnections(): Connection[] {
    return [...this.#visits.values()]
      .filter((visit) => visit.isMember && visit.connection.status === 'open')
      .map((visit) => visit.connection);
  }

  /** The connection gater for libp2p. */
  readonly gater: ConnectionGater = {
    denyDialPeer: (peer) => this.#deny(this.#dialRefusal(peer), peer),
    // A member names its addresses itself: libp2p would remember whomever it calls a relay.
    denyDialMultiaddr: (address) => !relaysOf(address).every((peer) => this.#isMember(peer)),
    denyInboundConnection: (raw) => this.#denyInbound(raw),
    denyInboundEncryptedConnection: (peer, raw) => this.#deny(this.#peerRefusal(peer, raw), peer),
    denyInboundUpgradedConnection: (_peer, raw) => {
      this.#pending.delete(raw);
      return false;
    },
    denyOutboundEncryptedConnection: (peer) => this.#deny(this.#dialRefusal(peer), peer),
    // Relays are for members, at each of their three ends.
    denyInboundRelayReservation: (from) => this.#denyRelay(from),
    denyOutboundRelayedConnection: (from, to) => this.#denyRelay(from) || this.#denyRelay(to),
    denyInboundRelayedConnection: (relay, from) => this.#denyRelay(relay) || this.#denyRelay(from),
  };

  /**
   * The components of a libp2p node as a members-only service sees them. One registrar serves all
   * of a node.
   */
  membersOnly<T extends NodeParts>(components: T): T {
    const views = this.#viewsOf(components);
    return new Proxy(components, {
      get: (target, property) =>
        property === 'registrar' || property === 'connectionManager'
          ? views[property]
          : Reflect.get(target, property),
    });
  }

  /**
   * Begins to watch a node, before it is started. @returns ends the watch and forgets all guests
   */
  attach(node: DoorNode): () => void {
    const onOpen = (event: CustomEvent<Connection>): void => this.#onOpen(event.detail);
    const onClose = (event: CustomEvent<Connection>): void => this.#onClose(node, event.detail);
    node.addEventListener('connection:open', onOpen);
    node.addEventListener('connection:close', onClose);
    const unsubscribe = this.#components.standing.onChange((peer) => this.#onStanding(peer));
    return () => {
      unsubscribe();
      node.removeEventListener('connection:open', onOpen);
      node.removeEventListener('connection:close', onClose);
      this.#guests.clear();
      this.#visits.clear();
      this.#pending.clear();
    };
  }

  #builtViews(): Views {
    if (this.#views === undefined) throw new TypeError('the door has no node yet');
    return this.#views;
  }

  #viewsOf(components: NodeParts): Views {
    const { standing, clock, logger } = this.#components;
    const isMember = (peer: string): boolean => this.#isMember(peer);
    this.#views ??= {
      registrar: new MembersOnlyRegistrar(
        { registrar: components.registrar, standing, clock, logger },
        {
          holdMs: this.#init.holdMs,
          holdsPerPeerMax: HOLDS_PER_PEER_MAX,
          onRefused: (connection, reason, protocol) =>
            this.#onStreamRefused(connection, reason, protocol),
        },
      ),
      connectionManager: membersOnlyConnections(components.connectionManager, isMember, (peer) =>
        this.#refusals.add('dial-not-member', { peer }),
      ),
    };
    return this.#views;
  }

  #denyRelay(peer: PeerId): boolean {
    return this.#deny(this.#isMember(peer.toString()) ? undefined : 'relay-not-member', peer);
  }

  #isMember(peer: string): boolean {
    return this.#components.standing.standing(peer) === 'member';
  }

  #deny(reason: RefusalReason | undefined, peer: PeerId): boolean {
    if (reason !== undefined) this.#refusals.add(reason, { peer: peer.toString() });
    return reason !== undefined;
  }

  #dialRefusal(peer: PeerId): RefusalReason | undefined {
    if (peer.type !== 'Ed25519') return 'key-type';
    const standing = this.#components.standing.standing(peer.toString());
    return standing === 'removed' ? 'dial-removed' : undefined;
  }

  /**
   * An inbound connection whose peer is proved: a removed one is a guest, so that it can be told
   * why.
   */
  #peerRefusal(peer: PeerId, raw: MultiaddrConnection): RefusalReason | undefined {
    if (peer.type !== 'Ed25519') return 'key-type';
    if (this.#isMember(peer.toString())) return undefined;
    return this.#guests.refusal(groupOf(raw.remoteAddr));
  }

  #denyInbound(raw: MultiaddrConnection): boolean {
    const group = groupOf(raw.remoteAddr);
    const reason = this.#addressRefusal(group);
    if (reason !== undefined) {
      this.#refusals.add(reason, { address: group });
      return true;
    }
    this.#pending.set(raw, group);
    raw.addEventListener('close', () => this.#pending.delete(raw), { once: true });
    return false;
  }

  #addressRefusal(group: string): RefusalReason | undefined {
    if (!this.#rate.take(group, this.#components.clock.monotonicMs())) return 'address-rate';
    if (this.#visits.size >= this.#init.connectionsMax) return 'connections-full';
    const pending = [...this.#pending.values()].filter((other) => other === group).length;
    if (pending >= this.#init.pendingPerAddressMax) return 'pending-per-address';
    const open = [...this.#visits.values()].filter((visit) => visit.group === group).length;
    return open >= this.#init.connectionsPerAddressMax ? 'connections-per-address' : undefined;
  }

  #onOpen(connection: Connection): void {
    const peer = connection.remotePeer.toString();
    const group = groupOf(connection.remoteAddr);
    const isMember = this.#isMember(peer);
    const visit: Visit = { connection, peer, group, isMember, wasRefused: false };
    this.#visits.set(connection.id, visit);
    if (this.#visitsOf(peer).length > this.#init.connectionsPerPeerMax) {
      this.#refuse(visit, 'connections-per-peer');
    } else if (!isMember && connection.direction === 'inbound') {
      this.#admitGuest(visit);
    }
  }

  #admitGuest(visit: Visit): void {
    // Asked again: others may have come in since the gater looked.
    const reason = this.#guests.refusal(visit.group);
    if (reason !== undefined) {
      this.#refuse(visit, reason);
      return;
    }
    this.#guests.admit(visit.connection.id, visit.group, () =>
      this.#refuse(visit, 'guest-timeout'),
    );
  }

  #onClose(node: DoorNode, connection: Connection): void {
    const peer = connection.remotePeer.toString();
    this.#guests.release(connection.id);
    this.#visits.delete(connection.id);
    if (this.#visitsOf(peer).length > 0) {
      this.#components.clock.schedule(REMIND_MS, () => this.#remind(peer));
      return;
    }
    this.#views?.registrar.forget(peer);
    if (this.#isMember(peer)) return;
    // libp2p would remember every stranger for hours; the addresses of members are kept elsewhere.
    node.peerStore
      .delete(connection.remotePeer)
      .catch((thrown: unknown) => this.#debug(peer, toError(thrown).message));
  }

  /** gossipsub opens one stream to a peer, and not again when the connection of it is gone. */
  #remind(peer: string): void {
    const open = this.#visitsOf(peer).find(({ connection }) => connection.status === 'open');
    if (open?.isMember === true) this.#views?.registrar.remind(open.connection);
  }

  #onStanding(peer: string): void {
    const isMember = this.#isMember(peer);
    for (const visit of this.#visitsOf(peer)) {
      if (isMember && !visit.isMember) this.#promote(visit);
      if (!isMember) this.#demote(visit);
    }
    if (isMember) this.#views?.registrar.promote(peer);
  }

  #promote(visit: Visit): void {
    visit.isMember = true;
    this.#guests.release(visit.connection.id);
    if (visit.wasRefused) this.#startAfresh(visit);
  }

  #demote(visit: Visit): void {
    const wasMember = visit.isMember;
    visit.isMember = false;
    // A guest that turns out to be removed keeps its seconds, to be told why; our own dial to it
    // does not.
    const isRemoved = this.#components.standing.standing(visit.peer) === 'removed';
    if (!wasMember && !(isRemoved && visit.connection.direction === 'outbound')) return;
    if (wasMember) this.#views?.registrar.demote(visit.connection.remotePeer);
    this.#end(visit.connection, new Error('not a member any more'));
  }

  /**
   * The other side opened members-only streams too early and may believe that they stand (gossipsub
   * opens its stream once per connection): a new connection gives both a clean start. It waits for
   * the streams of guests, at most a second, so that the answer to a join still arrives.
   */
  #startAfresh({ connection }: Visit): void {
    const end = (): void => {
      timer.cancel();
      this.#end(connection, new Error('admitted meanwhile: connect again'));
    };
    const timer = this.#components.clock.schedule(FRESH_START_MS, end);
    const isOpen = (): boolean =>
      connection.streams.some(
        ({ protocol, status }) => status === 'open' && this.#init.guestProtocols.includes(protocol),
      );
    if (!isOpen()) end();
    for (const stream of connection.streams) {
      stream.addEventListener('close', () => (isOpen() ? undefined : end()), { once: true });
    }
  }

  #onStreamRefused(connection: Connection, reason: RefusalReason, protocol: string): void {
    const peer = connection.remotePeer.toString();
    this.#refusals.add(reason, { peer, protocol });
    const visit = this.#visits.get(connection.id);
    if (visit !== undefined) visit.wasRefused = true;
  }

  #refuse(visit: Visit, reason: RefusalReason): void {
    this.#refusals.add(reason, { peer: visit.peer, address: visit.group });
    this.#close(visit);
  }

  /** Closes politely: what is already written still goes out; libp2p gives it a second. */
  #close(visit: Visit): void {
    const { connection } = visit;
    if (connection.status !== 'open') return;
    connection.close().catch((thrown: unknown) => this.#end(connection, toError(thrown)));
  }

  #end(connection: Connection, reason: Error): void {
    endConnection(connection, reason, this.#components.logger);
  }

  #visitsOf(peer: string): Visit[] {
    return [...this.#visits.values()].filter((visit) => visit.peer === peer);
  }

  #debug(peer: string, message: string): void {
    this.#components.logger.debug({ peer }, message);
  }
}

function groupOf(address: Multiaddr): string {
  return addressGroup(tryGetNetConfig(address)?.host ?? address.toString());
}

import type {
  AbortOptions,
  Connection,
  PeerId,
  Stream,
  StreamHandler,
  StreamHandlerOptions,
  StreamHandlerRecord,
  StreamMiddleware,
  Topology,
} from '@libp2p/interface';
import type { Registrar } from '@libp2p/interface-internal';
import { type Clock, type Logger, toError } from '../../interface/index.ts';
import type { RefusalReason } from './refusals.ts';
import type { Standing } from './standing.ts';

/** What a {@link MembersOnlyRegistrar} works with. */
export interface MembersOnlyComponents {
  /** libp2p's own registrar. */
  readonly registrar: Registrar;
  readonly standing: Standing;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Options of {@link MembersOnlyRegistrar}. */
export interface MembersOnlyInit {
  /**
   * How long a stream of a guest is kept unread for the case that it is just being admitted: at a
   * join, one side knows of the admission some milliseconds before the other, and gossipsub opens
   * its stream only once.
   */
  readonly holdMs: number;
  /** Streams of one peer that may be kept like that; further ones are refused at once. */
  readonly holdsPerPeerMax: number;
  /** A stream was refused. */
  onRefused(connection: Connection, reason: RefusalReason, protocol: string): void;
}

/**
 * libp2p's registrar as the members-only services see it. A service registered here hears of a peer
 * only while that peer is a member, so that it opens no stream to anyone else; an inbound stream of
 * anyone else is ended before a byte of it is read. (libp2p's own stream middleware cannot do this:
 * 3.3.11 appends the handler to the registered list at each stream, and it does not keep a service
 * from opening streams.)
 */
export class MembersOnlyRegistrar implements Registrar {
  readonly #inner: Registrar;
  readonly #standing: Standing;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #init: MembersOnlyInit;
  readonly #topologies = new Map<string, GatedTopology>();
  /** Ends the hold of each kept stream, by peer. */
  readonly #holds = new Map<string, Set<() => void>>();

  constructor(components: MembersOnlyComponents, init: MembersOnlyInit) {
    this.#inner = components.registrar;
    this.#standing = components.standing;
    this.#clock = components.clock;
    this.#logger = components.logger;
    this.#init = init;
  }

  async handle(
    protocol: string,
    handler: StreamHandler,
    options?: StreamHandlerOptions,
  ): Promise<void> {
    const gated: StreamHandler = async (stream, connection) => {
      const isMember = this.#isMember(connection.remotePeer.toString());
      if (!isMember && !(await this.#admit(stream, connection))) return;
      const handled = handler(stream, connection);
      // Now that the handler listens, what waited comes in.
      if (!isMember && stream.readStatus === 'paused') stream.resume();
      await handled;
    };
    await this.#inner.handle(protocol, gated, options);
  }

  async register(protocol: string, topology: Topology, options?: AbortOptions): Promise<string> {
    const gated = new GatedTopology(topology, (peer) => this.#isMember(peer));
    const id = await this.#inner.register(protocol, gated.shown, options);
    this.#topologies.set(id, gated);
    return id;
  }

  unregister(id: string): void {
    this.#topologies.delete(id);
    this.#inner.unregister(id);
  }

  unhandle(protocol: string, options?: AbortOptions): Promise<void> {
    return this.#inner.unhandle(protocol, options);
  }

  getProtocols(): string[] {
    return this.#inner.getProtocols();
  }

  getHandler(protocol: string): StreamHandlerRecord {
    return this.#inner.getHandler(protocol);
  }

  getTopologies(protocol: string): Topology[] {
    return this.#inner.getTopologies(protocol);
  }

  use(protocol: string, middleware: StreamMiddleware[]): void {
    this.#inner.use(protocol, middleware);
  }

  unuse(protocol: string): void {
    this.#inner.unuse(protocol);
  }

  getMiddleware(protocol: string): StreamMiddleware[] {
    return this.#inner.getMiddleware(protocol);
  }

  /** The peer became a member: services hear of it, and streams that were kept are handled. */
  promote(peer: string): void {
    for (const topology of this.#topologies.values()) this.#run(topology.promote(peer));
    this.#endHolds(peer);
  }

  /** The peer is a member no more: services are told that it is gone. */
  demote(peer: PeerId): void {
    for (const topology of this.#topologies.values()) this.#run(topology.demote(peer));
  }

  /**
   * One of the peer's connections is gone, and another is there: services that open a stream once
   * may have lost it.
   */
  remind(connection: Connection): void {
    for (const topology of this.#topologies.values()) this.#run(topology.remind(connection));
  }

  /** The peer has no connection any more. */
  forget(peer: string): void {
    for (const topology of this.#topologies.values()) topology.forget(peer);
    this.#endHolds(peer);
  }

  #isMember(peer: string): boolean {
    return this.#standing.standing(peer) === 'member';
  }

  /** Keeps a guest's stream for a moment; true when the peer has become a member meanwhile. */
  async #admit(stream: Stream, connection: Connection): Promise<boolean> {
    const peer = connection.remotePeer.toString();
    const isGuest = this.#standing.standing(peer) === 'guest';
    if (isGuest) await this.#hold(peer, stream);
    const standing = this.#standing.standing(peer);
    if (standing === 'member') return stream.status === 'open';
    const reason = standing === 'removed' ? 'stream-removed' : 'stream-not-member';
    this.#init.onRefused(connection, reason, stream.protocol);
    stream.abort(new Error(reason));
    return false;
  }

  async #hold(peer: string, stream: Stream): Promise<void> {
    const holds = this.#holds.get(peer) ?? new Set();
    if (holds.size >= this.#init.holdsPerPeerMax || stream.status !== 'open') return;
    this.#holds.set(peer, holds);
    // Paused: the peer can send one window of bytes at most, and nobody looks at them.
    stream.pause();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.schedule(this.#init.holdMs, resolve);
    holds.add(resolve);
    stream.addEventListener('close', () => resolve(), { once: true });
    await promise;
    timer.cancel();
    holds.delete(resolve);
    if (holds.size === 0) this.#holds.delete(peer);
  }

  #endHolds(peer: string): void {
    for (const end of this.#holds.get(peer) ?? []) end();
  }

  #run(task: Promise<void>): void {
    task.catch((thrown: unknown) =>
      this.#logger.warn({ error: toError(thrown).message }, 'a service failed on a member change'),
    );
  }
}

/** A service's topology that hears of members only, and of a guest at the moment it becomes one. */
class GatedTopology {
  /** What libp2p's registrar sees. */
  readonly shown: Topology;
  readonly #topology: Topology;
  readonly #deferred = new Map<string, readonly [PeerId, Connection]>();
  /** Whom the service was told of: not everyone speaks every protocol. */
  readonly #told = new Set<string>();

  constructor(topology: Topology, isMember: (peer: string) => boolean) {
    this.#topology = topology;
    this.shown = {
      ...(topology.filter === undefined ? {} : { filter: topology.filter }),
      notifyOnLimitedConnection: topology.notifyOnLimitedConnection === true,
      onConnect: async (peer, connection) => {
        if (isMember(peer.toString())) await this.#tell(peer, connection);
        else this.#deferred.set(peer.toString(), [peer, connection]);
      },
      onDisconnect: async (peer) => {
        this.forget(peer.toString());
        await topology.onDisconnect?.(peer);
      },
    };
  }

  async promote(peer: string): Promise<void> {
    const deferred = this.#deferred.get(peer);
    this.#deferred.delete(peer);
    if (deferred === undefined || deferred[1].status !== 'open') return;
    await this.#tell(...deferred);
  }

  async remind(connection: Connection): Promise<void> {
    const { remotePeer } = connection;
    if (this.#told.has(remotePeer.toString())) await this.#tell(remotePeer, connection);
  }

  async demote(peer: PeerId): Promise<void> {
    this.#told.delete(peer.toString());
    await this.#topology.onDisconnect?.(peer);
  }

  forget(peer: string): void {
    this.#deferred.delete(peer);
    this.#told.delete(peer);
  }

  async #tell(peer: PeerId, connection: Connection): Promise<void> {
    this.#told.add(peer.toString());
    await this.#topology.onConnect?.(peer, connection);
  }
}

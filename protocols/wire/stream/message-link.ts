import type { Connection, Stream } from '@libp2p/interface';
import {
  type Clock,
  CooeeError,
  delay,
  type Logger,
  type MessageLink,
  type Metrics,
  type Startable,
  toError,
} from '../../interface/index.ts';
import { RateLimiter, type RateLimiterInit } from '../rate-limit.ts';
import { FrameChannel } from './channel.ts';
import { FRAME_KIND, type Frame } from './frames.ts';
import { OutboundMessages } from './outbound-messages.ts';
import type { StreamRegistrar } from './server.ts';

/**
 * What happens between this node and a peer. `connected`: its first connection is open;
 * `disconnected`: the last one is gone; `broken`: the stream to it ended and is opened again, and
 * messages that `send` had taken may be lost.
 */
export type LinkEvent = 'broken' | 'connected' | 'disconnected';

/** The connections of this node. */
export interface LinkConnections {
  /** Whether a connection to the peer is open. */
  isConnected(peer: string): boolean;
  /**
   * Tells when the first connection of a peer opens and when the last one is gone. @returns ends it
   */
  onChange(listener: (peer: string, isConnected: boolean) => void): () => void;
  /** Opens a stream; rejects for a peer that is no member. */
  openStream(
    peer: string,
    protocol: string,
    options: { readonly signal: AbortSignal },
  ): Promise<Stream>;
}

/** What a {@link StreamLink} works with. */
export interface StreamLinkComponents {
  readonly connections: LinkConnections;
  /** Where the protocol is served: the members-only registrar. */
  readonly registrar: StreamRegistrar;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Options of {@link StreamLink}. */
export interface StreamLinkInit {
  readonly protocol: string;
  /**
   * A message came; called in the order in which they were sent. What it throws ends the stream: a
   * peer whose messages cannot be read is not listened to.
   */
  onMessage(peer: string, message: Uint8Array): void;
  /** Bytes that may wait for one peer; what comes on top is dropped. Default 4 MiB. */
  readonly bufferBytesMax?: number;
  /** Messages of one peer that are read; one that sends more is slowed down. Default 10,000/s. */
  readonly rate?: RateLimiterInit;
  /** Default 5,000. */
  readonly openTimeoutMs?: number;
}

const DEFAULTS = {
  bufferBytesMax: 4 * 1024 * 1024,
  rate: { ratePerSecond: 10_000, burst: 10_000 },
  openTimeoutMs: 5000,
} as const;

/** How long a peer that sends too fast is not read: short beside an election timeout. */
const RATE_PAUSE_MS = 10;

/** Name of the counter of messages that were not sent; label `reason`. */
export const LINK_DROPPED_METRIC = 'cooee_wire_link_dropped_total';
/** Name of the counter of inbound streams that were refused; label `code`. */
export const LINK_REFUSED_METRIC = 'cooee_wire_link_refused_total';

/** {@link MessageLink} over libp2p streams; docs/protocols/doors.md, section "Streams". */
export class StreamLink implements MessageLink, Startable {
  readonly #components: StreamLinkComponents;
  readonly #init: Required<StreamLinkInit>;
  readonly #limiter: RateLimiter;
  readonly #listeners = new Set<(peer: string, event: LinkEvent) => void>();
  readonly #outbound = new Map<string, OutboundMessages>();
  readonly #inbound = new Map<string, FrameChannel>();
  /** Peers whose stream is opened as soon as they are connected. */
  #kept: ReadonlySet<string> = new Set();
  #unsubscribe: (() => void) | undefined;

  constructor(components: StreamLinkComponents, init: StreamLinkInit) {
    this.#components = components;
    this.#init = { ...DEFAULTS, ...init };
    this.#limiter = new RateLimiter(this.#init.rate);
  }

  /** Serves the protocol and watches the connections. */
  async start(): Promise<void> {
    if (this.#unsubscribe !== undefined) return;
    const { registrar, connections } = this.#components;
    this.#unsubscribe = connections.onChange((peer, isConnected) =>
      this.#onConnection(peer, isConnected),
    );
    try {
      await registrar.handle(
        this.#init.protocol,
        (stream, connection) => this.#onStream(stream, connection),
        // The old one of a peer may not be known dead when the new one comes.
        { maxInboundStreams: 4 },
      );
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#unsubscribe === undefined) return;
    this.#unsubscribe();
    this.#unsubscribe = undefined;
    const reason = new CooeeError('ERR_WIRE_STREAM', 'The link stops.');
    for (const outbound of this.#outbound.values()) outbound.close(reason);
    this.#outbound.clear();
    for (const channel of [...this.#inbound.values()]) channel.abort(reason);
    await this.#components.registrar.unhandle(this.#init.protocol).catch((error: unknown) => {
      const { message } = toError(error);
      this.#components.logger.warn({ reason: message }, 'a protocol is still served');
    });
  }

  /**
   * See {@link MessageLink.send}. The bytes are copied at once. All messages of one turn of the
   * event loop leave in one write at its end.
   */
  send(peer: string, message: Uint8Array): boolean {
    if (this.#unsubscribe === undefined) return false;
    let outbound = this.#outbound.get(peer);
    if (outbound === undefined) {
      if (!this.isConnected(peer)) {
        this.#countDropped('away', 1);
        return false;
      }
      outbound = this.#add(peer);
    }
    return outbound.send(message);
  }

  isConnected(peer: string): boolean {
    return this.#components.connections.isConnected(peer);
  }

  /**
   * Names the peers to whom a stream is kept open from now on, also while there is nothing to say:
   * the other voters and learners. Streams to all others are ended; the next message opens one.
   */
  keep(peers: Iterable<string>): void {
    this.#kept = new Set(peers);
    if (this.#unsubscribe === undefined) return;
    const reason = new CooeeError('ERR_WIRE_STREAM', 'The stream is not needed any more.');
    for (const [peer, outbound] of this.#outbound) {
      if (this.#kept.has(peer)) continue;
      this.#outbound.delete(peer);
      outbound.close(reason);
    }
    for (const peer of this.#kept) if (this.isConnected(peer)) this.#openTo(peer);
  }

  /**
   * Tells what changes from now on; {@link isConnected} tells what is. Listeners must not throw.
   * @returns ends it
   */
  onPeer(listener: (peer: string, event: LinkEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #onConnection(peer: string, isConnected: boolean): void {
    if (isConnected) {
      if (this.#kept.has(peer)) this.#openTo(peer);
    } else {
      this.#outbound.get(peer)?.close(new CooeeError('ERR_WIRE_STREAM', 'The peer is gone.'));
      this.#outbound.delete(peer);
    }
    this.#tell(peer, isConnected ? 'connected' : 'disconnected');
  }

  #openTo(peer: string): void {
    (this.#outbound.get(peer) ?? this.#add(peer)).open();
  }

  #add(peer: string): OutboundMessages {
    const { clock, logger, connections } = this.#components;
    const { protocol, bufferBytesMax, openTimeoutMs } = this.#init;
    const outbound = new OutboundMessages(
      {
        clock,
        logger,
        open: (signal) => connections.openStream(peer, protocol, { signal }),
        isConnected: () => connections.isConnected(peer),
        onDropped: (reason, count) => this.#countDropped(reason, count),
        onBroken: () => this.#tell(peer, 'broken'),
      },
      { bufferBytesMax, openTimeoutMs },
    );
    this.#outbound.set(peer, outbound);
    return outbound;
  }

  #onStream(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString();
    if (this.#unsubscribe === undefined) {
      stream.abort(new CooeeError('ERR_WIRE_STREAM', 'The link stops.'));
      return;
    }
    const older = this.#inbound.get(peer);
    let channel: FrameChannel | undefined;
    channel = new FrameChannel(stream, {
      clock: this.#components.clock,
      // Nothing is written to it.
      writeTimeoutMs: this.#init.openTimeoutMs,
      onFrame: (frame) => this.#onFrame(peer, frame),
      onClose: (reason) => {
        // A newer one may have taken its place.
        const isNewest = channel !== undefined && this.#inbound.get(peer) === channel;
        if (isNewest) this.#inbound.delete(peer);
        this.#onInboundEnd(peer, reason);
      },
    });
    if (!channel.isOpen) return;
    this.#inbound.set(peer, channel);
    older?.abort(new CooeeError('ERR_WIRE_STREAM', 'A newer stream takes its place.'));
  }

  #onFrame(peer: string, frame: Frame): Promise<void> | undefined {
    if (frame.kind !== FRAME_KIND.push || frame.id !== 0) {
      throw new CooeeError('ERR_WIRE_MALFORMED', 'Such a frame has no place among messages.');
    }
    this.#init.onMessage(peer, frame.payload);
    const nowMs = this.#components.clock.monotonicMs();
    return this.#limiter.take(peer, nowMs) ? undefined : this.#allowance(peer);
  }

  /** Until it resolves nothing more is read from the peer. */
  async #allowance(peer: string): Promise<void> {
    const { clock } = this.#components;
    do await delay(clock, RATE_PAUSE_MS);
    while (!this.#limiter.take(peer, clock.monotonicMs()));
  }

  #onInboundEnd(peer: string, { code, message }: CooeeError): void {
    this.#components.logger.debug({ peer, code, reason: message }, 'an inbound stream ended');
    // A stream that breaks is no refusal.
    if (code !== 'ERR_WIRE_STREAM') this.#components.metrics.count(LINK_REFUSED_METRIC, { code });
  }

  #countDropped(reason: string, count: number): void {
    this.#components.metrics.count(LINK_DROPPED_METRIC, { reason }, count);
  }

  #tell(peer: string, event: LinkEvent): void {
    for (const listener of this.#listeners) listener(peer, event);
  }
}

import type { Connection, Stream, StreamHandler, StreamHandlerOptions } from '@libp2p/interface';
import { type Clock, CooeeError, type Logger, toError } from '../../interface/index.ts';
import { RateLimiter, type RateLimiterInit } from '../rate-limit.ts';
import { FrameChannel } from './channel.ts';
import { encodeErrorPayload, FRAME_KIND, type Frame, type FrameKind } from './frames.ts';

/**
 * Where handlers are put: the members-only registrar, or libp2p itself for a protocol that guests
 * may speak.
 */
export interface StreamRegistrar {
  handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void>;
  unhandle(protocol: string): Promise<void>;
}

/** What {@link serveRequests} works with. */
export interface StreamServerComponents {
  readonly registrar: StreamRegistrar;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Answers one request. What it throws goes to the client as a typed error. The signal is aborted
 * when the client no longer waits or its stream is over; `connection` is the id of the one that it
 * came by.
 */
export type RequestHandler = (
  peer: string,
  payload: Uint8Array,
  signal: AbortSignal,
  connection: string,
) => Promise<Uint8Array>;

/** One open stream of a client. */
export interface RequestSession {
  /** Peer id in text form; Noise has proved it. */
  readonly peer: string;
  /** Aborted when the stream is over. */
  readonly signal: AbortSignal;
  /**
   * Sends bytes unasked; resolves when the stream takes more. @throws CooeeError ERR_WIRE_STREAM,
   * ERR_WIRE_TIMEOUT
   */
  push(payload: Uint8Array): Promise<void>;
}

/** Options of {@link serveRequests}. */
export interface RequestServerInit {
  readonly handler: RequestHandler;
  /** Requests of one stream that are handled at once; further ones wait unread. Default 16. */
  readonly concurrencyMax?: number;
  /**
   * Requests a peer may send; more are answered with ERR_WIRE_RATE. Default 100 a second, 200 at
   * once.
   */
  readonly rate?: RateLimiterInit;
  /**
   * Streams of one peer at once; more than one, since the old one may not be known dead. Default 4.
   */
  readonly streamsPerPeerMax?: number;
  /** An answer that the peer does not take within this time ends its stream. Default 10,000. */
  readonly writeTimeoutMs?: number;
  /** A client opened a stream: a chance to push. */
  readonly onSession?: (session: RequestSession) => void;
  /** A peer went over `rate` or `streamsPerPeerMax`; called for each excess. */
  readonly onFlood?: (peer: string) => void;
}

/**
 * Streams of one peer that are over but still worked for, for each that it may have: who asks and
 * goes, again and again, would else have us do any amount of work at once. A peer of good will
 * whose connection broke may leave some behind.
 */
const LEFT_PER_STREAM_MAX = 3;

/** A served protocol. */
export interface RequestServer {
  /** Takes no more streams and ends those that are open. Idempotent. */
  stop(): Promise<void>;
}

/** Serves a protocol of requests and answers; docs/protocols/doors.md, section "Streams". */
export async function serveRequests(
  components: StreamServerComponents,
  protocol: string,
  init: RequestServerInit,
): Promise<RequestServer> {
  const limiter = new RateLimiter(init.rate ?? { ratePerSecond: 100, burst: 200 });
  const sessions = new Set<ServerSession>();
  const onStream = (stream: Stream, connection: Connection): void => {
    const peer = connection.remotePeer.toString();
    const all = [...sessions].filter((session) => session.peer === peer);
    const open = all.filter(({ signal }) => !signal.aborted).length;
    const openMax = init.streamsPerPeerMax ?? 4;
    if (open >= openMax || all.length - open >= LEFT_PER_STREAM_MAX * openMax) {
      stream.abort(new CooeeError('ERR_WIRE_RATE', 'Too many streams are open.'));
      if (open >= openMax) init.onFlood?.(peer);
      return;
    }
    const { id } = connection;
    const onQuiet = (): boolean => sessions.delete(session);
    const facts = { ...init, peer, connection: id, limiter, onQuiet };
    const session = new ServerSession(components, facts);
    sessions.add(session);
    session.run(stream);
    if (!session.signal.aborted) init.onSession?.(session);
  };
  await components.registrar.handle(protocol, onStream, { maxInboundStreams: 8 });
  return {
    stop: async () => {
      await components.registrar.unhandle(protocol);
      for (const session of sessions) session.stop();
    },
  };
}

interface ServerSessionInit extends RequestServerInit {
  readonly peer: string;
  readonly connection: string;
  readonly limiter: RateLimiter;
  /** The stream is over, and nothing is done for it any more. */
  onQuiet(): void;
}

class ServerSession implements RequestSession {
  readonly peer: string;
  readonly #components: StreamServerComponents;
  readonly #init: ServerSessionInit;
  readonly #ended = new AbortController();
  readonly #running = new Map<number, AbortController>();
  #channel: FrameChannel | undefined;
  #onFree: (() => void) | undefined;

  constructor(components: StreamServerComponents, init: ServerSessionInit) {
    this.#components = components;
    this.#init = init;
    this.peer = init.peer;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  run(stream: Stream): void {
    this.#channel = new FrameChannel(stream, {
      clock: this.#components.clock,
      writeTimeoutMs: this.#init.writeTimeoutMs ?? 10_000,
      onFrame: (frame) => this.#onFrame(frame),
      onClose: (reason) => this.#onClose(reason),
    });
  }

  async push(payload: Uint8Array): Promise<void> {
    await this.#send(FRAME_KIND.push, 0, payload);
  }

  stop(): void {
    this.#channel?.abort(new CooeeError('ERR_WIRE_STREAM', 'The server stops.'));
  }

  #onFrame(frame: Frame): Promise<void> | void {
    if (frame.kind === FRAME_KIND.cancel) {
      this.#running.get(frame.id)?.abort(new CooeeError('ERR_WIRE_STREAM', 'Nobody waits.'));
      return undefined;
    }
    if (frame.kind !== FRAME_KIND.request || this.#running.has(frame.id)) {
      throw new CooeeError('ERR_WIRE_MALFORMED', 'A client does not send that frame.');
    }
    if (!this.#init.limiter.take(this.peer, this.#components.clock.monotonicMs())) {
      this.#init.onFlood?.(this.peer);
      // Awaited, so that a flood of refusals is paced like everything else that is written.
      return this.#answer(frame.id, FRAME_KIND.error, tooOften());
    }
    void this.#handle(frame);
    return this.#running.size < (this.#init.concurrencyMax ?? 16) ? undefined : this.#free();
  }

  /** Resolves when one of the running requests is done: until then nothing more is read. */
  #free(): Promise<void> {
    return new Promise((resolve) => {
      this.#onFree = resolve;
    });
  }

  async #handle(frame: Frame): Promise<void> {
    const aborter = new AbortController();
    this.#running.set(frame.id, aborter);
    let kind: FrameKind = FRAME_KIND.response;
    let payload: Uint8Array;
    try {
      const { handler, connection } = this.#init;
      payload = await handler(this.peer, frame.payload, aborter.signal, connection);
    } catch (thrown) {
      this.#log(thrown, 'request refused');
      kind = FRAME_KIND.error;
      payload = encodeErrorPayload(thrown);
    }
    if (!aborter.signal.aborted) await this.#answer(frame.id, kind, payload);
    this.#running.delete(frame.id);
    this.#onFree?.();
    this.#onFree = undefined;
    this.#checkQuiet();
  }

  async #answer(id: number, kind: FrameKind, payload: Uint8Array): Promise<void> {
    try {
      await this.#send(kind, id, payload);
    } catch (thrown) {
      this.#log(thrown, 'answer not sent');
      if (thrown instanceof CooeeError && thrown.code === 'ERR_WIRE_TOO_LARGE') {
        await this.#answer(id, FRAME_KIND.error, encodeErrorPayload(thrown));
      }
    }
  }

  async #send(kind: FrameKind, id: number, payload: Uint8Array): Promise<void> {
    if (this.#channel === undefined) throw new CooeeError('ERR_WIRE_STREAM');
    await this.#channel.send({ kind, id, payload });
  }

  #onClose(reason: CooeeError): void {
    this.#ended.abort(reason);
    for (const aborter of this.#running.values()) aborter.abort(reason);
    this.#onFree?.();
    this.#onFree = undefined;
    this.#checkQuiet();
  }

  #checkQuiet(): void {
    if (this.#ended.signal.aborted && this.#running.size === 0) this.#init.onQuiet();
  }

  #log(thrown: unknown, message: string): void {
    const error = toError(thrown);
    const code = error instanceof CooeeError ? error.code : 'ERR_API_INTERNAL';
    this.#components.logger.debug({ peer: this.peer, code, reason: error.message }, message);
  }
}

const tooOften = (): Uint8Array => encodeErrorPayload(new CooeeError('ERR_WIRE_RATE'));

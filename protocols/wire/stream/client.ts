import type { Stream } from '@libp2p/interface';
import {
  type Clock,
  CooeeError,
  isCooeeError,
  type Logger,
  type Timer,
  toError,
} from '../../interface/index.ts';
import { FrameChannel } from './channel.ts';
import { decodeErrorPayload, FRAME_KIND, type Frame } from './frames.ts';

/** What a {@link RequestStream} works with. */
export interface RequestStreamComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * Opens a stream to the peer, for example
   * `signal => network.openStream(peer, protocol, {signal})`.
   */
  open(signal: AbortSignal): Promise<Stream>;
}

/** Options of {@link RequestStream}. */
export interface RequestStreamInit {
  /**
   * Requests that may wait for an answer at once; one more is refused. Default 32: each may hold 1
   * MiB.
   */
  readonly inFlightMax?: number;
  /** How long an answer may take unless the request says otherwise. Default 10,000. */
  readonly timeoutMs?: number;
  /** Called for every push of the server. Must not throw. */
  readonly onPush?: (payload: Uint8Array) => void;
}

interface PendingRequest {
  resolve(payload: Uint8Array): void;
  reject(error: unknown): void;
}

/**
 * The client's end: one stream, many requests at once, opened when first needed and again after it
 * broke.
 */
export class RequestStream {
  readonly #components: RequestStreamComponents;
  readonly #inFlightMax: number;
  readonly #timeoutMs: number;
  readonly #onPush: (payload: Uint8Array) => void;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #stopped = new AbortController();
  #opening: Promise<FrameChannel> | undefined;
  #channel: FrameChannel | undefined;
  #nextId = 1;
  #waiting = 0;

  constructor(components: RequestStreamComponents, init: RequestStreamInit = {}) {
    this.#components = components;
    this.#inFlightMax = init.inFlightMax ?? 32;
    this.#timeoutMs = init.timeoutMs ?? 10_000;
    this.#onPush = init.onPush ?? (() => undefined);
  }

  /** Whether a stream is open right now. */
  get isOpen(): boolean {
    return this.#channel?.isOpen === true;
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @throws CooeeError whatever the other node refused it with; ERR_WIRE_STREAM when the stream
   * broke or could not be opened (the request may or may not have been handled); ERR_WIRE_TIMEOUT;
   * ERR_WIRE_RATE when too many wait; ERR_WIRE_TOO_LARGE; ERR_WIRE_MALFORMED when the answer cannot
   * be read; the signal's reason when it was aborted
   */
  async request(
    payload: Uint8Array,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  ): Promise<Uint8Array> {
    options.signal?.throwIfAborted();
    if (this.#waiting >= this.#inFlightMax) {
      throw new CooeeError('ERR_WIRE_RATE', 'Too many requests wait for an answer of that node.', {
        details: { inFlightMax: this.#inFlightMax },
      });
    }
    this.#waiting += 1;
    const ended = new AbortController();
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const timer: Timer = this.#components.clock.schedule(timeoutMs, () =>
      ended.abort(new CooeeError('ERR_WIRE_TIMEOUT', undefined, { details: { timeoutMs } })),
    );
    const onAbort = (): void => ended.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#exchange(payload, ended.signal);
    } finally {
      timer.cancel();
      options.signal?.removeEventListener('abort', onAbort);
      this.#waiting -= 1;
    }
  }

  /** Opens the stream now, for the pushes. @throws CooeeError ERR_WIRE_STREAM */
  async connect(signal: AbortSignal): Promise<void> {
    await raced(this.#open(), signal);
  }

  /** Ends the stream; waiting requests are rejected and no new one is taken. Idempotent. */
  stop(): void {
    const reason = new CooeeError('ERR_WIRE_STREAM', 'The stream was closed on this side.');
    this.#stopped.abort(reason);
    this.#channel?.abort(reason);
  }

  async #exchange(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const channel = await raced(this.#open(), signal);
    const id = this.#takeId();
    const answer = Promise.withResolvers<Uint8Array>();
    this.#pending.set(id, answer);
    const isPending = (): boolean => this.#pending.has(id);
    channel
      .send({ kind: FRAME_KIND.request, id, payload }, isPending)
      .catch((error: unknown) => answer.reject(error));
    try {
      return await raced(answer.promise, signal);
    } finally {
      this.#pending.delete(id);
      if (signal.aborted && channel.isOpen) this.#cancel(channel, id);
    }
  }

  /** Tells the server that nobody waits any more; best effort, the stream's end says the same. */
  #cancel(channel: FrameChannel, id: number): void {
    channel
      .send({ kind: FRAME_KIND.cancel, id, payload: new Uint8Array() })
      .catch((error: unknown) => this.#log('cancel not sent', error));
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId = id >= 0xffff_ffff ? 1 : id + 1;
    return id;
  }

  #open(): Promise<FrameChannel> {
    if (this.#stopped.signal.aborted) return Promise.reject(this.#stopped.signal.reason);
    if (this.#channel?.isOpen === true) return Promise.resolve(this.#channel);
    this.#opening ??= this.#openChannel().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openChannel(): Promise<FrameChannel> {
    const { clock } = this.#components;
    const ended = new AbortController();
    const timer = clock.schedule(this.#timeoutMs, () => ended.abort(openFailed()));
    try {
      const signal = AbortSignal.any([ended.signal, this.#stopped.signal]);
      const stream = await this.#components.open(signal);
      const channel = new FrameChannel(stream, {
        clock,
        writeTimeoutMs: this.#timeoutMs,
        onFrame: (frame) => this.#onFrame(frame),
        onClose: (reason) => this.#onClose(reason),
      });
      if (this.#stopped.signal.aborted) channel.abort(openFailed());
      this.#channel = channel;
      return channel;
    } catch (cause) {
      throw isCooeeError(cause) ? cause : openFailed(cause);
    } finally {
      timer.cancel();
    }
  }

  #onFrame(frame: Frame): void {
    if (frame.kind === FRAME_KIND.push) {
      this.#onPush(frame.payload);
      return;
    }
    // No such request: it timed out or was aborted, and its answer crossed the cancel.
    const pending = this.#pending.get(frame.id);
    if (frame.kind === FRAME_KIND.response) pending?.resolve(frame.payload);
    else if (frame.kind === FRAME_KIND.error) pending?.reject(decodeErrorPayload(frame.payload));
    else throw new CooeeError('ERR_WIRE_MALFORMED', 'A server does not send that kind of frame.');
  }

  #onClose(reason: CooeeError): void {
    this.#log('stream ended', reason);
    for (const pending of this.#pending.values()) pending.reject(reason);
    this.#pending.clear();
  }

  #log(message: string, thrown: unknown): void {
    this.#components.logger.debug({ reason: toError(thrown).message }, message);
  }
}

const openFailed = (cause?: unknown): CooeeError =>
  new CooeeError('ERR_WIRE_STREAM', 'The stream to the other node could not be opened.', { cause });

/** The promise, or the signal's reason when it is aborted first. */
async function raced<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([aborted.promise, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

import type { Stream } from '@libp2p/interface';
import { type Clock, LIMITS, type Logger, type Timer, toError } from '../../interface/index.ts';
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from './frames.ts';

/** Why a message was not sent, or may not have arrived. */
export type DropReason = 'away' | 'broken' | 'full' | 'size';

/** What {@link OutboundMessages} works with. */
export interface OutboundMessagesComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Opens a stream to the peer. */
  open(signal: AbortSignal): Promise<Stream>;
  /** Whether a connection to the peer is open. */
  isConnected(): boolean;
  /** Messages were dropped; with `broken` they had been taken before. */
  onDropped(reason: DropReason, count: number): void;
  /** A stream broke: what was handed to it may be lost. */
  onBroken(): void;
}

/** Options of {@link OutboundMessages}. */
export interface OutboundMessagesInit {
  /** Bytes that may wait for the peer to take them, in the stream's own buffer too. */
  readonly bufferBytesMax: number;
  /** A stream must be open within this time. */
  readonly openTimeoutMs: number;
}

/** Handed to the stream in one write at most: what a socket takes at once on a fast link. */
const WRITE_BYTES_MAX = 256 * 1024;
/** A stream that lived this long was a good one: when it breaks, it is reopened at once. */
const STABLE_MS = 1000;
const RETRY_MIN_MS = 10;
const RETRY_MAX_MS = 1000;

/**
 * The way to one peer: a stream that is opened at the first message, and again whenever it broke
 * while the peer is connected. Messages of one turn of the event loop leave in one write.
 */
export class OutboundMessages {
  readonly #components: OutboundMessagesComponents;
  readonly #init: OutboundMessagesInit;
  #stream: Stream | undefined;
  #opening: AbortController | undefined;
  #retry: Timer | undefined;
  /** Streams that could not be opened or broke soon, in a row. */
  #failures = 0;
  #openedAtMs = 0;
  /** Whole frames, oldest first. */
  #frames: Uint8Array[] = [];
  #frameBytes = 0;
  /** The stream takes no more until it says `drain`. */
  #isFull = false;
  #isFlushPlanned = false;

  constructor(components: OutboundMessagesComponents, init: OutboundMessagesInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Whether a stream is open right now. */
  get isOpen(): boolean {
    return this.#stream !== undefined;
  }

  /** Takes a message, or drops it and tells why by `onDropped`. Never throws. */
  send(message: Uint8Array): boolean {
    if (this.#stream === undefined && this.#opening === undefined && this.#mayOpen()) this.open();
    const reason = this.#refusal(message.byteLength);
    if (reason !== undefined) {
      this.#components.onDropped(reason, 1);
      return false;
    }
    // A push: a message that nobody asked for and nobody answers.
    const frame = encodeFrame({ kind: FRAME_KIND.push, id: 0, payload: message });
    this.#frames.push(frame);
    this.#frameBytes += frame.byteLength;
    if (this.#stream !== undefined) this.#planFlush();
    return true;
  }

  /** The peer is connected: its stream is opened now, not only at the next message. */
  open(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    if (this.#stream === undefined && this.#opening === undefined) void this.#open();
  }

  /** Ends the stream and forgets what waits. It can be opened again. */
  close(reason: Error): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#failures = 0;
    this.#opening?.abort(reason);
    this.#opening = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    this.#forgetFrames();
    stream?.abort(reason);
  }

  #mayOpen(): boolean {
    return this.#retry === undefined && this.#components.isConnected();
  }

  #refusal(bytes: number): DropReason | undefined {
    if (bytes > LIMITS.streamMessageBytesMax) return 'size';
    // While the next try waits, nothing is kept: it would be stale when it left.
    if (this.#stream === undefined && this.#opening === undefined) return 'away';
    const waiting = this.#frameBytes + (this.#stream?.writeBufferLength ?? 0);
    const isFull = waiting + FRAME_HEADER_BYTES + bytes > this.#init.bufferBytesMax;
    return isFull ? 'full' : undefined;
  }

  async #open(): Promise<void> {
    const opening = new AbortController();
    this.#opening = opening;
    const { clock } = this.#components;
    const timer = clock.schedule(this.#init.openTimeoutMs, () =>
      opening.abort(new Error('the stream took too long to open')),
    );
    try {
      const stream = await this.#components.open(opening.signal);
      if (opening.signal.aborted) {
        const reason = toError(opening.signal.reason);
        stream.abort(reason);
        throw reason;
      }
      this.#use(stream);
    } catch (thrown) {
      if (this.#opening === opening) this.#fail(thrown);
    } finally {
      timer.cancel();
      if (this.#opening === opening) this.#opening = undefined;
    }
  }

  #use(stream: Stream): void {
    if (stream.status !== 'open') throw new Error('the stream was closed as soon as it was open');
    this.#opening = undefined;
    this.#stream = stream;
    this.#openedAtMs = this.#components.clock.monotonicMs();
    this.#isFull = false;
    const end = (reason: Error): void => {
      this.#onEnd(stream, reason);
      stream.abort(reason);
    };
    stream.addEventListener('close', ({ error }) => this.#onEnd(stream, error), { once: true });
    stream.addEventListener('remoteCloseWrite', () => end(new Error('closed by the peer')));
    stream.addEventListener('message', () => end(new Error('the peer answered a message')));
    // `stream.onDrain()` works only once per stream (utils 7.4.1).
    stream.addEventListener('drain', () => {
      if (this.#stream !== stream) return;
      this.#isFull = false;
      this.#flush();
    });
    this.#flush();
  }

  #planFlush(): void {
    if (this.#isFlushPlanned || this.#isFull) return;
    this.#isFlushPlanned = true;
    void Promise.resolve().then(() => {
      this.#isFlushPlanned = false;
      this.#flush();
    });
  }

  #flush(): void {
    const stream = this.#stream;
    while (stream !== undefined && stream === this.#stream && !this.#isFull) {
      const bytes = this.#takeFrames();
      if (bytes === undefined) return;
      try {
        this.#isFull = !stream.send(bytes);
      } catch (thrown) {
        const reason = toError(thrown);
        this.#onEnd(stream, reason);
        stream.abort(reason);
      }
    }
  }

  /** The frames that wait, up to a write's size, in one piece. */
  #takeFrames(): Uint8Array | undefined {
    let count = 0;
    let bytes = 0;
    for (const { byteLength } of this.#frames) {
      if (count > 0 && bytes + byteLength > WRITE_BYTES_MAX) break;
      count += 1;
      bytes += byteLength;
    }
    const [first] = this.#frames;
    if (first === undefined) return undefined;
    this.#frameBytes -= bytes;
    if (count === 1) {
      this.#frames.shift();
      return first;
    }
    return joined(this.#frames.splice(0, count), bytes);
  }

  #onEnd(stream: Stream, reason: unknown): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    const livedMs = this.#components.clock.monotonicMs() - this.#openedAtMs;
    if (livedMs >= STABLE_MS) this.#failures = 0;
    this.#fail(reason);
  }

  /** The stream broke or did not open: what waits is dropped, and the next try comes. */
  #fail(thrown: unknown): void {
    this.#opening = undefined;
    const reason = thrown === undefined ? 'closed' : toError(thrown).message;
    this.#components.logger.debug({ reason }, 'a message stream broke');
    this.#forgetFrames();
    const failures = this.#failures;
    this.#failures += 1;
    if (failures === 0 || !this.#components.isConnected()) {
      this.#again();
      return;
    }
    // Whoever hears that it broke says something, and what is said opens it: not before its time.
    const delayMs = Math.min(RETRY_MIN_MS * 2 ** (failures - 1), RETRY_MAX_MS);
    this.#retry = this.#components.clock.schedule(delayMs, () => this.#again());
  }

  /** The next try, and whoever wants to say something again goes with it. */
  #again(): void {
    this.#retry = undefined;
    if (this.#components.isConnected()) this.open();
    this.#components.onBroken();
  }

  #forgetFrames(): void {
    if (this.#frames.length > 0) this.#components.onDropped('broken', this.#frames.length);
    this.#frames = [];
    this.#frameBytes = 0;
  }
}

function joined(frames: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let offset = 0;
  for (const frame of frames) {
    all.set(frame, offset);
    offset += frame.byteLength;
  }
  return all;
}

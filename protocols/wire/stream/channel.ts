import type { Stream } from '@libp2p/interface';
import { type Clock, CooeeError, type Timer, toError } from '../../interface/index.ts';
import { encodeFrame, type Frame, FrameReader } from './frames.ts';

/** What a {@link FrameChannel} runs with. */
export interface FrameChannelInit {
  readonly clock: Clock;
  /** A write that the peer does not take within this time ends the stream. */
  readonly writeTimeoutMs: number;
  /**
   * One frame arrived. Until the promise resolves no further frame is read: the peer is slowed down
   * by its send window, and at most about one window of its bytes waits here.
   */
  onFrame(frame: Frame): Promise<void> | void;
  /** The stream is over, for whatever reason; called once. */
  onClose(reason: CooeeError): void;
}

/** Frames over a libp2p stream, with backpressure both ways. */
export class FrameChannel {
  readonly #stream: Stream;
  readonly #init: FrameChannelInit;
  readonly #reader = new FrameReader();
  #writing: Promise<void> = Promise.resolve();
  #reading = false;
  #closed: CooeeError | undefined;

  constructor(stream: Stream, init: FrameChannelInit) {
    this.#stream = stream;
    this.#init = init;
    stream.addEventListener('close', (event) => this.#end(lost(event.error)), { once: true });
    stream.addEventListener('remoteCloseWrite', () => this.#onRemoteEnd(), { once: true });
    stream.addEventListener('message', (event) => {
      this.#reader.push(event.data.subarray());
      this.#read();
    });
    if (stream.status !== 'open') this.#end(lost());
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /**
   * Sends a frame after those before it; resolves when the stream takes more.
   *
   * @param isWanted asked when its turn comes: false skips it
   * @throws CooeeError ERR_WIRE_STREAM, ERR_WIRE_TIMEOUT (either ends the stream),
   * ERR_WIRE_TOO_LARGE
   */
  async send(frame: Frame, isWanted: () => boolean = () => true): Promise<void> {
    const bytes = encodeFrame(frame);
    const turn = this.#writing.then(async () => {
      if (isWanted()) await this.#write(bytes);
    });
    // The next writer waits for its turn only, it does not inherit this one's failure.
    this.#writing = turn.catch(() => undefined);
    await turn;
  }

  /** Ends the stream at once. */
  abort(reason: CooeeError): void {
    this.#end(reason);
    this.#stream.abort(reason);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed;
    try {
      if (this.#stream.send(bytes)) return;
    } catch (cause) {
      throw lost(cause);
    }
    await this.#drained();
  }

  /** Waits for the `drain` event: `stream.onDrain()` works only once per stream (utils 7.4.1). */
  async #drained(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onDrain = (): void => resolve();
    const onClose = (): void => reject(this.#closed ?? lost());
    this.#stream.addEventListener('drain', onDrain);
    this.#stream.addEventListener('close', onClose);
    const timer: Timer = this.#init.clock.schedule(this.#init.writeTimeoutMs, () => {
      const reason = new CooeeError('ERR_WIRE_TIMEOUT', 'The other node takes no more bytes.');
      this.abort(reason);
      reject(reason);
    });
    try {
      await promise;
    } finally {
      timer.cancel();
      this.#stream.removeEventListener('drain', onDrain);
      this.#stream.removeEventListener('close', onClose);
    }
  }

  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    void this.#readAll();
  }

  /**
   * Ends with `#reading` false in the same turn in which it found no frame: the next event may
   * follow right away.
   */
  async #readAll(): Promise<void> {
    try {
      for (;;) {
        const frame = this.#closed === undefined ? this.#reader.next() : undefined;
        if (frame === undefined) break;
        const handled = this.#init.onFrame(frame);
        if (handled === undefined) continue;
        this.#setPaused(true);
        await handled;
        this.#setPaused(false);
      }
    } catch (thrown) {
      this.abort(thrown instanceof CooeeError ? thrown : lost(thrown));
    }
    this.#reading = false;
  }

  #setPaused(isPaused: boolean): void {
    const { status, readStatus } = this.#stream;
    if (status !== 'open' || readStatus === 'closed' || readStatus === 'closing') return;
    if (isPaused) this.#stream.pause();
    else this.#stream.resume();
  }

  /** The peer sends no more: nothing can be answered, so our half is closed too. */
  #onRemoteEnd(): void {
    this.#end(lost());
    this.#stream.close().catch((error: unknown) => this.#stream.abort(toError(error)));
  }

  #end(reason: CooeeError): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#init.onClose(reason);
  }
}

function lost(cause?: unknown): CooeeError {
  return new CooeeError('ERR_WIRE_STREAM', undefined, { cause });
}

import type { MessageStream, StreamMuxer } from '@libp2p/interface';
import { type Clock, toError } from '../../../protocols/interface/index.ts';
import { sparingYamux } from '../sparing-yamux.ts';

const HEADER_BYTES = 12;
const DATA_FRAME = 0;
const SYN = 1;
/** What a peer may send on a stream that is new, and on any: the package's own numbers. */
const WINDOW_BYTES = 256 * 1024;
const WINDOW_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Frames that wait for a connection that takes nothing. Streams stop by themselves then; these are
 * answers to the peer's pings and to its streams, which it does not read.
 */
const UNSENT_FRAMES_MAX = 4_096;

/**
 * Streams that a peer may open: many times what a member does. Each costs 0.1 ms before its
 * protocol is known, and to open and reset one takes 44 bytes.
 */
const STREAMS_BURST = 1_000;
const STREAMS_PER_MS = 0.25;

/**
 * What yamux 8's muxer has beyond its interface;
 * test/unit/daemon/libp2p/assembly/bounded-yamux.test.ts notices when it goes.
 */
interface Inner {
  onData(data: unknown): void;
  incomingStream(id: number): void;
  send(data: Parameters<MessageStream['send']>[0]): boolean;
  readonly streams: readonly { readonly streamId: number; readonly recvWindowCapacity: number }[];
  readonly decoder: { readonly buffer: Waiting };
}

/** The frame that is not complete yet. */
interface Waiting {
  readonly byteLength: number;
  get(position: number): number;
}

/**
 * Yamux that a peer cannot make use up memory or time. Yamux 8 compares the length of a frame with
 * the window of its stream when all of the frame is there: up to 4 GiB would wait for that. It
 * answers pings and streams also while nothing of its answers is taken. And it takes any number of
 * streams, one after the other. All that is open to strangers, before a protocol is spoken.
 */
export function boundedYamux(
  clock: Pick<Clock, 'monotonicMs' | 'schedule'>,
  init: Parameters<typeof sparingYamux>[0] = {},
): ReturnType<typeof sparingYamux> {
  const make = sparingYamux(init);
  const windowBytesMax = init.streamOptions?.maxStreamWindowSize ?? WINDOW_BYTES_MAX;
  return () => {
    const factory = make();
    const create = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => {
      const muxer = create(connection);
      boundReading(muxer, windowBytesMax);
      boundWriting(muxer, connection);
      paceStreams(muxer, connection, clock);
      return muxer;
    };
    return factory;
  };
}

/** What is thrown here ends the connection, as any fault in a frame does. */
function boundReading(muxer: StreamMuxer, windowBytesMax: number): void {
  const inner = muxer as unknown as Inner;
  const onData = inner.onData.bind(muxer);
  inner.onData = (data) => {
    onData(data);
    const { buffer } = inner.decoder;
    if (buffer.byteLength < HEADER_BYTES || buffer.get(1) !== DATA_FRAME) return;
    const streamId = numberAt(buffer, 4);
    const stream = inner.streams.find((it) => it.streamId === streamId);
    // On a stream that is closed here there may still come what its window allowed.
    const unknownMax = (buffer.get(3) & SYN) === 0 ? windowBytesMax : WINDOW_BYTES;
    if (numberAt(buffer, 8) > (stream?.recvWindowCapacity ?? unknownMax)) {
      throw new Error('a frame that is larger than the window of its stream');
    }
  };
}

function numberAt(buffer: Waiting, position: number): number {
  let value = 0;
  for (let i = position; i < position + 4; i++) value = value * 0x100 + buffer.get(i);
  return value;
}

function boundWriting(muxer: StreamMuxer, connection: MessageStream): void {
  const inner = muxer as unknown as Inner;
  const send = inner.send.bind(muxer);
  let unsent = 0;
  inner.send = (data) => {
    unsent = connection.writeBufferLength === 0 ? 0 : unsent + 1;
    // Not from within: whoever sends is in the middle of something.
    if (unsent === UNSENT_FRAMES_MAX) {
      queueMicrotask(() => connection.abort(new Error('the peer does not take what it is sent')));
    }
    return send(data);
  };
}

/** A connection that brings too many streams is not read until that many would have been fine. */
function paceStreams(
  muxer: StreamMuxer,
  connection: MessageStream,
  clock: Pick<Clock, 'monotonicMs' | 'schedule'>,
): void {
  const inner = muxer as unknown as Inner;
  const onData = inner.onData.bind(muxer);
  const incomingStream = inner.incomingStream.bind(muxer);
  let left = STREAMS_BURST;
  let atMs = clock.monotonicMs();
  let isPaused = false;
  const setPaused = (): void => {
    if (connection.status !== 'open') return;
    try {
      if (isPaused) connection.pause();
      else connection.resume();
    } catch (thrown) {
      connection.abort(toError(thrown));
    }
  };
  const goOn = (): void => {
    isPaused = false;
    setPaused();
  };
  inner.incomingStream = (id) => {
    left -= 1;
    incomingStream(id);
  };
  inner.onData = (data) => {
    onData(data);
    const nowMs = clock.monotonicMs();
    left = Math.min(STREAMS_BURST, left + (nowMs - atMs) * STREAMS_PER_MS);
    atMs = nowMs;
    if (left >= 0 || isPaused) return;
    isPaused = true;
    // Not from within: what waited while it was paused comes while it is being resumed.
    queueMicrotask(setPaused);
    clock.schedule(-left / STREAMS_PER_MS, goOn);
  };
}

import type { MultiaddrConnection, StreamMuxer } from '@libp2p/interface';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { yamux } from '@libp2p/yamux';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { boundedYamux } from '../../../../../daemon/libp2p/assembly/bounded-yamux.ts';
import { until } from '../../../../mesh/harness.ts';
import { ManualClock } from '../../../wire/manual-clock.ts';

const WINDOW_BYTES = 256 * 1024;
const PIECE = new Uint8Array(64 * 1024);
/** Types and flags of frames. */
const DATA = 0;
const PING = 2;
const WINDOW_UPDATE = 1;
const SYN = 1;
const RST = 8;

const header = (type: number, flag: number, streamId: number, length: number): Uint8Array => {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint8(1, type);
  view.setUint16(2, flag);
  view.setUint32(4, streamId);
  view.setUint32(8, length);
  return new Uint8Array(view.buffer);
};

// Goal: a peer that speaks Yamux as it likes fills no memory. Method: the peer is bare bytes at the
// other end of a connection.
describe('a muxer whose memory is bounded', () => {
  const muxers: StreamMuxer[] = [];
  let clock: ManualClock;
  beforeEach(() => {
    clock = new ManualClock();
  });
  afterEach(() => {
    for (const muxer of muxers.splice(0)) muxer.abort(new Error('the test is over'));
  });

  function start(): { peer: MultiaddrConnection; own: MultiaddrConnection; muxer: StreamMuxer } {
    const [peer, own] = multiaddrConnectionPair();
    peer.addEventListener('message', () => undefined);
    const muxer = boundedYamux(clock, { enableKeepAlive: false })().createStreamMuxer(own);
    muxers.push(muxer);
    return { peer, own, muxer };
  }

  /** Sends until the other side has had enough of it; the bytes that went out. */
  async function pour(peer: MultiaddrConnection, bytesMax: number): Promise<number> {
    let bytes = 0;
    while (bytes < bytesMax && peer.status === 'open') {
      peer.send(PIECE);
      bytes += PIECE.length;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return bytes;
  }

  it.each([
    ['a new stream', header(DATA, SYN, 1, WINDOW_BYTES + 1)],
    ['a new stream, as large as can be said', header(DATA, SYN, 1, 0xffff_ffff)],
    ['a stream that is closed', header(DATA, 0, 77, 16 * 1024 * 1024 + 1)],
  ])('ends with a frame that is too large for %s', async (_name, frame) => {
    const { peer, own, muxer } = start();
    peer.send(frame);
    expect(await pour(peer, 8 * 1024 * 1024)).toBeLessThan(1024 * 1024);
    expect(own.status).toBe('aborted');
    expect(muxer.status).toBe('closed');
  });

  it('ends with one that is too large for what is left of the window', async () => {
    const { peer, own, muxer } = start();
    const opened = new Promise<void>((resolve) =>
      muxer.addEventListener('stream', ({ detail }) => {
        // Nobody reads: what came stays.
        detail.pause();
        resolve();
      }),
    );
    peer.send(header(DATA, SYN, 1, PIECE.length));
    peer.send(PIECE);
    await opened;
    peer.send(header(DATA, 0, 1, WINDOW_BYTES - PIECE.length));
    await pour(peer, PIECE.length);
    expect(own.status).toBe('open');
    await pour(peer, WINDOW_BYTES - 2 * PIECE.length);
    peer.send(header(DATA, 0, 1, 1));
    await until('it is over', () => own.status === 'aborted');
  });

  it('takes all that a peer may send that keeps to the window', async () => {
    const [near, own] = multiaddrConnectionPair();
    let received = 0;
    const muxer = boundedYamux(clock, { enableKeepAlive: false })().createStreamMuxer(own);
    muxer.addEventListener('stream', ({ detail }) =>
      detail.addEventListener('message', ({ data }) => {
        received += data.byteLength;
      }),
    );
    const sender = yamux({ enableKeepAlive: false })().createStreamMuxer(near);
    muxers.push(muxer, sender);
    const stream = await sender.createStream();
    const whole = new Uint8Array(3 * WINDOW_BYTES);
    for (let i = 0; i < 8; i++) {
      if (stream.send(whole)) continue;
      await new Promise((drained) => stream.addEventListener('drain', drained, { once: true }));
    }
    await until('all has come', () => received >= 8 * whole.length);
    expect(received).toBe(8 * whole.length);
  });

  it('ends when a peer asks on and on and takes no answer', async () => {
    const { peer, own } = start();
    const pings = new Uint8Array(12 * 1000);
    for (let at = 0; at < pings.length; at += 12) pings.set(header(PING, SYN, 0, 7), at);
    peer.send(pings);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(own.status).toBe('open');
    // What a connection does whose peer does not read.
    Object.assign(own, { writableNeedsDrain: true });
    let sent = 0;
    for (; sent < 100 && own.status === 'open'; sent++) {
      peer.send(pings);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    expect(own.status).toBe('aborted');
    expect(sent).toBeLessThan(10);
  });

  it('lets a peer open no more streams than a member ever does', async () => {
    const { peer, own, muxer } = start();
    let opened = 0;
    muxer.addEventListener('stream', ({ detail }) => {
      opened++;
      detail.addEventListener('message', () => undefined);
    });
    let id = 1;
    const cycles = (count: number): void => {
      const frames: Uint8Array[] = [];
      for (let i = 0; i < count; i++, id += 2) {
        frames.push(header(WINDOW_UPDATE, SYN, id, 0), header(WINDOW_UPDATE, RST, id, 0));
      }
      peer.send(Buffer.concat(frames));
    };
    for (let i = 0; i < 50; i++) {
      cycles(100);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await until('it has had its share', () => opened >= 1_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // And what was under way with the last of it.
    expect(opened).toBeLessThan(1_500);
    expect(own.status).toBe('open');
    const before = opened;
    await clock.advance(60_000);
    await until('it goes on', () => opened > before);
    expect(own.status).toBe('open');
  });
});

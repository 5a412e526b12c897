import type { MultiaddrConnection, Stream, StreamMuxer } from '@libp2p/interface';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { afterEach, describe, expect, it } from 'vitest';
import { sparingYamux } from '../../../../daemon/libp2p/sparing-yamux.ts';
import { until } from '../../../mesh/harness.ts';

const WINDOW_BYTES = 256 * 1024;
const HEADER_BYTES = 12;
/** The second byte of a frame: 0 data, 1 window update. */
const WINDOW_UPDATE = 1;

// Goal: a peer gets its window back before it runs out, and no sooner. Method: two muxers over a
// pair of connections; what the receiving one sends is looked at.
describe('a muxer that is sparing with window updates', () => {
  const muxers: StreamMuxer[] = [];
  afterEach(() => {
    for (const muxer of muxers.splice(0)) muxer.abort(new Error('the test is over'));
  });

  async function start() {
    const [outbound, inbound] = multiaddrConnectionPair();
    let updates = 0;
    const send = inbound.send.bind(inbound);
    inbound.send = (data) => {
      if (data.byteLength === HEADER_BYTES && data.subarray()[1] === WINDOW_UPDATE) updates++;
      return send(data);
    };
    const create = (connection: MultiaddrConnection): StreamMuxer => {
      const muxer = sparingYamux({ enableKeepAlive: false })().createStreamMuxer(connection);
      muxers.push(muxer);
      return muxer;
    };
    const far = new Promise<Stream>((resolve) => {
      create(inbound).addEventListener('stream', (event) => resolve(event.detail));
    });
    const near = await create(outbound).createStream();
    const receiver = await far;
    let received = 0;
    receiver.addEventListener('message', ({ data }) => {
      received += data.byteLength;
    });
    // The first frame is answered with an update that opens the stream.
    near.send(new Uint8Array(1));
    await until('the stream is open', () => received === 1);
    const opening = updates;
    received = 0;
    return { near, receiver, received: () => received, updates: () => updates - opening };
  }

  async function sendAll(stream: Stream, piece: Uint8Array, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      if (stream.send(piece)) continue;
      await new Promise((drained) => stream.addEventListener('drain', drained, { once: true }));
    }
  }

  it('sends none for a few small messages', async () => {
    const { near, received, updates } = await start();
    await sendAll(near, new Uint8Array(100), 50);
    await until('all have come', () => received() === 5_000);
    expect(updates()).toBe(0);
  });

  it('sends them in time for far more than a window', async () => {
    const { near, received, updates } = await start();
    const count = 80;
    await sendAll(near, new Uint8Array(WINDOW_BYTES / 8), count);
    await until('all have come', () => received() === (count * WINDOW_BYTES) / 8);
    expect(updates()).toBeGreaterThan(0);
    expect(updates()).toBeLessThan(count / 2);
  });

  it('lets a sender go on that a paused receiver has held up', async () => {
    const { near, receiver, received } = await start();
    receiver.pause();
    const piece = new Uint8Array(WINDOW_BYTES);
    const sent = sendAll(near, piece, 2);
    await until('the window is used up', () => near.writableNeedsDrain);
    expect(received()).toBe(0);
    receiver.resume();
    await sent;
    await until('all have come', () => received() === 2 * piece.length);
  });
});

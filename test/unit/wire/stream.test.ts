import type { Libp2p, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../daemon/system/clock.ts';
import {
  type Clock,
  CooeeError,
  LIMITS,
  silentLogger,
} from '../../../protocols/interface/index.ts';
import {
  encodeFrame,
  FRAME_KIND,
  type RequestServer,
  type RequestServerInit,
  type RequestSession,
  RequestStream,
  type RequestStreamInit,
  serveRequests,
} from '../../../protocols/wire/stream.ts';

const PROTOCOL = '/cooee/test/1';
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const read = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const code = (wanted: string) => expect.objectContaining({ code: wanted });

/** Waits for what comes by itself; the time only bounds hanging. */
const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 30_000, interval: 20 });

// Goal: bytes in, bytes out over real Yamux streams, and a typed error for everything else.
describe('request streams', () => {
  let server: Libp2p;
  let client: Libp2p;
  let served: RequestServer | undefined;
  const streams: RequestStream[] = [];

  beforeAll(async () => {
    const parts = { transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] };
    client = await createLibp2p({ ...parts });
    server = await createLibp2p({ ...parts, addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] } });
    await client.dial(server.getMultiaddrs());
  });

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.stop();
    await served?.stop();
    served = undefined;
  });

  afterAll(async () => {
    await client.stop();
    await server.stop();
  });

  const serve = async (init: RequestServerInit, clock: Clock = systemClock): Promise<void> => {
    const components = { registrar: server, clock, logger: silentLogger };
    served = await serveRequests(components, PROTOCOL, init);
  };

  const open = (signal: AbortSignal): Promise<Stream> =>
    client.dialProtocol(server.peerId, PROTOCOL, { signal });

  const connect = (init: RequestStreamInit = {}): RequestStream => {
    const stream = new RequestStream({ clock: systemClock, logger: silentLogger, open }, init);
    streams.push(stream);
    return stream;
  };

  const streamCount = (): number =>
    client.getConnections().flatMap((connection) => connection.streams).length;

  it('answers many requests at once over one stream, in any order', async () => {
    const gates = Array.from({ length: 10 }, () => Promise.withResolvers<void>());
    const handler = async (_peer: string, bytes: Uint8Array): Promise<Uint8Array> => {
      const n = Number(read(bytes));
      await gates[n]?.promise;
      gates[n - 1]?.resolve();
      return text(`answer ${n}`);
    };
    await serve({ handler });
    const stream = connect();
    const answers = gates.map((_, n) => stream.request(text(`${n}`)).then(read));
    gates[9]?.resolve();
    expect(await Promise.all(answers)).toEqual(gates.map((_, n) => `answer ${n}`));
    expect(streamCount()).toBe(1);
  });

  it('tells the handler who asks', async () => {
    await serve({ handler: async (peer) => text(peer) });
    expect(read(await connect().request(text('who')))).toBe(client.peerId.toString());
  });

  it('carries the largest message both ways', async () => {
    await serve({ handler: async (_peer, bytes) => bytes });
    const bytes = new Uint8Array(LIMITS.streamMessageBytesMax).fill(7);
    const answer = await connect().request(bytes);
    expect(answer.byteLength).toBe(bytes.byteLength);
    expect(answer.at(-1)).toBe(7);
  });

  it('brings a refusal of the other side as it was thrown', async () => {
    const refusal = new CooeeError('ERR_MEMBERSHIP_INVITE_USED', 'gone', { details: { uses: 0 } });
    await serve({ handler: () => Promise.reject(refusal) });
    const stream = connect();
    await expect(stream.request(text('x'))).rejects.toEqual(refusal);
    expect(stream.isOpen).toBe(true);
  });

  it('refuses to send or answer with more than the limit', async () => {
    const tooLarge = new Uint8Array(LIMITS.streamMessageBytesMax + 1);
    await serve({ handler: async () => tooLarge });
    const stream = connect();
    await expect(stream.request(tooLarge)).rejects.toThrow(code('ERR_WIRE_TOO_LARGE'));
    await expect(stream.request(text('x'))).rejects.toThrow(code('ERR_WIRE_TOO_LARGE'));
    expect(stream.isOpen).toBe(true);
  });

  it.each([
    ['an oversize frame', 0, Uint8Array.from([0x7f, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1])],
    ['garbage', 0, text('GET / HTTP/1.1\r\n\r\n')],
    ['a frame that only servers send', 0, encodeFrame({ kind: 2, id: 1, payload: text('x') })],
    [
      'an id that is in use',
      1,
      Buffer.concat([1, 1].map((id) => encodeFrame({ kind: 1, id, payload: text('x') }))),
    ],
  ])('ends the stream of a client that sends %s', async (_name, asked, bytes) => {
    const signals: AbortSignal[] = [];
    await serve({
      handler: (_peer, _bytes, signal) => {
        signals.push(signal);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal)));
      },
    });
    const raw = await open(AbortSignal.timeout(30_000));
    const closed = new Promise((resolve) => raw.addEventListener('close', resolve));
    raw.send(bytes);
    await closed;
    expect(raw.status).toBe('reset');
    expect(signals.map((signal) => signal.aborted)).toEqual(Array(asked).fill(true));
  });

  it.each([
    ['garbage', text('what is this')],
    ['a frame that only clients send', encodeFrame({ kind: 1, id: 1, payload: text('x') })],
    ['an oversize frame', Uint8Array.from([0x7f, 0xff, 0xff, 0xff, 2, 0, 0, 0, 1])],
  ])('ends the stream to a server that sends %s', async (_name, bytes) => {
    await server.handle(PROTOCOL, (stream) => {
      stream.send(bytes);
    });
    const stream = connect();
    await expect(stream.request(text('x'))).rejects.toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_WIRE_(MALFORMED|TOO_LARGE)$/) }),
    );
    expect(stream.isOpen).toBe(false);
    await server.unhandle(PROTOCOL);
  });

  it('gives up after the time, tells the server, and ignores a late answer', async () => {
    const aborted = Promise.withResolvers<AbortSignal>();
    const handler = async (_peer: string, bytes: Uint8Array, signal: AbortSignal) => {
      if (read(bytes) === 'quick') return text('quick');
      signal.addEventListener('abort', () => aborted.resolve(signal));
      await aborted.promise;
      return text('late');
    };
    await serve({ handler });
    const stream = connect();
    await expect(stream.request(text('slow'), { timeoutMs: 50 })).rejects.toThrow(
      code('ERR_WIRE_TIMEOUT'),
    );
    expect((await aborted.promise).aborted).toBe(true);
    expect(read(await stream.request(text('quick')))).toBe('quick');
  });

  it('stops waiting when the caller does', async () => {
    await serve({ handler: () => new Promise(() => undefined) });
    const stream = connect();
    const caller = new AbortController();
    const answer = stream.request(text('x'), { signal: caller.signal });
    caller.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
  });

  it('rejects what waits when the stream is lost, and opens a new one for the next', async () => {
    await serve({ handler: async (_peer, bytes) => bytes });
    const stream = connect();
    await stream.request(text('first'));
    await served?.stop();
    await eventually(() => expect(stream.isOpen).toBe(false));
    await serve({ handler: () => new Promise(() => undefined) });
    const waiting = stream.request(text('second'));
    waiting.catch(() => undefined);
    await eventually(() => expect(server.getConnections()[0]?.streams.length).toBe(1));
    await served?.stop();
    await expect(waiting).rejects.toThrow(code('ERR_WIRE_STREAM'));
    expect(stream.isOpen).toBe(false);
    await serve({ handler: async (_peer, bytes) => bytes });
    expect(read(await stream.request(text('third')))).toBe('third');
  });

  it('says so when the stream cannot be opened', async () => {
    await expect(connect().request(text('x'))).rejects.toThrow(code('ERR_WIRE_STREAM'));
  });

  it('lets only so many wait', async () => {
    await serve({ handler: () => new Promise(() => undefined) });
    const stream = connect({ inFlightMax: 2, timeoutMs: 300 });
    const waiting = [1, 2].map(() => stream.request(text('x')).catch((error: unknown) => error));
    await expect(stream.request(text('x'))).rejects.toThrow(code('ERR_WIRE_RATE'));
    expect(await Promise.all(waiting)).toEqual([
      code('ERR_WIRE_TIMEOUT'),
      code('ERR_WIRE_TIMEOUT'),
    ]);
  });

  it('answers a peer that asks too often with an error, and goes on after', async () => {
    let nowMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    const rate = { ratePerSecond: 20, burst: 2 };
    await serve({ handler: async (_peer, bytes) => bytes, rate }, clock);
    const stream = connect();
    const answers = await Promise.allSettled([1, 2, 3].map(() => stream.request(text('x'))));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(answers[2]).toMatchObject({ reason: { code: 'ERR_WIRE_RATE' } });
    await expect(stream.request(text('y'))).rejects.toThrow(code('ERR_WIRE_RATE'));
    nowMs += 50;
    expect(read(await stream.request(text('y')))).toBe('y');
  });

  it('handles only so many at once; the rest waits in order', async () => {
    let running = 0;
    let runningMax = 0;
    const handler = async (_peer: string, bytes: Uint8Array): Promise<Uint8Array> => {
      running += 1;
      runningMax = Math.max(runningMax, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return bytes;
    };
    await serve({ handler, concurrencyMax: 3 });
    const stream = connect();
    const sent = Array.from({ length: 30 }, (_, n) => `${n}`);
    const answers = await Promise.all(sent.map(async (n) => read(await stream.request(text(n)))));
    expect(answers).toEqual(sent);
    expect(runningMax).toBe(3);
  });

  it('slows a sender down instead of keeping its bytes', async () => {
    const gate = Promise.withResolvers<void>();
    const handler = async (): Promise<Uint8Array> => {
      await gate.promise;
      return text('ok');
    };
    await serve({ handler, concurrencyMax: 1 });
    const stream = connect();
    const bytes = new Uint8Array(LIMITS.streamMessageBytesMax);
    const answers = Array.from({ length: 8 }, () => stream.request(bytes));
    const kept = (): number =>
      server
        .getConnections()
        .flatMap((connection) => connection.streams)
        .reduce((sum, { readBufferLength }) => sum + readBufferLength, 0);
    await eventually(() => expect(kept()).toBeGreaterThan(0));
    for (let round = 0; round < 50; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      // A Yamux window grows to at most 16 MiB on a fast link; the 7 MiB that wait must not all be
      // here.
      expect(kept()).toBeLessThan(4 * 1024 * 1024);
    }
    gate.resolve();
    expect(await Promise.all(answers.map((answer) => answer.then(read)))).toEqual(
      answers.map(() => 'ok'),
    );
  });

  it('ends the stream of a peer that takes nothing', async () => {
    const sessions: RequestSession[] = [];
    await serve({
      handler: async () => new Uint8Array(LIMITS.streamMessageBytesMax),
      writeTimeoutMs: 100,
      onSession: (session) => sessions.push(session),
    });
    const raw = await open(AbortSignal.timeout(30_000));
    const closed = new Promise((resolve) => raw.addEventListener('close', resolve));
    raw.pause();
    for (let id = 1; id <= 16; id += 1) {
      raw.send(encodeFrame({ kind: FRAME_KIND.request, id, payload: text('more') }));
    }
    await closed;
    expect(sessions[0]?.signal.aborted).toBe(true);
    expect(sessions[0]?.signal.reason).toMatchObject({ code: 'ERR_WIRE_TIMEOUT' });
  });

  it('pushes to the client', async () => {
    const sessions: RequestSession[] = [];
    const pushed: string[] = [];
    await serve({
      handler: async (_peer, bytes) => bytes,
      onSession: (session) => sessions.push(session),
    });
    const stream = connect({ onPush: (bytes) => pushed.push(read(bytes)) });
    await stream.connect(AbortSignal.timeout(30_000));
    await eventually(() => expect(sessions.length).toBe(1));
    await sessions[0]?.push(text('news'));
    await sessions[0]?.push(text('more news'));
    await eventually(() => expect(pushed).toEqual(['news', 'more news']));
    stream.stop();
    await eventually(() => expect(sessions[0]?.signal.aborted).toBe(true));
    await expect(sessions[0]?.push(text('late'))).rejects.toThrow(code('ERR_WIRE_STREAM'));
    await expect(stream.request(text('x'))).rejects.toThrow(code('ERR_WIRE_STREAM'));
  });

  it('works for no more at once than its streams allow, whichever of them are over', async () => {
    const gate = Promise.withResolvers<void>();
    let running = 0;
    await serve({
      concurrencyMax: 4,
      streamsPerPeerMax: 2,
      rate: { ratePerSecond: 1_000, burst: 2_000 },
      handler: async () => {
        running += 1;
        await gate.promise;
        running -= 1;
        return text('late');
      },
    });
    // Each asks, and is gone before an answer.
    for (let cycle = 0; cycle < 40; cycle++) {
      const stream = await client.dialProtocol(server.peerId, PROTOCOL);
      for (let id = 1; id <= 4 && stream.status === 'open'; id++) {
        stream.send(encodeFrame({ kind: FRAME_KIND.request, id, payload: text('x') }));
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
      stream.abort(new Error('gone'));
    }
    expect(running).toBeGreaterThan(0);
    expect(running).toBeLessThanOrEqual(4 * 2 * 4);
    gate.resolve();
    await eventually(() => expect(running).toBe(0));
    expect(read(await connect().request(text('x')))).toBe('late');
  });

  it('takes a bounded number of streams of one peer', async () => {
    await serve({ handler: async (_peer, bytes) => bytes, streamsPerPeerMax: 2 });
    const raws: Stream[] = [];
    for (let n = 0; n < 3; n += 1) raws.push(await open(AbortSignal.timeout(30_000)));
    await eventually(() =>
      expect(raws.map(({ status }) => status).sort()).toEqual(['open', 'open', 'reset']),
    );
    for (const raw of raws) raw.abort(new Error('done'));
  });
});

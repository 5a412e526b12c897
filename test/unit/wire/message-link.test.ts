import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CooeeError, LIMITS, silentLogger } from '../../../protocols/interface/index.ts';
import {
  encodeFrame,
  FRAME_KIND,
  LINK_DROPPED_METRIC,
  LINK_REFUSED_METRIC,
  StreamLink,
  type StreamLinkInit,
} from '../../../protocols/wire/stream.ts';
import { CountingMetrics } from './gossip-fixture.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { TwinHost } from './stream-twins.ts';

const PROTOCOL = '/cooee/test/raft/1';
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const read = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const push = (value: string): Uint8Array =>
  encodeFrame({ kind: FRAME_KIND.push, id: 0, payload: text(value) });

interface Side {
  readonly host: TwinHost;
  readonly link: StreamLink;
  readonly heard: string[];
  readonly events: string[];
  readonly metrics: CountingMetrics;
}

// Goal: messages in order, at most once, with bounds on what waits, whatever happens to streams.
describe('the message link', () => {
  let clock: ManualClock;
  let a: Side;
  let b: Side;

  function side(name: string, init: Partial<StreamLinkInit> = {}): Side {
    const host = new TwinHost(name);
    const metrics = new CountingMetrics();
    const heard: string[] = [];
    const events: string[] = [];
    const link = new StreamLink(
      { connections: host, registrar: host.registrar, clock, metrics, logger: silentLogger },
      {
        protocol: PROTOCOL,
        onMessage: (peer, bytes) => heard.push(`${peer}: ${read(bytes)}`),
        ...init,
      },
    );
    link.onPeer((peer, event) => events.push(`${peer} ${event}`));
    return { host, link, heard, events, metrics };
  }

  const dropped = ({ metrics }: Side, reason: string): number =>
    metrics.read(LINK_DROPPED_METRIC, { reason });

  beforeEach(async () => {
    clock = new ManualClock();
    a = side('a');
    b = side('b');
    await a.link.start();
    await b.link.start();
    a.host.join(b.host);
  });

  afterEach(async () => {
    await a.link.stop();
    await b.link.stop();
  });

  it('brings messages in order, the first ones while the stream is being opened', async () => {
    for (const n of [1, 2, 3]) expect(a.link.send('b', text(`${n}`))).toBe(true);
    await settle();
    expect(a.link.send('b', text('4'))).toBe(true);
    await settle();
    expect(b.heard).toEqual(['a: 1', 'a: 2', 'a: 3', 'a: 4']);
    expect(a.host.attempts).toBe(1);
  });

  it('writes all messages of one turn at once', async () => {
    a.link.send('b', text('first'));
    await settle();
    const [stream] = a.host.opened;
    expect(stream?.writes.length).toBe(1);
    for (let n = 0; n < 100; n += 1) a.link.send('b', text(`${n}`));
    await settle();
    expect(stream?.writes.length).toBe(2);
    expect(b.heard.length).toBe(101);
  });

  it('is not changed by what the caller does with the bytes afterwards', async () => {
    const bytes = text('before');
    a.link.send('b', bytes);
    bytes.fill(0);
    await settle();
    expect(b.heard).toEqual(['a: before']);
  });

  it('hands on messages in the same turn in which they arrive', async () => {
    a.link.send('b', text('first'));
    await settle();
    a.host.opened[0]?.twin?.onData(Buffer.concat([push('x'), push('y')]));
    expect(b.heard.slice(1)).toEqual(['a: x', 'a: y']);
  });

  it('drops, counts and tells what is for a peer that is not connected', () => {
    expect(a.link.isConnected('c')).toBe(false);
    expect(a.link.send('c', text('x'))).toBe(false);
    expect(dropped(a, 'away')).toBe(1);
    expect(a.host.attempts).toBe(0);
  });

  it('drops what is too large, and sends the largest', async () => {
    expect(a.link.send('b', new Uint8Array(LIMITS.streamMessageBytesMax + 1))).toBe(false);
    expect(dropped(a, 'size')).toBe(1);
    expect(a.link.send('b', new Uint8Array(LIMITS.streamMessageBytesMax))).toBe(true);
    await settle();
    expect(b.heard[0]?.length).toBe(LIMITS.streamMessageBytesMax + 3);
  });

  it('keeps a bounded number of bytes for a peer that takes none, and goes on', async () => {
    a = side('a2', { bufferBytesMax: 10_000 });
    await a.link.start();
    a.host.join(b.host);
    a.link.send('b', text('first'));
    await settle();
    a.host.opened[0]?.setTakes(false);
    const payload = new Uint8Array(1000 - 9).fill(120);
    let taken = 0;
    while (a.link.send('b', payload)) {
      taken += 1;
      await settle();
    }
    expect(taken).toBe(10);
    // Not one by one: what waits is put together when the stream takes more.
    expect(a.host.opened[0]?.writes.length).toBe(2);
    expect(dropped(a, 'full')).toBe(1);
    a.host.opened[0]?.setTakes(true);
    await settle();
    expect(b.heard.length).toBe(1 + taken);
    expect(a.link.send('b', text('again'))).toBe(true);
    await settle();
    expect(b.heard.at(-1)).toBe('a2: again');
  });

  it('opens a broken stream again at once, without the messages that waited', async () => {
    a.link.send('b', text('first'));
    await settle();
    a.host.opened[0]?.setTakes(false);
    a.link.send('b', text('in the stream'));
    await settle();
    a.link.send('b', text('waits'));
    a.host.opened[0]?.abort(new Error('broken'));
    await settle();
    expect(a.events).toEqual(['b connected', 'b broken']);
    expect(dropped(a, 'broken')).toBe(1);
    expect(a.host.attempts).toBe(2);
    a.link.send('b', text('second'));
    await settle();
    expect(b.heard).toEqual(['a: first', 'a: second']);
  });

  it('opens it again when the other side ends or resets it', async () => {
    a.link.send('b', text('first'));
    await settle();
    await a.host.opened[0]?.twin?.close();
    await settle();
    expect(a.host.attempts).toBe(2);
    await clock.advance(1000);
    a.host.opened[1]?.twin?.abort(new Error('reset'));
    await settle();
    expect(a.host.attempts).toBe(3);
    a.link.send('b', text('second'));
    await settle();
    expect(b.heard).toEqual(['a: first', 'a: second']);
  });

  it('tries again later and later, up to a second, and drops what comes meanwhile', async () => {
    a.host.openError = new Error('protocol is not served');
    expect(a.link.send('b', text('lost'))).toBe(true);
    await settle();
    expect(a.host.attempts).toBe(2);
    expect(a.link.send('b', text('x'))).toBe(false);
    expect(dropped(a, 'away')).toBe(1);
    expect(dropped(a, 'broken')).toBe(1);
    await clock.advance(5000);
    const attempts = a.host.attempts;
    expect(attempts).toBeGreaterThan(6);
    await clock.advance(10_000);
    expect(a.host.attempts - attempts).toBe(10);
    a.host.openError = undefined;
    await clock.advance(1000);
    expect(a.link.send('b', text('back'))).toBe(true);
    await settle();
    expect(b.heard).toEqual(['a: back']);
  });

  it('gives an attempt to open up after its time', async () => {
    a.host.openGate = new Promise(() => undefined);
    a.link.send('b', text('x'));
    await clock.advance(4999);
    expect(a.host.attempts).toBe(1);
    a.host.openGate = undefined;
    await clock.advance(1);
    expect(a.host.attempts).toBe(2);
    expect(a.host.opened.length).toBe(1);
  });

  it('forgets what waits for a peer whose last connection is gone', async () => {
    a.host.openGate = new Promise(() => undefined);
    a.link.send('b', text('stale'));
    a.host.part(b.host);
    expect(a.events).toEqual(['b connected', 'b disconnected']);
    expect(a.link.send('b', text('x'))).toBe(false);
    await clock.advance(10_000);
    expect(a.host.attempts).toBe(1);
    a.host.openGate = undefined;
    a.host.join(b.host);
    a.link.send('b', text('fresh'));
    await settle();
    expect(b.heard).toEqual(['a: fresh']);
  });

  it('ends a stream that opens after nobody wants it any more', async () => {
    const gate = Promise.withResolvers<void>();
    a.host.openGate = gate.promise;
    a.host.ignoresAbort = true;
    a.link.send('b', text('stale'));
    a.link.keep([]);
    gate.resolve();
    await settle();
    expect(a.host.opened.map(({ status }) => status)).toEqual(['aborted']);
    expect(b.heard).toEqual([]);
  });

  it('opens streams to the peers it is to keep as soon as they are connected', async () => {
    a.link.keep(['b', 'c']);
    await settle();
    expect(a.host.opened.length).toBe(1);
    const c = side('c');
    await c.link.start();
    a.host.join(c.host);
    await settle();
    expect(a.host.opened.length).toBe(2);
    expect(c.host.opened.length).toBe(0);
    await c.link.stop();
  });

  it('ends the streams to all others', async () => {
    a.link.send('b', text('x'));
    await settle();
    a.link.keep(['c']);
    await clock.advance(5000);
    expect(a.host.opened.map(({ status }) => status)).toEqual(['aborted']);
    expect(a.link.send('b', text('y'))).toBe(true);
    await settle();
    expect(b.heard).toEqual(['a: x', 'a: y']);
  });

  it('ends its stream to a peer that answers on it', async () => {
    a.link.send('b', text('x'));
    await settle();
    a.host.opened[0]?.onData(push('answer'));
    await settle();
    expect(a.host.opened.map(({ status }) => status)).toEqual(['aborted', 'open']);
    expect(a.heard).toEqual([]);
  });

  it.each([
    ['an oversize frame', Uint8Array.from([0x7f, 0xff, 0xff, 0xff, 4, 0, 0, 0, 0]), 'TOO_LARGE'],
    ['garbage', text('\0\0\0\x0aGET / HTTP/1.1\r\n'), 'MALFORMED'],
    ['a frame that is shorter than its header', new Uint8Array(16), 'MALFORMED'],
    ['a request', encodeFrame({ kind: 1, id: 1, payload: text('x') }), 'MALFORMED'],
  ])('ends and counts an inbound stream with %s', async (_name, bytes, code) => {
    const raw = b.host.accept('a', PROTOCOL);
    raw.send(push('good'));
    raw.send(bytes);
    raw.send(push('late'));
    await settle();
    expect(raw.status).toBe('reset');
    expect(b.heard).toEqual(['a: good']);
    expect(b.metrics.read(LINK_REFUSED_METRIC, { code: `ERR_WIRE_${code}` })).toBe(1);
  });

  it('keeps nothing of an oversize frame but its header', async () => {
    const raw = b.host.accept('a', PROTOCOL);
    raw.send(Uint8Array.from([0x7f, 0xff, 0xff, 0xff, 4, 0, 0, 0, 0]));
    await settle();
    expect(() => raw.send(new Uint8Array(1_000_000))).toThrow();
    expect(raw.twin?.readBufferLength).toBe(0);
  });

  it('ends and counts an inbound stream whose messages cannot be read', async () => {
    const c = side('c', {
      onMessage: () => {
        throw new CooeeError('ERR_WIRE_MALFORMED');
      },
    });
    await c.link.start();
    const raw = c.host.accept('a', PROTOCOL);
    raw.send(push('no such message'));
    await settle();
    expect(raw.status).toBe('reset');
    expect(c.metrics.read(LINK_REFUSED_METRIC, { code: 'ERR_WIRE_MALFORMED' })).toBe(1);
    await c.link.stop();
  });

  it('takes a newer stream of a peer for the older one', async () => {
    const older = b.host.accept('a', PROTOCOL);
    older.send(push('1'));
    await settle();
    older.send(push('between'));
    const newer = b.host.accept('a', PROTOCOL);
    const other = b.host.accept('c', PROTOCOL);
    newer.send(push('2'));
    other.send(push('3'));
    await settle();
    expect(b.heard).toEqual(['a: 1', 'a: 2', 'c: 3']);
    expect([older, newer, other].map(({ status }) => status)).toEqual(['reset', 'open', 'open']);
    expect(b.metrics.read(LINK_REFUSED_METRIC, { code: 'ERR_WIRE_STREAM' })).toBe(0);
    // The end of the older one does not end the newer one.
    newer.send(push('4'));
    await settle();
    expect(b.heard.at(-1)).toBe('a: 4');
  });

  it('slows a peer down that sends more than it may, and loses nothing', async () => {
    const c = side('c', { rate: { ratePerSecond: 1000, burst: 100 } });
    await c.link.start();
    const raw = c.host.accept('a', PROTOCOL);
    for (let n = 0; n < 500; n += 1) raw.send(push(`${n}`));
    await settle();
    expect(c.heard.length).toBe(101);
    expect(raw.twin?.readStatus).toBe('paused');
    await clock.advance(100);
    expect(c.heard.length).toBeGreaterThan(150);
    expect(c.heard.length).toBeLessThan(250);
    await clock.advance(1000);
    expect(c.heard).toEqual(Array.from({ length: 500 }, (_, n) => `a: ${n}`));
    await c.link.stop();
  });

  it('sends, hears and holds nothing after it has stopped', async () => {
    a.link.send('b', text('x'));
    b.link.send('a', text('y'));
    await settle();
    await a.link.stop();
    await a.link.stop();
    expect(a.link.send('b', text('late'))).toBe(false);
    await clock.advance(10_000);
    expect(a.host.opened.map(({ status }) => status)).toEqual(['aborted']);
    expect(b.host.opened.map(({ status }) => status)).toEqual(['reset']);
    expect(a.host.listenerCount).toBe(0);
    expect(() => a.host.accept('b', PROTOCOL)).toThrow('not served');
  });

  it('can be started again', async () => {
    await a.link.stop();
    await a.link.start();
    a.link.send('b', text('again'));
    await settle();
    expect(b.heard).toEqual(['a: again']);
  });
});

// Goal: GET /v1/events end to end: order, filter, resume by id and index, explicit gaps, slow
// readers, limits, stop.
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { HEARTBEAT_MS } from '../../../../daemon/api/event-stream.ts';
import type { WatchItem } from '../../../../daemon/client/index.ts';
import { LIMITS } from '../../../../protocols/interface/index.ts';
import {
  type Bench,
  codeOf,
  newEventLog,
  request,
  standingClock,
  startBench,
  until,
} from './fixture.ts';

const show = (item: WatchItem): string =>
  item.kind === 'event' ? item.event.id : item.kind === 'gap' ? `gap ${item.reason}` : item.kind;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes that are held: what nobody refers to any more does not count. */
function heldBytes(): number {
  collectGarbage();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

/** Watches until told to stop, and remembers what it saw. */
function follow(bench: Bench, init: Parameters<Bench['client']['watch']>[0] = {}) {
  const seen: string[] = [];
  const stop = new AbortController();
  const done = (async () => {
    for await (const item of bench.client.watch({ opens: true, ...init, signal: stop.signal })) {
      seen.push(show(item));
    }
  })();
  return {
    seen,
    sees: (...expected: string[]) => expect.poll(() => seen).toEqual(expected),
    end: async () => {
      stop.abort();
      await done;
    },
  };
}

/** Opens a stream by hand; gives what came so far. */
function openRaw(socketPath: string, query = '', header = '') {
  const socket = connect(socketPath);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('error', () => undefined);
  socket.write(`GET /v1/events${query} HTTP/1.1\r\nHost: localhost\r\n${header}\r\n`);
  return { socket, text: () => text };
}

describe('events', () => {
  it('come in order to whom they match', async () => {
    const bench = await startBench();
    const all = follow(bench);
    const some = follow(bench, { match: 'ucxl://agentid:*' });
    await all.sees('open');
    await some.sees('open');
    bench.events.publish({ type: 'member:join', index: 8, data: {} });
    bench.events.publish({ type: 'agent:grant', address: 'ucxl://agentid:458RV', data: {} });
    await all.sees('open', '3-1', '3-2');
    await some.sees('open', '3-2');
    await all.end();
    await some.end();
    await until('places are free', () => bench.events.readerCount === 0);
  });

  it('have the form of server-sent events and resume by Last-Event-ID', async () => {
    const { socketPath, events } = await startBench();
    for (const data of [1, 2, 3]) events.publish({ type: 'member:join', index: 7 + data, data });
    const raw = openRaw(socketPath, '', 'Last-Event-ID: 3-2\r\n');
    await until('the event comes', () => raw.text().includes('id: 3-3\ndata: {"id":"3-3"'));
    // Then, that this is all for now: an entry may have several events.
    await until('it is all', () => raw.text().includes(': all\nid: 3-3\n\n'));
    expect(raw.text()).toContain('content-type: text/event-stream');
    expect(raw.text()).toContain('x-cooee-index: 7');
    expect(raw.text()).not.toContain('data: {"id":"3-2"');
    raw.socket.destroy();
    const other = openRaw(socketPath, '?since=2-1');
    await until('a gap comes', () =>
      other.text().includes('id: 3-0\nevent: gap\ndata: {"reason":"restart"}\n\n'),
    );
    other.socket.destroy();
  });

  it('resume by themselves over a restart of the daemon, by index, without a gap', async () => {
    const bench = await startBench();
    const watch = follow(bench);
    await watch.sees('open');
    bench.events.publish({ type: 'member:join', index: 8, data: {} });
    await watch.sees('open', '3-1');
    await bench.stop();
    const next = newEventLog({ boot: 4, startIndex: 8 });
    next.publish({ type: 'member:leave', index: 9, data: {} });
    await bench.restart(next);
    await watch.sees('open', '3-1', 'open', '4-1');
    await watch.end();
  });

  it('say so when a restart came in the middle of the events of one entry', async () => {
    const bench = await startBench();
    const watch = bench.client.watch({});
    const first = watch.next();
    await until('it watches', () => bench.events.readerCount === 1);
    // More than fits between the daemon and a reader that takes the first only.
    const data = 'x'.repeat(1_000_000);
    for (let n = 0; n < 8; n += 1) bench.events.publish({ type: 'member:join', index: 8, data });
    expect(await first).toMatchObject({ value: { event: { id: '3-1' } } });
    await bench.stop();
    await bench.restart(newEventLog({ boot: 4, startIndex: 8 }));
    const seen: string[] = [];
    for await (const item of watch) {
      seen.push(show(item));
      if (item.kind === 'gap') break;
    }
    expect(seen.at(-1)).toBe('gap restart');
    expect(seen.length).toBeLessThan(8);
  });

  it('say so when a restart lost some', async () => {
    const bench = await startBench();
    const watch = follow(bench);
    await watch.sees('open');
    bench.events.publish({ type: 'member:join', index: 8, data: {} });
    await watch.sees('open', '3-1');
    await bench.stop();
    await bench.restart(newEventLog({ boot: 4, startIndex: 12 }));
    await watch.sees('open', '3-1', 'open', 'gap restart');
    await watch.end();
  });

  it('lose nothing that came while a watcher without events was cut off', async () => {
    const bench = await startBench();
    bench.events.publish({ type: 'member:join', index: 8, data: {} });
    const watch = follow(bench, { match: 'member:leave' });
    await watch.sees('open');
    await bench.stop();
    bench.events.publish({ type: 'member:leave', index: 9, data: {} });
    await bench.restart(bench.events);
    await watch.sees('open', 'open', '3-2');
    await watch.end();
  });

  it('cost a bounded buffer when nobody reads, then a gap', async () => {
    const { socketPath, events } = await startBench({ events: newEventLog({ keptMax: 64 }) });
    const { socket, text } = openRaw(socketPath);
    await until('it is open', () => text().includes('cooee events'));
    socket.pause();
    const before = heldBytes();
    const data = 'x'.repeat(10_000);
    for (let i = 0; i < 5_000; i += 1) {
      events.publish({ type: 'member:join', data: `${data}${i}` });
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(heldBytes() - before).toBeLessThan(10_000_000);
    socket.resume();
    await until('the gap comes', () => text().includes('event: gap\ndata: {"reason":"slow"}'));
    await until('the newest comes', () => text().includes('"id":"3-5000"'));
    socket.destroy();
  });

  it('beat every 15 s', async () => {
    const clock = standingClock();
    const { socketPath, events } = await startBench({ clock, events: newEventLog({}, clock) });
    const { socket, text } = openRaw(socketPath, '?match=member');
    await until('it is open', () => text().includes('cooee events'));
    events.publish({ type: 'agent:grant', data: {} });
    clock.advance(HEARTBEAT_MS - 1);
    clock.advance(1);
    await until('it beats', () => text().includes(': beat\nid: 3-1\n\n'));
    clock.advance(HEARTBEAT_MS);
    await until('it beats again', () => text().split(': beat').length === 3);
    socket.destroy();
    await until('the reader is gone', () => events.readerCount === 0);
  });

  it('have 64 places a socket, which do not count as requests', async () => {
    const { socketPath, events, client } = await startBench();
    const open = Array.from({ length: LIMITS.socketWatchersMax }, () => openRaw(socketPath));
    await until('all are open', () => events.readerCount === LIMITS.socketWatchersMax);
    const refused = await request(socketPath, 'GET /v1/events');
    expect([refused.status, codeOf(refused)]).toEqual([503, 'ERR_API_BUSY']);
    open[0]?.socket.destroy();
    await until('a place is free', () => events.readerCount === LIMITS.socketWatchersMax - 1);
    const watch = client.watch({ opens: true });
    expect((await watch.next()).value).toEqual({ kind: 'open' });
    await watch.return();
    for (const { socket } of open) socket.destroy();
  });

  it('have no place for who hung up while the ticket was looked at', async () => {
    const seen = Promise.withResolvers<void>();
    const ticket = Promise.withResolvers<string>();
    const authenticate = () => {
      seen.resolve();
      return ticket.promise;
    };
    const { socketPath, events } = await startBench({ services: { authenticate } });
    const { socket } = openRaw(socketPath, '', 'Authorization: Bearer x\r\n');
    await seen.promise;
    socket.destroy();
    // When others were served since, the end of the connection was seen as well.
    for (let i = 0; i < 3; i += 1) await request(socketPath, 'GET /v1/status');
    ticket.resolve('458RV');
    await request(socketPath, 'GET /v1/status');
    expect(events.readerCount).toBe(0);
  });

  it('are alone on their connection: what follows would wait, and keep its place', async () => {
    const { socketPath, events } = await startBench();
    const { socket } = openRaw(socketPath);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    for (let i = 0; i < LIMITS.socketRequestsMax; i += 1) {
      socket.write('GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n');
    }
    await closed;
    expect((await request(socketPath, 'GET /v1/status')).status).toBe(200);
    await until('the stream is gone', () => events.readerCount === 0);
  });

  it.each([
    ['?match=No', 'ERR_API_QUERY'],
    ['?what=1', 'ERR_API_QUERY'],
    ['?sinceIndex=-1', 'ERR_API_QUERY'],
    ['?sinceIndex=', 'ERR_API_QUERY'],
  ])('refuse %s', async (query, code) => {
    const { socketPath, client } = await startBench();
    expect(codeOf(await request(socketPath, `GET /v1/events${query}`))).toBe(code);
    await expect(client.watch({ match: 'No' }).next()).rejects.toMatchObject({ code });
  });

  it('end when the server stops, which does not wait for them', async () => {
    // Whatever is cut off at the end of the time of grace is cut off long after this test.
    const bench = await startBench({ stopGraceMs: 3_600_000 });
    const raw = openRaw(bench.socketPath);
    await until('it is open', () => raw.text().includes('cooee events'));
    const closed = new Promise((resolve) => raw.socket.on('close', resolve));
    await bench.stop();
    await closed;
    expect(bench.events.readerCount).toBe(0);
  });
});

// Goal: nothing that is written to a socket crashes the server, makes it hang, or makes it show a
// stack trace. Method: bytes by hand; after every attack the server must still answer an honest
// request.
import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CooeeClient } from '../../../../daemon/client/index.ts';
import { LIMITS } from '../../../../protocols/interface/index.ts';
import { codeOf, parseRaw, request, sendRaw, standingClock, startBench, until } from './fixture.ts';

const HONEST = 'GET /v1/status';
const JOIN = 'POST /v1/join HTTP/1.1\r\nHost: localhost\r\n';

/** A promise that is settled from outside. */
function latch(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

describe('hostile input', () => {
  it.each([
    ['headers', 'GET /v1/status HTTP/1.1\r\nHost: localhost\r\n'],
    ['nothing at all', ''],
    ['a body', `${JOIN}Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{`],
  ])('cuts a caller that trickles %s', async (_what, start) => {
    const init = { headersMsMax: 150, requestMsMax: 300, checkEveryMs: 20 };
    const { socketPath, calls } = await startBench(init);
    const socket = connect(socketPath);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(start);
    const drip = setInterval(() => socket.writable && start !== '' && socket.write('x'), 30);
    await closed;
    clearInterval(drip);
    expect(codeOf(parseRaw(answer))).toBe('ERR_API_REQUEST_SLOW');
    expect(parseRaw(answer).status).toBe(408);
    expect(calls).toEqual([]);
    expect((await request(socketPath, HONEST)).status).toBe(200);
  });

  it('serves 200 of 300 parallel requests and calls the others busy', async () => {
    const gate = latch();
    const { client, socketPath } = await startBench({
      services: {
        leave: async () => {
          await gate.opened;
          return { mesh: 'm', peer: 'p' };
        },
      },
    });
    const results = Array.from({ length: 300 }, () =>
      client.call('leaveMesh').then(
        () => 'served',
        (error: { code: string }) => error.code,
      ),
    );
    let refused = 0;
    for (const result of results)
      void result.then((what) => (refused += Number(what !== 'served')));
    await until('100 are refused', () => refused === 300 - LIMITS.socketRequestsMax);
    gate.open();
    const counts = Object.groupBy(await Promise.all(results), (what) => what);
    expect(counts['served']).toHaveLength(LIMITS.socketRequestsMax);
    expect(counts['ERR_API_BUSY']).toHaveLength(300 - LIMITS.socketRequestsMax);
    expect((await request(socketPath, HONEST)).status).toBe(200);
  });

  it('serves 300 quick parallel requests on few connections', async () => {
    const { socketPath } = await startBench();
    const client = new CooeeClient({ socketPath });
    const all = await Promise.all(Array.from({ length: 300 }, () => client.call('getStatus')));
    expect(all).toHaveLength(300);
    await client.close();
  });

  it('keeps the place of a request whose caller hung up until its work is done', async () => {
    const gate = latch();
    let started = 0;
    const { socketPath, client } = await startBench({
      services: {
        leave: async () => {
          started += 1;
          await gate.opened;
          return { mesh: 'm', peer: 'p' };
        },
      },
    });
    const sockets = Array.from({ length: LIMITS.socketRequestsMax }, () => connect(socketPath));
    for (const socket of sockets) {
      socket.write('POST /v1/leave HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
    }
    await until('all handlers run', () => started === LIMITS.socketRequestsMax);
    for (const socket of sockets) socket.destroy();
    await expect(client.call('getStatus')).rejects.toMatchObject({ code: 'ERR_API_BUSY' });
    gate.open();
    await expect
      .poll(() =>
        client.call('getStatus').then(
          () => 'ok',
          () => 'busy',
        ),
      )
      .toBe('ok');
  });

  it('tells a handler that its caller hung up, and none whose answer has left', async () => {
    const signals: AbortSignal[] = [];
    const gate = latch();
    const { socketPath, client } = await startBench({
      services: {
        stageBackup: async (signal) => {
          signals.push(signal);
          if (signals.length > 1) await gate.opened;
          return { folder: '/h/staging/1', skipped: [] };
        },
      },
    });
    await client.call('stageBackup');
    const socket = connect(socketPath);
    socket.write('POST /v1/backup HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
    await until('the handler runs', () => signals.length === 2);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    socket.destroy();
    await until('it is told', () => signals[1]?.aborted === true);
    expect(signals[1]?.reason).toMatchObject({ code: 'ERR_API_TIMEOUT' });
    expect(signals[0]?.aborted).toBe(false);
    gate.open();
  });

  it('takes its place back from who asks and does not read the answer', async () => {
    let answered = 0;
    const json = JSON.stringify({ agents: [], cursor: 'x'.repeat(500_000) });
    const queryAgents = () => {
      answered += 1;
      return { json };
    };
    const { socketPath, client } = await startBench({
      services: { queryAgents },
      answerMsMax: 200,
    });
    const sockets = Array.from({ length: LIMITS.socketRequestsMax }, () => connect(socketPath));
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    for (const socket of sockets) {
      socket.write('GET /v1/agents HTTP/1.1\r\nHost: localhost\r\n\r\n');
    }
    await until('all are answered', () => answered === LIMITS.socketRequestsMax);
    await expect
      .poll(() => client.call('getStatus').then(({ role }) => role, String), { timeout: 5_000 })
      .toBe('voter');
  });

  it('gives who reads slowly the time it takes', async () => {
    const json = JSON.stringify({ agents: [], cursor: 'x'.repeat(2_000_000) });
    const init = { services: { queryAgents: () => ({ json }) }, answerMsMax: 400 };
    const { socketPath } = await startBench(init);
    const socket = connect(socketPath);
    onTestFinished(() => void socket.destroy());
    let length = 0;
    socket.on('data', (chunk) => {
      length += chunk.length;
      socket.pause();
      setTimeout(() => socket.resume(), 20);
    });
    socket.write('GET /v1/agents HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until('all of it came', () => length > json.length);
  });

  it('waits for an answer behind one that was read late', async () => {
    const json = JSON.stringify({ agents: [], cursor: 'x'.repeat(500_000) });
    const gate = latch();
    const services = {
      queryAgents: () => ({ json }),
      leader: async () => {
        await gate.opened;
        return { peer: null, term: 7, recipient: null };
      },
    };
    const { socketPath } = await startBench({ services, answerMsMax: 300 });
    const socket = connect(socketPath);
    onTestFinished(() => void socket.destroy());
    let text = '';
    for (const path of ['agents', 'leader']) {
      socket.write(`GET /v1/${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    await until('the first is read', () => text.length > json.length);
    await new Promise((resolve) => setTimeout(resolve, 500));
    gate.open();
    await until('the second came', () => text.endsWith('"recipient":null}'));
  });

  it('passes over an expectation that it does not know, and still guards', async () => {
    const { socketPath } = await startBench();
    const headers = { Expect: 'foo' };
    expect((await request(socketPath, HONEST, headers)).status).toBe(200);
    const foreign = await request(socketPath, HONEST, { ...headers, Origin: 'null' });
    expect([foreign.status, codeOf(foreign)]).toEqual([403, 'ERR_API_ORIGIN']);
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a method of its own', 'STEAL /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['two lengths', `${JOIN}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`],
    [
      'length and chunks',
      `${JOIN}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'a bad chunk',
      `${JOIN}Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n`,
    ],
    ['a space in a header', 'GET / HTTP/1.1\r\nHo st: localhost\r\n\r\n'],
  ])('answers %s with a typed error', async (_what, bytes) => {
    const { socketPath } = await startBench();
    const answer = parseRaw(await sendRaw(socketPath, Buffer.from(bytes, 'latin1')));
    expect([answer.status, codeOf(answer)]).toEqual([400, 'ERR_API_HTTP']);
    expect((await request(socketPath, HONEST)).status).toBe(200);
  });

  it.each([
    'CONNECT localhost:1 HTTP/1.1',
    'GET /v1/status HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade',
  ])('lives on after %j', async (head) => {
    const { socketPath } = await startBench();
    const answer = await sendRaw(
      socketPath,
      `${head}\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).not.toMatch(/\bat .*\.[jt]s:\d/);
    expect((await request(socketPath, HONEST)).status).toBe(200);
  });

  it('survives any bytes', async () => {
    const { socketPath } = await startBench({
      headersMsMax: 200,
      requestMsMax: 200,
      checkEveryMs: 20,
    });
    const word = fc.constantFrom(
      ...[
        'GET ',
        'POST ',
        '/v1/join',
        '/v1/agents/',
        '/v1/events',
        ' HTTP/1.1',
        '\r\n',
        '\r\n\r\n',
        '{"invite":',
      ],
      ...[
        'Host: localhost',
        'Content-Length: 5',
        'Transfer-Encoding: chunked',
        'Content-Type: application/json',
      ],
      ...[
        'Last-Event-ID: 3-1',
        'Idempotency-Key: \u0000',
        '%00',
        '?limit=',
        '5\r\nhello\r\n',
        '0\r\n\r\n',
      ],
    );
    const noise = fc
      .uint8Array({ maxLength: 40 })
      .map((bytes) => Buffer.from(bytes).toString('latin1'));
    const request1 = fc
      .array(fc.oneof(word, noise), { maxLength: 24 })
      .map((parts) => parts.join(''));
    const head = fc.constantFrom(
      '',
      'POST /v1/join HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n',
    );
    await fc.assert(
      fc.asyncProperty(head, request1, async (start, rest) => {
        const answer = await sendRaw(socketPath, Buffer.from(start + rest, 'latin1'));
        expect(answer).not.toMatch(/\bat .*\.[jt]s:\d|node_modules/);
      }),
      { numRuns: 150 },
    );
    expect((await request(socketPath, HONEST)).status).toBe(200);
  });

  it('survives any JSON where a body is expected', async () => {
    const { socketPath } = await startBench();
    const routes = [
      'POST /v1/join',
      'POST /v1/agents',
      'PUT /v1/agents/X/status',
      'POST /v1/invites',
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), fc.json(), async (line, body) => {
        const answer = await request(socketPath, line, {}, body);
        if (answer.status >= 300) expect(codeOf(answer)).toBe('ERR_API_BODY');
      }),
      { numRuns: 200 },
    );
  });
});

describe('a connection whose request was refused', () => {
  /** Writes, and leaves its own side open as clients do. */
  function converse(socketPath: string) {
    const socket = connect(socketPath);
    const heard = { text: '', isClosed: false };
    socket.on('data', (chunk) => {
      heard.text += chunk.toString();
    });
    socket.on('close', () => {
      heard.isClosed = true;
    });
    onTestFinished(() => void socket.destroy());
    return { heard, write: (text: string) => socket.write(text) };
  }

  it.each([
    [
      'a Connection: close',
      'GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ],
    ['HTTP/1.0', 'GET /nowhere HTTP/1.0\r\nHost: localhost\r\n\r\n'],
    ['a body of nothing', 'GET /nowhere HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n'],
  ])('is closed at once after %s', async (_what, bytes) => {
    const { socketPath } = await startBench({ clock: standingClock() });
    const { heard, write } = converse(socketPath);
    write(bytes);
    await until('the server closes', () => heard.isClosed);
    expect(parseRaw(heard.text).status).toBe(404);
  });

  it('is closed when the rest of its body has come, if it is the last one', async () => {
    const { socketPath } = await startBench({ clock: standingClock() });
    const { heard, write } = converse(socketPath);
    write('POST /v1/join HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\n');
    write('Connection: close\r\nContent-Length: 4\r\n\r\n{}');
    await until('it is answered', () => heard.text.includes('ERR_API_ORIGIN'));
    expect(heard.isClosed).toBe(false);
    write('  ');
    await until('the server closes', () => heard.isClosed);
  });

  it('is used again by a caller that does not close', async () => {
    const { socketPath } = await startBench();
    const { heard, write } = converse(socketPath);
    write('GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until('it is refused', () => heard.text.includes('ERR_API_NOT_FOUND'));
    write('GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until('it is answered', () => heard.text.includes('"votersTarget"'));
  });
});

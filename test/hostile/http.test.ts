import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTE_NAMES, ROUTES, type Route } from '../../daemon/api/routes/index.ts';
import { LIMITS } from '../../protocols/interface/index.ts';
import { type TestHost, TestMesh, until } from '../mesh/harness.ts';
import { ask, type RawAnswer, type RawRequest } from '../mesh/raw-http.ts';
import { Stopwatch } from '../mesh/stopwatch.ts';

// Goal: whatever arrives on a socket is served or refused with a type; nothing crashes the daemon
// and no answer shows its insides. Method: one real daemon, plain HTTP and plain bytes.

let mesh: TestMesh;
let host: TestHost;
let sockets: readonly string[];

beforeAll(async () => {
  mesh = new TestMesh();
  [host] = (await mesh.start('http')) as [TestHost];
  sockets = [join(host.home, 'cooee.sock'), join(host.home, 'agent.sock')];
});
afterAll(async () => {
  try {
    expect((await host.client.call('getStatus', {})).health.ok).toBe(true);
  } finally {
    await mesh.close();
  }
});

/** An error in the one form that errors have, with nothing of the inside of the program. */
const expectTyped = ({ text, headers, status }: RawAnswer): string => {
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  const { error, ...rest } = JSON.parse(text) as { error: Record<string, unknown> };
  expect(rest).toEqual({});
  expect(
    Object.keys(error)
      .sort()
      .filter((key) => key !== 'details'),
  ).toEqual(['code', 'message', 'remedy', 'retryable']);
  expect(error['code']).toMatch(/^ERR_[A-Z_]+$/);
  expect(error['code']).not.toBe('ERR_API_INTERNAL');
  expect(String(error['remedy']).length).toBeGreaterThan(0);
  expect(text).not.toMatch(/\bat \S+ \(|node_modules|dist\/|\.js:\d|\.ts:\d/);
  expect(status).toBeGreaterThanOrEqual(400);
  return `${status} ${String(error['code'])}`;
};

/** What the socket for agents says of what is not for them, or not without a ticket. */
const NOT_FOR_AGENTS = new Set(['403 ERR_API_FORBIDDEN', '401 ERR_SESSIONS_NEEDED']);

/** What both sockets say; the one for agents may not look at it at all. */
const refusal = async (init: RawRequest): Promise<string> => {
  const said = await Promise.all(sockets.map(async (path) => expectTyped(await ask(path, init))));
  const [forOperators = '', forAgents = ''] = said;
  if (!NOT_FOR_AGENTS.has(forAgents)) expect(forAgents).toBe(forOperators);
  return forOperators;
};

describe('requests of a browser or for another host', () => {
  it.each<[string, Record<string, string>]>([
    ['an Origin', { origin: 'http://localhost' }],
    ['a null Origin', { origin: 'null' }],
    ['a Referer', { referer: 'http://localhost/page' }],
    ['a foreign Host', { host: 'attacker.example' }],
    ['a Host with a port', { host: 'localhost:80' }],
  ])('with %s are refused on every route', async (_name, headers) => {
    for (const name of ROUTE_NAMES) {
      const { method, path }: Route = ROUTES[name];
      const answer = await ask(sockets[0]!, {
        method,
        path: path.replaceAll(/\{\w+\}/g, 'x'),
        headers,
      });
      expect([name, expectTyped(answer)]).toEqual([name, '403 ERR_API_ORIGIN']);
    }
    expect(await refusal({ path: '/v1/status', headers })).toBe('403 ERR_API_ORIGIN');
  });
});

describe('requests with no Host, an empty one, or two', () => {
  it('are refused', async () => {
    for (const host of ['', 'Host:\r\n', 'Host: localhost\r\nHost: attacker.example\r\n']) {
      const bytes = Buffer.from(`GET /v1/status HTTP/1.1\r\n${host}\r\n`);
      expect(await exchange(sockets[0]!, bytes)).toMatch(
        /^HTTP\/1\.1 40[03] .*ERR_API_(ORIGIN|HTTP)/s,
      );
    }
  });
});

describe('bodies and queries', () => {
  it('that are wrong are each refused with their own code', async () => {
    const post = (path: string, body: string, headers = {}): Promise<string> =>
      refusal({ method: 'POST', path, body, headers });
    const put = (body: string): Promise<string> =>
      refusal({ method: 'PUT', path: '/v1/agents/458RV/status', body });
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const said = {
      noJson: await post('/v1/invites', '{"uses":'),
      notJson: await post('/v1/invites', '\u0000\u0001'),
      wrongType: await post('/v1/invites', '{"uses":"two"}'),
      outOfRange: await post('/v1/invites', '{"uses":0}'),
      hugeNumber: await post('/v1/invites', '{"uses":1e400}'),
      unknownField: await post('/v1/invites', '{"uses":1,"more":true}'),
      proto: await post('/v1/invites', '{"__proto__":{"uses":1},"constructor":1}'),
      array: await post('/v1/invites', '[]'),
      nothing: await post('/v1/invites', 'null'),
      deep: await post('/v1/invites', deep),
      noBody: await refusal({ method: 'PUT', path: '/v1/agents/458RV/status' }),
      control: await put('{"status":"\\u0000"}'),
      long: await put(JSON.stringify({ capabilities: ['x'.repeat(10_000)] })),
      many: await put(JSON.stringify({ capabilities: Array(10_000).fill('x') })),
      overLong: await post(
        '/v1/invites',
        JSON.stringify({ x: 'x'.repeat(LIMITS.httpBodyBytesMax) }),
      ),
      plainText: await post('/v1/invites', '{}', { 'content-type': 'text/plain' }),
      query: await refusal({ path: '/v1/agents?limit=0' }),
      queryTwice: await refusal({ path: '/v1/agents?limit=1&limit=2' }),
      queryMore: await refusal({ path: '/v1/agents?limits=1' }),
      cursor: await refusal({ path: '/v1/agents?cursor=%00%ff' }),
      match: await refusal({ path: '/v1/events?match=ucxl%3A%2F%2Fnonsense' }),
      percent: await refusal({ path: '/v1/agents/%zz' }),
      traversal: await refusal({ path: '/v1/agents/..%2f..%2fnode.key' }),
      route: await refusal({ path: '/v1/nothing' }),
      method: await refusal({ method: 'PATCH', path: '/v1/status' }),
      header: await refusal({ path: '/v1/status', headers: { x: 'y'.repeat(100_000) } }),
    };
    expect(said).toEqual({
      noJson: '400 ERR_API_BODY',
      notJson: '400 ERR_API_BODY',
      wrongType: '400 ERR_API_BODY',
      outOfRange: '400 ERR_API_BODY',
      hugeNumber: '400 ERR_API_BODY',
      unknownField: '400 ERR_API_BODY',
      proto: '400 ERR_API_BODY',
      array: '400 ERR_API_BODY',
      nothing: '400 ERR_API_BODY',
      deep: '400 ERR_API_BODY',
      noBody: '400 ERR_API_BODY',
      control: '400 ERR_API_BODY',
      long: '400 ERR_API_BODY',
      many: '400 ERR_API_BODY',
      overLong: '413 ERR_API_BODY_TOO_LARGE',
      plainText: expect.stringMatching(/^4\d\d ERR_API_/),
      query: '400 ERR_API_QUERY',
      queryTwice: '400 ERR_API_QUERY',
      queryMore: '400 ERR_API_QUERY',
      cursor: '400 ERR_API_QUERY',
      match: expect.stringMatching(/^400 ERR_(API_QUERY|UCXL_SYNTAX)$/),
      percent: expect.stringMatching(/^40\d ERR_/),
      traversal: expect.stringMatching(/^40\d ERR_/),
      route: '404 ERR_API_NOT_FOUND',
      method: '405 ERR_API_METHOD',
      header: '431 ERR_API_HEADERS_TOO_LARGE',
    });
  });

  it('over the limit get their answer, however much of it is still under way', async () => {
    const body = JSON.stringify({ x: 'x'.repeat(8 * LIMITS.httpBodyBytesMax) });
    for (let i = 0; i < 20; i++) {
      expect(await refusal({ method: 'POST', path: '/v1/invites', body })).toBe(
        '413 ERR_API_BODY_TOO_LARGE',
      );
    }
  });

  it('made of random bytes end in a typed error or a closed connection', async () => {
    const rubbish = Array.from({ length: 40 }, (_, i) =>
      i % 2 === 0
        ? randomBytes(1 + i * 37)
        : Buffer.concat([
            Buffer.from('POST /v1/invites HTTP/1.1\r\nHost: localhost\r\n'),
            randomBytes(50),
            Buffer.from('\r\n\r\n'),
          ]),
    );
    for (const socketPath of sockets) {
      const answers = await Promise.all(rubbish.map((bytes) => exchange(socketPath, bytes)));
      for (const answer of answers) {
        expect(answer === '' || /^HTTP\/1\.1 4\d\d /.test(answer)).toBe(true);
        expect(answer).not.toMatch(/\bat \S+ \(|node_modules/);
      }
    }
  });

  it('with two lengths, or chunks that lie, are no way to smuggle a second request', async () => {
    const stop = 'POST /v1/stop HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const post = 'POST /v1/invites HTTP/1.1\r\nHost: localhost\r\n';
    const smuggled = [
      `${post}Content-Length: 0\r\nContent-Length: ${stop.length}\r\n\r\n${stop}`,
      `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${stop}`,
      `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n${stop}`,
    ];
    for (const text of smuggled) {
      const answer = await exchange(sockets[0]!, Buffer.from(text));
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
    }
    expect((await host.client.call('getStatus', {})).health.ok).toBe(true);
  });
});

/** Sends bytes and gives what came until the other side closed, or nothing more came. */
async function exchange(socketPath: string, bytes: Uint8Array): Promise<string> {
  return await new Promise((resolve) => {
    const socket = connect(socketPath);
    let text = '';
    socket.setTimeout(20_000, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.end(bytes);
  });
}

describe('too much at once', () => {
  it('300 requests in parallel are each served, or told to come again', async () => {
    for (const socketPath of sockets) {
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, i) =>
          ask(socketPath, { path: i % 3 === 0 ? '/v1/status' : '/v1/agents?limit=50' }),
        ),
      );
      const served = answers.filter(({ status }) => status === 200);
      const refused = answers.filter(({ status }) => status !== 200);
      expect(served.length).toBeGreaterThan(0);
      for (const answer of refused) expect(expectTyped(answer)).toBe('503 ERR_API_BUSY');
    }
  });

  it('300 writes in parallel are each decided once', async () => {
    const before = (await host.client.call('getStatus', {})).slurp.commitIndex;
    const answers = await Promise.all(
      Array.from({ length: 300 }, () =>
        ask(sockets[0]!, { method: 'POST', path: '/v1/invites', body: '{}' }),
      ),
    );
    const served = answers.filter(({ status }) => status === 200);
    for (const answer of answers) {
      if (answer.status !== 200) expect(expectTyped(answer)).toBe('503 ERR_API_BUSY');
    }
    expect(served.length).toBeGreaterThanOrEqual(100);
    const lines = new Set(
      served.map(({ text }) => (JSON.parse(text) as { invite: string }).invite),
    );
    expect(lines.size).toBe(served.length);
    const after = (await host.client.call('getStatus', {})).slurp.commitIndex;
    expect(after).toBeGreaterThan(before);
  });

  it('connections that trickle their headers are closed in time, and keep nobody out', async () => {
    const watch = new Stopwatch();
    const slow = sockets.flatMap((socketPath) =>
      Array.from({ length: 30 }, () => {
        const socket = connect(socketPath);
        const received: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => received.push(chunk));
        socket.on('error', () => undefined);
        socket.write('GET /v1/status HTTP/1.1\r\nHost: localhost\r\n');
        const trickle = setInterval(() => {
          if (socket.writable) socket.write('X-Slow: 1\r\n');
        }, 500);
        const closed = new Promise<void>((resolve) =>
          socket.on('close', () => {
            clearInterval(trickle);
            resolve();
          }),
        );
        return { closed, text: () => Buffer.concat(received).toString('latin1') };
      }),
    );
    // Meanwhile others are served.
    for (let i = 0; i < 10; i++)
      expect((await ask(sockets[0]!, { path: '/v1/status' })).status).toBe(200);
    await Promise.all(slow.map(({ closed }) => closed));
    await watch.expectWithin(LIMITS.httpHeadersMsMax + 5_000, 'closing those that trickle');
    for (const { text } of slow) {
      expect(text()).toMatch(/^HTTP\/1\.1 408 /);
      expect(text()).toContain('ERR_API_REQUEST_SLOW');
    }
  });
});

describe('a caller that goes away', () => {
  it('in the middle of its request leaves nothing behind', async () => {
    for (let i = 0; i < 100; i++) {
      const socket = connect(sockets[i % 2]!);
      socket.on('error', () => undefined);
      await new Promise<void>((done) => socket.once('connect', () => done()));
      socket.write('POST /v1/invites HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n{');
      socket.destroy();
    }
    await until('it still serves', async () => {
      const answers = await Promise.all(
        Array.from({ length: 150 }, () => ask(sockets[0]!, { path: '/v1/status' })),
      );
      return answers.every(({ status }) => status === 200);
    });
  });
});

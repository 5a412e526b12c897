// Goal: a caller of the client sees typed answers and CooeeErrors, whatever is or is not at the
// other end.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  describe,
  expect,
  expectTypeOf,
  it,
  onTestFinished,
  vi,
} from 'vitest';
import type { AgentsView, CooeeClientInit } from '../../../../daemon/client/index.ts';
import { CooeeClient } from '../../../../daemon/client/index.ts';
import { toRequest } from '../../../../daemon/client/request.ts';
import { SseParser } from '../../../../daemon/client/sse.ts';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { ticketOf } from '../api/fake-sessions.ts';
import { startBench, tempFolder } from '../api/fixture.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server that answers as told: what a newer daemon, or something else, might say. */
async function startOdd(status: number, body: string): Promise<CooeeClient> {
  const socketPath = join(await tempFolder(), 's.sock');
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return new CooeeClient({ socketPath });
}

const frozen: { readonly server: Server; readonly folder: string }[] = [];
afterAll(async () => {
  for (const { server, folder } of frozen) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  }
});

/**
 * A daemon that opens one stream, breaks it off before the first event, and is frozen then. It
 * outlives its test.
 */
async function startFrozen(): Promise<{ client: CooeeClient; urls: (string | undefined)[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'cooee-frozen-'));
  const socketPath = join(folder, 's.sock');
  const urls: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    urls.push(request.url);
    if (urls.length === 1) response.writeHead(200, { 'x-cooee-index': 500 }).end(': cooee\n\n');
  });
  frozen.push({ server, folder });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return { client: new CooeeClient({ socketPath }), urls };
}

describe('CooeeClient', () => {
  it('is typed by the routes', () => {
    type Client = CooeeClient;
    const list = (client: Client) => client.call('listAgents', { query: { limit: 5 } });
    expectTypeOf(list).returns.resolves.toEqualTypeOf<AgentsView>();
    // @ts-expect-error a parameter that the path needs is missing
    const missing = (client: Client) => client.call('retireAgent');
    // @ts-expect-error a field that the route does not have
    const unknown = (client: Client) => client.call('listAgents', { query: { color: 'red' } });
    expect([missing, unknown]).toHaveLength(2);
  });

  it('percent-encodes what it puts into paths and queries', () => {
    const ref = 'ucxl://any:admin@COOEE:enrol/#/agentid/42/3?x';
    expect(toRequest('getAgent', { params: { ref } }).path).toBe(
      '/v1/agents/ucxl%3A%2F%2Fany%3Aadmin%40COOEE%3Aenrol%2F%23%2Fagentid%2F42%2F3%3Fx',
    );
    const query = { q: 'a&b=c d', status: undefined };
    expect(toRequest('listAgents', { query }).path).toBe('/v1/agents?q=a%26b%3Dc+d');
  });

  it('says that no daemon runs: no socket, a dead one, a plain file', async () => {
    const folder = await tempFolder();
    await writeFile(join(folder, 'file'), '');
    for (const name of ['none', 'file']) {
      const client = new CooeeClient({ socketPath: join(folder, name) });
      const call = client.call('getStatus');
      await expect(call, name).rejects.toMatchObject({
        code: 'ERR_API_DAEMON_NOT_RUNNING',
        remedy: expect.stringContaining('cooee up'),
        details: { socketPath: join(folder, name) },
      });
      await expect(client.watch().next(), name).rejects.toMatchObject({
        code: 'ERR_API_DAEMON_NOT_RUNNING',
      });
    }
  });

  it('says when the user may not open the socket', async (context) => {
    if (process.getuid?.() === 0) context.skip('root may do everything');
    const { socketPath } = await startBench();
    await chmod(socketPath, 0);
    const call = new CooeeClient({ socketPath }).call('getStatus');
    await expect(call).rejects.toMatchObject({ code: 'ERR_API_FORBIDDEN' });
  });

  it('throws what the daemon threw', async () => {
    const { client } = await startBench({
      services: {
        join: async () => {
          throw new CooeeError('ERR_MEMBERSHIP_INVITE_USED', 'used up', {
            details: { uses: 1 },
            remedy: 'ask again',
          });
        },
      },
    });
    const error = await client.call('joinMesh', { body: { invite: 'x' } }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CooeeError);
    expect((error as CooeeError).toView()).toEqual({
      code: 'ERR_MEMBERSHIP_INVITE_USED',
      message: 'used up',
      remedy: 'ask again',
      retryable: false,
      details: { uses: 1 },
    });
  });

  it.each([
    [418, '{"error":{"code":"ERR_NEW_THING","message":"new"}}', 'new'],
    [500, '{}', 'The daemon answered HTTP 500.'],
    [200, '<html>', 'The answer on the socket is not JSON.'],
    [502, '', 'The answer on the socket is not JSON.'],
  ])('makes the best of %i %s', async (status, body, message) => {
    const client = await startOdd(status, body);
    const call = client.call('getStatus');
    await expect(call).rejects.toMatchObject({ code: 'ERR_API_INTERNAL', message });
    await client.close();
  });

  it('goes on over a restart of the daemon on kept connections', async () => {
    const bench = await startBench();
    for (let round = 0; round < 3; round += 1) {
      expect(await bench.client.call('getLeader')).toMatchObject({ term: 1 });
      await bench.stop();
      await bench.restart();
    }
  });

  it('gives up when the signal says so, and when the daemon is silent', async () => {
    const silent = { leave: () => new Promise<never>(() => undefined) };
    const { socketPath } = await startBench({ services: silent, stopGraceMs: 20 });
    const client = new CooeeClient({ socketPath, answerTimeoutMs: 50 });
    const abort = new AbortController();
    const aborted = client.call('leaveMesh', { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(client.call('leaveMesh')).rejects.toMatchObject({ code: 'ERR_API_TIMEOUT' });
  });

  it('watches no longer than the daemon may be away', async () => {
    const bench = await startBench();
    const watch = bench.client.watch({ giveUpMs: 100, opens: true });
    expect((await watch.next()).value).toEqual({ kind: 'open' });
    const next = watch.next();
    next.catch(() => undefined);
    await bench.stop();
    await expect(next).rejects.toMatchObject({ code: 'ERR_API_DAEMON_NOT_RUNNING' });
  });

  it('watches on over a restart, however quiet it was before', async () => {
    const bench = await startBench();
    const watch = bench.client.watch({ giveUpMs: 5_000, opens: true });
    expect((await watch.next()).value).toEqual({ kind: 'open' });
    const next = watch.next();
    next.catch(() => undefined);
    const now = performance.now.bind(performance);
    const anHourLater = vi.spyOn(performance, 'now').mockImplementation(() => now() + 3_600_000);
    onTestFinished(() => anHourLater.mockRestore());
    await bench.stop();
    await bench.restart(bench.events);
    expect((await next).value).toEqual({ kind: 'open' });
    await watch.return();
  });

  it('waits for a state: looks first, then after each event', async () => {
    const { client, events } = await startBench();
    let looks = 0;
    const check = async () => {
      looks += 1;
      if (looks < 3) events.publish({ type: 'member:join', data: looks });
      return looks >= 3 ? `after ${looks}` : undefined;
    };
    expect(await client.waitFor(check, { match: 'member' })).toBe('after 3');
    const never = client.waitFor(async () => undefined, { timeoutMs: 50 });
    await expect(never).rejects.toMatchObject({ code: 'ERR_API_TIMEOUT' });
  });

  it('acts as the agent of its ticket, asking for the ticket each time', async () => {
    const { socketPath, calls } = await startBench({ rights: 'agent' });
    const announce = async (ticket?: CooeeClientInit['ticket'], times = 1) => {
      const client = new CooeeClient({ socketPath, ticket });
      const params = { token: '458RV' };
      try {
        for (let i = 0; i < times; i += 1) {
          await client.call('announceAgent', { params, body: {} });
        }
      } finally {
        await client.close();
      }
    };
    const agents = ['45A01', '45B02'];
    await announce(ticketOf('458RV'));
    await announce(async () => ticketOf(agents.shift() ?? ''), 2);
    expect(calls.map((call) => /"agent":"(\w+)"/.exec(call)?.[1])).toEqual([
      '458RV',
      '45A01',
      '45B02',
    ]);
    await expect(announce()).rejects.toMatchObject({ code: 'ERR_SESSIONS_NEEDED' });
    const broken = () => Promise.reject(new Error('no file'));
    await expect(announce(broken)).rejects.toThrow('no file');
  });
});

// Each takes the second that a daemon is given at the least.
describe.concurrent('CooeeClient of a daemon that takes connections and is silent', () => {
  it('watches no longer than it may', async () => {
    const { client } = await startFrozen();
    const watch = client.watch({ giveUpMs: 100, opens: true });
    expect((await watch.next()).value).toEqual({ kind: 'open' });
    await expect(watch.next()).rejects.toMatchObject({ code: 'ERR_API_TIMEOUT' });
  });

  it('claims no index for what it resumes by an id, before an event has said one', async () => {
    const { client, urls } = await startFrozen();
    const watch = client.watch({ sinceId: '3-10', giveUpMs: 100 });
    await expect(watch.next()).rejects.toMatchObject({ code: 'ERR_API_TIMEOUT' });
    expect(urls).toEqual(['/v1/events?since=3-10', '/v1/events?since=3-10']);
  });
});

describe('SseParser', () => {
  it.each([1, 2, 7, 1000])('reads pieces of %i characters', (size) => {
    const text =
      ': hi\r\nid: 3-1\ndata: a\ndata:b\n\nid:3-2\nevent: gap\ndata: {}\n\nid: 3-9\n\nretry: 5\n\n';
    const parser = new SseParser();
    const messages = [];
    for (let at = 0; at < text.length; at += size)
      messages.push(...parser.push(text.slice(at, at + size)));
    expect(messages).toEqual([
      { event: 'message', data: 'a\nb' },
      { event: 'gap', data: '{}' },
      // An id alone; the line about retrying says nothing here.
      { event: 'message', data: undefined },
    ]);
    expect(parser.lastId).toBe('3-9');
  });

  it('has seen an id once its message is whole: one that is cut comes again', () => {
    const parser = new SseParser();
    expect(parser.push('id: 3-1\ndata: a\n\nid: 3-2\nda')).toHaveLength(1);
    expect(parser.lastId).toBe('3-1');
    expect(parser.push('ta: b\n\n')).toHaveLength(1);
    expect(parser.lastId).toBe('3-2');
  });

  it('refuses a line without end', () => {
    const parser = new SseParser();
    expect(() => parser.push('x'.repeat(1024 * 1024 + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_API_INTERNAL' }),
    );
  });
});

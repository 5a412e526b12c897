import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROUTES } from '../../../../daemon/api/routes/index.ts';
import {
  COMMAND_ROUTES,
  type CommandCall,
  SocketClient,
} from '../../../../daemon/cli/socket-client.ts';
import { status } from './fake-host.ts';

type Handler = (request: IncomingMessage, body: string, response: ServerResponse) => void;

let folder = '';
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cooee-socket-'));
});

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
  server = undefined;
  await rm(folder, { recursive: true });
});

async function serve(handler: Handler): Promise<SocketClient> {
  const path = join(folder, 's');
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    handler(request, body, response);
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return new SocketClient(path);
}

describe('COMMAND_ROUTES', () => {
  it.each(Object.keys(COMMAND_ROUTES) as CommandCall[])('%s is as the route defines it', (name) => {
    const { method, path } = ROUTES[name];
    expect(COMMAND_ROUTES[name]).toBe(`${method} ${path}`);
  });
});

describe('SocketClient', () => {
  it('sends method, encoded path, query, body and an idempotency key', async () => {
    const seen: unknown[] = [];
    const client = await serve((request, body, response) => {
      const { host, 'idempotency-key': key } = request.headers;
      seen.push([request.method, request.url, host, body, typeof key]);
      response.end(JSON.stringify(status()));
    });
    expect(await client.call('getStatus')).toEqual(status());
    await client.call('getAgent', { params: { ref: 'ucxl://a:b@c:d/#/x y' } });
    await client.call('listAgents', { query: { q: 'a&b', limit: 3, cursor: undefined } });
    await client.call('joinMesh', { body: { invite: 'ü' } });
    expect(seen).toEqual([
      ['GET', '/v1/status', 'localhost', '', 'undefined'],
      ['GET', '/v1/agents/ucxl%3A%2F%2Fa%3Ab%40c%3Ad%2F%23%2Fx%20y', 'localhost', '', 'undefined'],
      ['GET', '/v1/agents?q=a%26b&limit=3', 'localhost', '', 'undefined'],
      ['POST', '/v1/join', 'localhost', '{"invite":"ü"}', 'string'],
    ]);
  });

  it("throws the daemon's own error", async () => {
    const error = { code: 'ERR_API_NOT_FOUND', message: 'no 458RV', remedy: 'Look.' };
    const client = await serve((_, __, response) => {
      response.statusCode = 404;
      response.end(JSON.stringify({ error }));
    });
    await expect(client.call('getStatus')).rejects.toMatchObject(error);
  });

  it('names an answer that is not JSON', async () => {
    const client = await serve((_, __, response) => response.end('<html>'));
    await expect(client.call('getStatus')).rejects.toMatchObject({ code: 'ERR_API_INTERNAL' });
  });

  it('names a daemon that goes away while it answers', async () => {
    const end = async (request: IncomingMessage): Promise<void> => {
      server?.close();
      request.socket.destroy();
    };
    const code = 'ERR_API_DAEMON_NOT_RUNNING';
    const message = `the daemon on ${join(folder, 's')} went away before it answered`;
    const reading = await serve(end);
    await expect(reading.call('getStatus')).rejects.toMatchObject({ code, message });
    const writing = await serve(end);
    await expect(writing.call('leaveMesh')).rejects.toMatchObject({
      code,
      message: `${message}; what was asked for may be done all the same`,
    });
  });

  it('tells a daemon that takes no more connections from one that is gone', async () => {
    const client = await serve((request) => request.socket.destroy());
    const code = 'ERR_API_BUSY';
    const what = 'runs, and closed the connection before it answered';
    const message = `the daemon on ${join(folder, 's')} ${what}`;
    await expect(client.call('getStatus')).rejects.toMatchObject({ code, message });
    await expect(client.call('leaveMesh')).rejects.toMatchObject({
      code,
      message: `${message}; what was asked for may be done all the same`,
    });
  });

  it('gives up a daemon that takes the request and says nothing', async () => {
    await serve(() => undefined);
    const path = join(folder, 's');
    const short = { lookTimeoutMs: 50, answerTimeoutMs: 50 };
    const client = new SocketClient(path, undefined, short);
    const code = 'ERR_API_TIMEOUT';
    const message = `the daemon on ${path} did not answer in time; it is busy or hangs`;
    for (const name of ['getStatus', 'getDoctor', 'verifyLog'] as const) {
      await expect(client.call(name)).rejects.toMatchObject({ code, message });
    }
    for (const name of ['stopDaemon', 'leaveMesh'] as const) {
      await expect(client.call(name)).rejects.toMatchObject({
        code,
        message: `${message}; what was asked for may be done all the same`,
      });
    }
  });

  it('has patience with a daemon that copies a large home', async () => {
    const copy = { folder: '/h/staging/x', skipped: [] };
    await serve((_, __, response) => {
      setTimeout(() => response.end(JSON.stringify(copy)), 200);
    });
    const client = new SocketClient(join(folder, 's'), undefined, { answerTimeoutMs: 50 });
    await expect(client.call('leaveMesh')).rejects.toMatchObject({ code: 'ERR_API_TIMEOUT' });
    await expect(client.call('stageBackup')).resolves.toEqual(copy);
  });

  it('names the socket when there is no daemon', async () => {
    const path = join(folder, 'none');
    await expect(new SocketClient(path).call('getStatus')).rejects.toMatchObject({
      code: 'ERR_API_DAEMON_NOT_RUNNING',
      message: `no daemon answers on ${path}`,
    });
  });
});

// The real ports: bounded in time and size against programs and servers that are not.
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { detectHost, systemPorts } from '../../../../bootstrap/host/index.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { temporaryFolders } from '../../storage/temporary-folder.ts';

const temporaryFolder = temporaryFolders();
const servers: Server[] = [];
const sizes = { outputBytesMax: 1_000, bodyBytesMax: 1_000 };
/** Waits long enough for what answers, on any machine. */
const ports = systemPorts(silentLogger, {
  ...sizes,
  commandTimeoutMs: 30_000,
  fetchTimeoutMs: 30_000,
});
/** For what never answers. */
const hurried = systemPorts(silentLogger, {
  ...sizes,
  commandTimeoutMs: 300,
  fetchTimeoutMs: 300,
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('run', () => {
  const node = (program: string) => ports.run(process.execPath, ['-e', program]);

  it('gives what a program prints', async () => {
    expect(await ports.run('echo', ['$HOME; ls'])).toEqual({ ok: true, output: '$HOME; ls\n' });
  });

  it('says why there is nothing', async () => {
    expect(await ports.run('no-such-program-at-all', [])).toEqual({
      ok: false,
      failure: 'missing',
    });
    expect(await ports.run('false', [])).toEqual({ ok: false, failure: 'failed' });
    expect(await hurried.run('sleep', ['60'])).toEqual({ ok: false, failure: 'slow' });
    const long = await node("for (;;) process.stdout.write('x'.repeat(500))");
    expect(long).toEqual({ ok: false, failure: 'too-long' });
  });

  it('ends a program that ignores being asked to', async () => {
    const file = join(await temporaryFolder(), 'deaf');
    await writeFile(file, "#!/bin/sh\ntrap '' TERM\nwhile :; do :; done\n");
    await chmod(file, 0o700);
    expect(await hurried.run(file, [])).toEqual({ ok: false, failure: 'slow' });
  });
});

describe('fetch', () => {
  it('gives a body up to its bound', async () => {
    const url = await serve((_, response) => response.end('x'.repeat(1_000)));
    expect(await ports.fetch(url)).toEqual({ ok: true, body: 'x'.repeat(1_000) });
  });

  it('says why there is nothing', async () => {
    const tooLong = await serve((_, response) => response.end('x'.repeat(1_001)));
    expect(await ports.fetch(tooLong)).toEqual({ ok: false, failure: 'too-long' });
    const refusing = await serve((_, response) => response.writeHead(500).end());
    expect(await ports.fetch(refusing)).toEqual({ ok: false, failure: 'status' });
    const moved = await serve((_, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    });
    expect(await ports.fetch(moved)).toEqual({ ok: false, failure: 'unreachable' });
    expect(await ports.fetch('http://127.0.0.1:1')).toEqual({ ok: false, failure: 'unreachable' });
    expect(await ports.fetch('nonsense')).toEqual({ ok: false, failure: 'unreachable' });
  });

  it('does not wait for a server that is silent, or trickles', async () => {
    const silent = await serve(() => undefined);
    const trickle = await serve((_, response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const answers = await Promise.all([silent, trickle].map((url) => hurried.fetch(url)));
    expect(answers).toEqual(Array(2).fill({ ok: false, failure: 'slow' }));
  });
});

describe('files', () => {
  it('are read up to a bound, or not there', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a'), 'text');
    await writeFile(join(folder, 'b'), 'x'.repeat(300_000));
    expect(await ports.readText(join(folder, 'a'))).toBe('text');
    expect(await ports.readText(join(folder, 'b'))).toBeUndefined();
    expect(await ports.readText(join(folder, 'c'))).toBeUndefined();
    expect(await ports.readText(folder)).toBeUndefined();
    expect(await ports.listFolder(folder)).toEqual(['a', 'b']);
    expect(await ports.listFolder(join(folder, 'a'))).toEqual([]);
  });
});

describe('this machine', () => {
  it('can be detected, with models of a real server', async () => {
    const ollama = await serve((request, response) => {
      response.end(request.url === '/api/tags' ? '{"models":[{"name":"Llama3:8B"}]}' : '');
    });
    const unhurried = systemPorts(silentLogger, { fetchTimeoutMs: 30_000 });
    const facts = await detectHost(unhurried, { ollama });
    expect(facts.gpus.length).toBeGreaterThan(0);
    expect(facts.models).toEqual([{ name: 'llama3:8b', source: 'ollama' }]);
  });
});

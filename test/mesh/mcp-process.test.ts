import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN, type TestHost, TestMesh, until } from './harness.ts';
import { spawnMcp } from './mcp-client.ts';

// Goal: a client that starts the server as docs/mcp.md says has one, its stdout holds nothing but
// messages, and it ends when its client does.

const mesh = new TestMesh();
let host: TestHost;
let ticketFile: string;

beforeAll(async () => {
  [host] = (await mesh.start('lone')) as [TestHost];
  const { token } = await host.json<{ token: string }>('enrol', '--model', 'm', '--wait');
  ticketFile = join(mesh.folder, 'ticket');
  await host.json('sessions', 'create', token, '--out', ticketFile);
});
afterAll(() => mesh.close());

describe('docs/mcp.md', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/mcp.md'), 'utf8');
  const blocks = [...page.matchAll(/^```json\n(.+?)^```$/gms)].map(([, text = '']) => text);
  let environment: Record<string, string>;

  beforeAll(() => {
    // The command by the name that it has on the page.
    writeFileSync(
      join(mesh.folder, 'cooee'),
      `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`,
    );
    chmodSync(join(mesh.folder, 'cooee'), 0o755);
    environment = {
      PATH: `${mesh.folder}:${process.env['PATH'] ?? ''}`,
      COOEE_HOME: host.home,
    };
  });
  it('has configurations of two kinds', () => expect(blocks).toHaveLength(2));

  it.each(blocks)(
    'shows a configuration that starts a server that may write: %s',
    async (block) => {
      const { mcpServers, servers } = JSON.parse(block);
      const { command, args } = (mcpServers ?? servers).cooee;
      const typed = args.map((it: string) =>
        it === '/home/ada/.config/cooee-ticket' ? ticketFile : it,
      );
      expect(typed).toContain(ticketFile);
      const client = new Client({ name: 'docs', version: '1' });
      await client.connect(new StdioClientTransport({ command, args: typed, env: environment }));
      try {
        const params = { name: 'cooee_announce', arguments: { status: 'idle' } };
        expect((await client.callTool(params)).isError).toBeFalsy();
      } finally {
        await client.close();
      }
    },
  );
});

describe('the process of cooee mcp', () => {
  const HELLO = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'raw', version: '1' },
    },
  };
  const line = (message: unknown) => `${JSON.stringify(message)}\n`;

  it('answers what came before stdin ended, and nothing else, and exits 0', async () => {
    const child = spawnMcp('--home', '/nonexistent/home');
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' };
    const params = { name: 'cooee_status', arguments: {} };
    const call = { jsonrpc: '2.0', id: 3, method: 'tools/call', params };
    const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
    child.stdin.end([HELLO, initialized, list, call].map(line).join(''));
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    const answers = stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(answers.map(({ id }) => id).sort()).toEqual([1, 2, 3]);
    expect(answers[0].result.protocolVersion).toBe('2025-06-18');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'exits 0 on %s, also while a tool waits',
    async (signal) => {
      const child = spawnMcp('--home', host.home, '--ticket', ticketFile);
      let stdout = '';
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      const params = {
        name: 'cooee_call_human',
        arguments: { question: 'Shall I stay?', waitMs: 45_000 },
        _meta: { progressToken: 1 },
      };
      child.stdin.write(
        line(HELLO) + line({ jsonrpc: '2.0', id: 2, method: 'tools/call', params }),
      );
      await until('it waits', () => stdout.includes('notifications/progress'));
      child.kill(signal);
      expect(await once(child, 'close')).toEqual([0, null]);
    },
  );

  it('says on stderr what it does not understand; ends on a message without an end', async () => {
    const child = spawnMcp('--home', '/nonexistent/home');
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdin.on('error', () => undefined);
    child.stdin.write('hello\n');
    child.stdin.write(line(HELLO));
    await once(child.stdout, 'data');
    expect(stderr).toMatch(/^cooee mcp: not understood: /);
    const junk = 'x'.repeat(256 * 1024);
    for (let sent = 0; sent < 12; sent += 1) child.stdin.write(junk);
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    expect(stderr).toContain('maximum size');
  });

  it('refuses the operator socket', async () => {
    const child = spawnMcp('--socket', '/nonexistent/cooee.sock');
    const [code] = await once(child, 'close');
    expect(code).toBe(2);
  });
});

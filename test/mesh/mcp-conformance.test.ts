import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN, type TestHost, TestMesh } from './harness.ts';
import { McpBridge } from './mcp-bridge.ts';

// Goal: programs that are not ours find in `cooee mcp` a server as MCP has it. Method: the suite of
// the protocol's own project, over a bridge since it speaks HTTP alone, and its inspector.

const PACKAGES = resolve(import.meta.dirname, '../../node_modules/@modelcontextprotocol');
const CONFORMANCE = resolve(PACKAGES, 'conformance/dist/index.js');
/** It looks for its package.json from the folder that it runs in. */
const INSPECTOR_FOLDER = resolve(PACKAGES, 'inspector-cli/build');
const EXPECTED_FAILURES = resolve(import.meta.dirname, 'mcp-conformance.yml');
const NOTE = 'ucxl://any:architect@shop:checkout/#/123';

/** What the suite calls things that a server under test has, and which of ours stand for them. */
const TOOLS: Record<string, { readonly name: string; readonly arguments: object }> = {
  test_simple_text: { name: 'cooee_status', arguments: {} },
  test_error_handling: { name: 'cooee_get', arguments: { address: `${NOTE}/nowhere` } },
  test_tool_with_progress: {
    name: 'cooee_call_human',
    // Long enough for a third notification.
    arguments: { question: 'Is anybody there?', waitMs: 5_500 },
  },
};
const RESOURCES = new Set([
  'test://static-text',
  'test://template/123/data',
  'test://watched-resource',
]);
const PROMPTS = new Set(['test_simple_prompt', 'test_prompt_with_arguments']);

/** Puts ours in place of what the suite names; all else passes as it is. */
function translate(message: JSONRPCMessage): JSONRPCMessage {
  if (!('method' in message)) return message;
  const { params = {} } = message;
  const { name, uri } = params as { name?: string; uri?: string };
  const tool = name === undefined ? undefined : TOOLS[name];
  if (tool !== undefined) return { ...message, params: { ...params, ...tool } };
  if (uri !== undefined && RESOURCES.has(uri)) {
    return { ...message, params: { ...params, uri: NOTE } };
  }
  if (name !== undefined && PROMPTS.has(name)) {
    const given = (params['arguments'] ?? {}) as { arg1?: string; arg2?: string };
    const filled = { topic: given.arg1 ?? 'Any', address: given.arg2 ?? NOTE };
    return { ...message, params: { ...params, name: 'decision-record', arguments: filled } };
  }
  return message;
}

async function run(args: readonly string[], cwd?: string) {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, stdout, output };
}

describe('cooee mcp', () => {
  const mesh = new TestMesh();
  let host: TestHost;
  let ticketFile: string;

  beforeAll(async () => {
    [host] = (await mesh.start('lone')) as [TestHost];
    const { token } = await host.json<{ token: string }>('enrol', '--model', 'm', '--wait');
    ticketFile = `${mesh.folder}/ticket`;
    await host.json('sessions', 'create', token, '--out', ticketFile);
    const body = { kind: 'dr', address: NOTE, title: 'Note 123' } as const;
    await host.client.call('submit', { query: { wait: 'committed' }, body });
  });
  afterAll(() => mesh.close());

  const words = () => [MAIN, 'mcp', '--home', host.home, '--ticket', ticketFile];

  it('passes the conformance suite, but for what is listed with its reason', async () => {
    const bridge = new McpBridge({ command: process.execPath, args: words(), translate });
    const url = await bridge.start();
    try {
      const { code, output } = await run([
        ...[CONFORMANCE, 'server', '--url', url],
        ...['--expected-failures', EXPECTED_FAILURES, '--output-dir', `${mesh.folder}/results`],
      ]);
      expect(code, output).toBe(0);
      // So that a suite that runs nothing is not taken for one that is passed.
      expect(output).toContain('✓ tools-call-with-progress: 1 passed, 0 failed');
      expect(output).toContain('✓ resources-subscribe: 1 passed, 0 failed');
    } finally {
      await bridge.close();
    }
  });

  it.each([
    ['tools/list', [], '"cooee_submit_dr"'],
    ['resources/list', [], NOTE],
    ['resources/read', ['--uri', NOTE], 'Note 123'],
    ['prompts/list', [], '"decision-record"'],
    ['tools/call', ['--tool-name', 'cooee_get', '--tool-arg', `address=${NOTE}`], 'Note 123'],
  ])('answers %s of the inspector', async (method, more, wanted) => {
    const config = `${mesh.folder}/mcp.json`;
    const server = { command: process.execPath, args: words() };
    writeFileSync(config, JSON.stringify({ mcpServers: { cooee: server } }));
    const target = ['--cli', '--config', config, '--server', 'cooee'];
    const call = ['cli.js', ...target, '--method', method, ...more];
    const { code, stdout, output } = await run(call, INSPECTOR_FOLDER);
    expect(code, output).toBe(0);
    expect(JSON.stringify(JSON.parse(stdout))).toContain(wanted);
  });
});

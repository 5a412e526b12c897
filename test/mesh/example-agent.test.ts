import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';

// Goal: the example of docs/client.md does what it says. Method: it runs as its own process on the
// agent socket of a real daemon, and the test is the human.

const EXAMPLE = resolve(import.meta.dirname, '../../docs/examples/agent.ts');

let mesh: TestMesh;
let host: TestHost;
const children: ChildProcess[] = [];

beforeAll(async () => {
  mesh = new TestMesh();
  [host] = (await mesh.start('alpha')) as [TestHost];
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await mesh.close();
});

/** The example as a process; `ended` resolves with its exit code. */
function run(...args: readonly string[]) {
  const child = spawn(
    process.execPath,
    [EXAMPLE, '--socket', join(host.home, 'agent.sock'), ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const printed = { out: '', err: '' };
  children.push(child);
  child.stdout.on('data', (chunk: Buffer) => (printed.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed.err += chunk.toString()));
  const ended = new Promise<number | null>((done) => child.once('close', done));
  return { printed, ended };
}

describe('docs/examples/agent.ts', () => {
  it('announces, calls a human, and hands in what was decided', async () => {
    const enrolled = await host.client.call('enrolAgents', {
      query: { wait: 'committed' },
      body: { model: 'example' },
    });
    const token = enrolled.token as string;
    const ticket = join(mesh.folder, 'agent.ticket');
    await host.cli('sessions', 'create', token, '--out', ticket);
    const question = 'Which queue do we use?';
    const agent = run('--token', token, '--ticket', ticket, question);
    const call = await until('it has called', async () => {
      const { calls } = await host.client.call('listCalls', { query: { state: 'open' } });
      return calls[0];
    });
    expect(call).toMatchObject({ question, asker: { agent: token }, options: ['NATS', 'Kafka'] });
    const params = { id: call.id };
    const { fence } = await host.client.call('claimCall', {
      params,
      query: { wait: 'committed' },
      body: { by: 'ann' },
    });
    await host.client.call('answerCall', {
      params,
      query: { wait: 'committed' },
      body: { fence: fence as number, text: 'Kafka', by: 'ann' },
    });
    expect([await agent.ended, agent.printed.err]).toEqual([0, '']);
    const [, address, id] = /^decided (\S+) \((\S+)\)$/m.exec(agent.printed.out) ?? [];
    const found = await host.client.call('getSubmission', { params: { id: id as string } });
    expect(found).toMatchObject({
      address,
      state: 'committed',
      author: { agent: token },
      content: {
        title: question,
        decision: 'Kafka',
        rationale: 'answered by ann',
        links: [{ rel: 'derived-from', address: call.address }],
      },
    });
    const { agents } = await host.client.call('listAgents', { query: { capability: 'decide' } });
    expect(agents).toMatchObject([{ token, status: 'idle' }]);
  });

  it('says why, and what to do, when it is refused', async () => {
    const ticket = join(mesh.folder, 'agent.ticket');
    const agent = run('--token', '458RV', '--ticket', ticket, 'Whose ticket is this?');
    expect(await agent.ended).toBe(1);
    expect(agent.printed.err).toMatch(/^ERR_[A-Z_]+: .+\n.+/);
  });
});

describe('docs/client.md', () => {
  const markdown = readFileSync(resolve(EXAMPLE, '../../client.md'), 'utf8');
  const blocks = [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
  const [first = '', watching = ''] = blocks;

  it('has code that runs as it stands, on the socket of this host', async () => {
    expect(blocks).toHaveLength(2);
    const code = `${first.replace(/'\/home[^']+'/, JSON.stringify(join(host.home, 'agent.sock')))}
      console.log('watching');
      ${watching}`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
      cwd: resolve(EXAMPLE, '../../..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const ended = new Promise((done) => child.once('close', done));
    try {
      await until('it watches', () => printed.includes('watching'));
      await until('it has seen a call', async () => {
        await host.client.call('openCall', { body: { question: 'Seen?' } });
        return /call:open \{/.test(printed);
      });
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });
});

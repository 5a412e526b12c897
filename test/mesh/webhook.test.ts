/**
 * A webhook from the configuration to the receiver. Method: two real daemons, a real HTTP server on
 * loopback, and the check of the signature as docs/webhooks.md shows it.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../daemon/config/config.ts';
import { Receiver } from '../hostile/receiver.ts';
import { TestMesh, until } from './harness.ts';

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const page = readFileSync(new URL('../../docs/webhooks.md', import.meta.url), 'utf8');
const example = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1] ?? '';

type Verify = (secret: string, headers: Record<string, unknown>, body: string) => boolean;

const mesh = new TestMesh();
const receiver = new Receiver();
const [alpha, beta] = [mesh.host('alpha'), mesh.host('beta')];
let verify: Verify;

async function configure(mode: number): Promise<void> {
  await mkdir(alpha.home, { recursive: true, mode: 0o700 });
  const webhook = { name: 'ops', url: receiver.url(), secret: SECRET, allowPrivate: true };
  const text = JSON.stringify({ webhooks: [webhook] });
  writeFileSync(join(alpha.home, 'config.json'), text, { mode });
}

beforeAll(async () => {
  await receiver.listen();
  const module = join(mesh.folder, 'verify.mjs');
  writeFileSync(module, example('js'));
  ({ verify } = (await import(pathToFileURL(module).href)) as { verify: Verify });
});

afterAll(async () => {
  await mesh.close();
  await receiver.close();
});

describe('docs/webhooks.md', () => {
  it('shows a configuration that the daemon takes', () => {
    const { webhooks } = parseConfig(example('json'));
    expect(webhooks.map(({ name }) => name)).toEqual(['ops', 'second-line']);
  });
});

describe('a webhook', () => {
  it('keeps the daemon from starting while others can read its secret', async () => {
    await configure(0o644);
    alpha.spawn();
    expect(await alpha.exited).toBe(2);
    expect(alpha.stderr).toMatch(/chmod 600 .*config\.json/);
    expect(alpha.stderr).not.toContain(SECRET);
  });

  it('is told of a call that was opened on another node, signed as documented', async () => {
    rmSync(join(alpha.home, 'config.json'));
    await configure(0o600);
    await alpha.up();
    await beta.up('--join', await alpha.invite());
    const { id } = await beta.json<{ id: string }>('call', 'Go on?', '--severity', 'danger');
    const [first] = await until('it is told', () => receiver.got.length > 0 && receiver.got);
    const { headers, body } = first as (typeof receiver.got)[number];
    expect(JSON.parse(body)).toMatchObject({
      type: 'call:open',
      data: { id, question: 'Go on?', severity: 'danger', state: 'open', version: 1 },
    });
    expect(verify(SECRET, headers, body)).toBe(true);
    expect(verify(SECRET, headers, `${body} `)).toBe(false);
    expect(verify(SECRET.replace('BQ', 'BR'), headers, body)).toBe(false);
    const old = { ...headers, 'webhook-timestamp': '1614265330' };
    expect(verify(SECRET, old, body)).toBe(false);
  });

  it('goes on after kill -9 with what nobody took, and repeats nothing else', async () => {
    receiver.behave = (response) => response.writeHead(503).end();
    const [open] = (await alpha.json<{ calls: { id: string }[] }>('calls')).calls;
    await alpha.json('claim', open?.id ?? '', '--by', 'Ada');
    await alpha.json('answer', open?.id ?? '', 'Yes, go on.', '--by', 'Ada');
    await until('it was tried', () => receiver.types.includes('call:claim'));
    await alpha.end('SIGKILL');
    receiver.behave = (response) => response.writeHead(200).end();
    const before = receiver.got.length;
    await alpha.up();
    await until('all is told', () => receiver.types.slice(before).includes('call:answer'));
    expect(receiver.types.slice(before)).toEqual(['call:claim', 'call:answer']);
    expect(JSON.parse(receiver.got.at(-1)?.body ?? '')).toMatchObject({
      data: { state: 'answered', answer: 'Yes, go on.', answeredBy: { human: 'Ada' } },
    });
    expect(receiver.types.filter((type) => type === 'call:open')).toHaveLength(1);
    const ids = new Set(receiver.got.map(({ id }) => id));
    expect(ids.size).toBe(3);
  });

  it('shows URL and secret nowhere but in the configuration', async () => {
    const shown = [
      alpha.stdout,
      alpha.stderr,
      JSON.stringify(await alpha.client.call('getStatus', {})),
      JSON.stringify(await alpha.client.call('getDoctor', {})),
      await alpha.client.call('getMetrics', {}),
    ].join('\n');
    expect(shown).toContain('cooee_webhook_attempts_total');
    expect(shown).not.toContain(SECRET.slice('whsec_'.length));
    expect(shown).not.toContain(`${receiver.port}/hook`);
  });
});

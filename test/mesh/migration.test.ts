import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeFormat } from '../../storage/disk/store-format.ts';
import { type TestHost, TestMesh } from './harness.ts';
import { commitOn } from './voting.ts';

// Goal: a home that an older program made is taken up as it is: the same node in the same mesh,
// its agents with their ids, its log whole, and what was there before is kept. The homes in
// test/data/homes were made by the programs of their time; test/data/homes/README.md says how.

const HOMES = resolve(import.meta.dirname, '../data/homes');
const PEER = '12D3KooWKJdmAnNPJqzuvBtdyZqqki1zdaH7sd6iXDxbJidaSuUW';
const MESH = 'bafyreiezjtxoret2vksutz5jzpjzi6lewqybz67hvkspartoknelpldy6q';

async function keysIn(location: string): Promise<{ format: number; state: number }> {
  const database = new ClassicLevel<string, Uint8Array>(location, { valueEncoding: 'view' });
  const format = decodeFormat((await database.get('meta!format')) ?? new Uint8Array());
  let state = 0;
  for await (const _ of database.keys({ gt: 'state!', lt: 'state~' })) state++;
  await database.close();
  return { format, state };
}

describe('a home whose store has format 1', () => {
  const mesh = new TestMesh();
  afterAll(() => mesh.close());

  /** A host with the home that such a program left. */
  function olderHost(name: string): TestHost {
    const host = mesh.host(name);
    mkdirSync(host.home, { mode: 0o700 });
    execFileSync('tar', ['-xzf', join(HOMES, 'store-format-1.tar.gz'), '-C', host.home]);
    // The machine that it was made on.
    host.env = { COOEE_MACHINE_ID: 'older' };
    return host;
  }

  async function expectTheSame(host: TestHost): Promise<void> {
    const { node, mesh: its, slurp } = await host.client.call('getStatus', {});
    expect([node.peer, its.id, slurp.isLeader]).toEqual([PEER, MESH, true]);
    const { agents } = await host.client.call('listAgents', {});
    const ids = agents.map(({ token, model }) => `${token} ${model}`).sort();
    expect(ids).toEqual(['4001Y llama3-70b', '40414 mistral-7b']);
    const { code, stdout } = await host.cli('log', '--verify');
    expect({ code, stdout }).toMatchObject({ code: 0 });
    const { entries } = await host.client.call('readLog', { query: { limit: 5 } });
    const kinds = entries.map(({ commands }) => commands[0]?.kind);
    expect(kinds[0]).toBe('mesh.genesis');
    expect(kinds.filter((kind) => kind === 'agent.grant')).toHaveLength(2);
  }

  it('is taken up: identity, ids and log are there, and the old one is kept', async () => {
    const host = olderHost('older');
    await host.up();
    await expectTheSame(host);
    expect((await commitOn(host, 'goes-on')).state).toBe('committed');
    const kept = join(host.home, 'old', 'before-store-2');
    expect(readdirSync(kept).sort()).toEqual(['log', 'mesh.json', 'store']);
    // What an older program would find there: its format, and the state.
    expect(await keysIn(join(kept, 'store'))).toMatchObject({ format: 1, state: 18 });
    expect(host.stderr).toContain('the store is of an older format');
    await host.end();
    host.stderr = '';
    await host.up();
    await expectTheSame(host);
    expect(host.stderr).not.toContain('the store is of an older format');
  });

  it('that was killed while the old one was copied is taken up the next time', async () => {
    const host = olderHost('killed');
    mkdirSync(join(host.home, 'old', 'before-store-2.tmp', 'store'), { recursive: true });
    writeFileSync(join(host.home, 'old', 'before-store-2.tmp', 'store', 'CURRENT'), 'half');
    await host.up();
    await expectTheSame(host);
    expect(readdirSync(join(host.home, 'old'))).toEqual(['before-store-2']);
  });
});

describe('a home of a newer program', () => {
  const mesh = new TestMesh();
  afterAll(() => mesh.close());

  it('is refused with the way out, and left as it is: exit 1', async () => {
    const host = mesh.host('newer');
    await host.up();
    await host.end();
    writeFileSync(join(host.home, 'FORMAT'), 'cooee home 2\n');
    host.stderr = '';
    host.spawn();
    expect(await host.exited).toBe(1);
    expect(host.stderr).toContain('has format 2; this program knows 1');
    expect(host.stderr).toMatch(/upgrade COOEE/iu);
    expect(readFileSync(join(host.home, 'FORMAT'), 'utf8')).toBe('cooee home 2\n');
  });
});

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { MARK, nextBuild } from './next-build.ts';
import { conditions, refusalIn } from './views.ts';
import {
  commitOn,
  leaderOf,
  level,
  slurpOn,
  startVoters,
  submissionsOn,
  without,
} from './voting.ts';

// Goal: a mesh is upgraded host by host: it goes on at the level of the oldest program, takes the
// next level only when all can, and a program that is too old stops instead of guessing.

const WAIT = { wait: 'committed', timeoutMs: 20_000 } as const;

describe('two versions in one mesh', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];
  let old: TestHost;
  let main: string;

  const levelOn = async (host: TestHost): Promise<number> =>
    (await host.client.call('getStatus', {})).mesh.level;
  const nameOn = async (host: TestHost): Promise<string> =>
    (await host.client.call('getStatus', {})).mesh.name;
  const set = async (host: TestHost, body: { name?: string; level?: number }) =>
    await host.client.call('setMesh', { query: WAIT, body });

  beforeAll(async () => {
    const folder = join(mesh.folder, 'next');
    mkdirSync(folder);
    const next = nextBuild(folder);
    hosts = ['next-1', 'next-2', 'old'].map((name) => mesh.host(name));
    for (const host of hosts.slice(0, 2)) host.main = next;
    old = hosts[2] as TestHost;
    main = old.main;
    await startVoters(hosts, 3);
  });
  afterAll(() => mesh.close());

  async function expectAlike(of: readonly TestHost[]): Promise<void> {
    await level([await leaderOf(of), ...of]);
    const [first, ...others] = await Promise.all(of.map((host) => submissionsOn(host)));
    for (const it of others) expect(it).toEqual(first);
  }

  it('work together at the level of the older one, whoever leads', async () => {
    for (const host of hosts) {
      await until('it leads', async () => {
        const to = await host.peer();
        return (await old.client.call('transferLeader', { body: { to } })).peer === to;
      });
      for (const from of hosts) await commitOn(from, `${from.name}-under-${host.name}`);
    }
    await expectAlike(hosts);
    expect(await Promise.all(hosts.map(levelOn))).toEqual([1, 1, 1]);
    expect(await Promise.all(hosts.map((host) => conditions(host)))).toEqual(['', '', '']);
  });

  it('stay there while one of them cannot do more', async () => {
    for (const host of hosts) {
      await expect(set(host, { level: 2 })).rejects.toMatchObject({ code: 'ERR_SLURP_LEVEL' });
    }
    await commitOn(old, 'goes-on');
    expect(await levelOn(old)).toBe(1);
  });

  it('take the next level when the last one is upgraded, and its new commands', async () => {
    await old.end();
    old.main = hosts[0]?.main ?? '';
    await old.up();
    await set(old, { level: 2 });
    await set(await leaderOf(hosts), { name: MARK });
    await level([await leaderOf(hosts), ...hosts]);
    expect(await Promise.all(hosts.map(levelOn))).toEqual([2, 2, 2]);
    expect(await Promise.all(hosts.map(nameOn))).toEqual([MARK, MARK, MARK]);
    await expectAlike(hosts);
  });

  it('leave one behind that was put back, which stops and says so', async () => {
    const others = without(hosts, old);
    await level([await leaderOf(hosts), old]);
    await old.end();
    old.main = main;
    old.stderr = '';
    old.spawn();
    await until('it says that it is too old', async () => {
      return (await conditions(old)).includes('upgrade-needed');
    });
    expect(old.stderr).toContain('an entry cannot be applied');
    const { appliedIndex } = await slurpOn(old);
    await commitOn(await leaderOf(others), 'without-the-old-one');
    await expectAlike(others);
    expect((await slurpOn(old)).appliedIndex).toBe(appliedIndex);
    expect((await slurpOn(await leaderOf(others))).appliedIndex).toBeGreaterThan(appliedIndex);
    // With entries at hand that it cannot apply it does not even start.
    await old.end();
    old.stderr = '';
    old.spawn('--json');
    const { code, remedy } = refusalIn(await old.exited, old.stderr);
    expect(code).toBe('ERR_SLURP_LEVEL');
    expect(remedy).toMatch(/Upgrade/u);
    old.main = hosts[0]?.main ?? '';
    await old.up();
    await expectAlike(hosts);
    await until('all is well', async () => (await conditions(old)) === '');
  });
});

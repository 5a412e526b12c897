import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { conditions } from './views.ts';
import {
  commitOn,
  hostWith,
  Load,
  leaderOf,
  level,
  missingOn,
  slurpOn,
  startVoters,
  submissionsOn,
  without,
} from './voting.ts';

// Goal: a home that burns down is put back from its backup, on whatever machine, and the mesh goes
// on with it: the same node, with nothing that it acknowledged lost to the others or there twice.

const PASSPHRASE = 'correct horse battery staple';

interface Seats {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

/** A file in the folder of the tests. */
const fileOf = (mesh: TestMesh, name: string): string => join(mesh.folder, name);

async function backup(host: TestHost, file: string, ...flags: readonly string[]) {
  host.env = { ...host.env, COOEE_PASSPHRASE: PASSPHRASE };
  return await host.json<{ files: number; bytes: number }>('backup', file, ...flags);
}

async function restore(host: TestHost, file: string, ...flags: readonly string[]) {
  host.env = { ...host.env, COOEE_PASSPHRASE: PASSPHRASE };
  return await host.cli('restore', file, '--json', ...flags);
}

async function tokensOn(host: TestHost): Promise<string[]> {
  const { agents } = await host.client.call('listAgents', {});
  return agents.map(({ token, model }) => `${token} ${model}`).sort();
}

describe('a member of three voters', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];

  beforeAll(async () => {
    hosts = ['lead', 'beta', 'gamma'].map((name) => hostWith(mesh, name, {}));
    await startVoters(hosts, 3);
  });
  afterAll(() => mesh.close());

  async function changesFrom(host: TestHost, from: number): Promise<Seats[]> {
    const query = { kind: 'voter.change', limit: 1000, from };
    const { entries } = await host.client.call('readLog', { query });
    return entries.map((it) => it.commands[0]?.body as unknown as Seats);
  }

  it('is put back on another machine: the same node, and a voter again by itself', async () => {
    const leader = await leaderOf(hosts);
    const [victim, other] = without(hosts, leader) as [TestHost, TestHost];
    const peer = await victim.peer();
    await victim.json('enrol', '--model', 'kept', '--wait');
    const before = await tokensOn(victim);
    // Of a daemon that is being written through.
    const load = new Load(hosts, 6, 'busy');
    await load.more(30);
    const file = fileOf(mesh, 'victim.cooee');
    const made = await backup(victim, file);
    expect(made.files).toBeGreaterThan(8);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(victim.home, 'staging'))).toEqual([]);
    await load.more(30);
    await victim.end('SIGKILL');
    await load.stop();
    expect(load.failures).toEqual([]);
    rmSync(victim.home, { recursive: true });
    const { appliedIndex } = await slurpOn(leader);

    victim.env = { COOEE_MACHINE_ID: 'another' };
    victim.stderr = '';
    expect((await restore(victim, file)).code).toBe(0);
    victim.spawn();
    await until('it was made a learner, and a voter again', async () => {
      const since = await changesFrom(leader, appliedIndex + 1);
      const asLearner = since.findIndex(({ learners }) => learners.includes(peer));
      return asLearner >= 0 && since.slice(asLearner).some(({ voters }) => voters.includes(peer));
    });
    await victim.ready();
    expect(victim.stderr).toContain('"condition":"lost-state"');
    expect(await victim.peer()).toBe(peer);
    expect(existsSync(join(victim.home, 'restored'))).toBe(false);
    await until('all is well', async () => {
      const all = await Promise.all(hosts.map((host) => conditions(host)));
      return all.every((codes) => codes === '');
    });
    expect(await tokensOn(victim)).toEqual(before);
    // Its vote counts, and nothing is lost or twice.
    await other.end('SIGKILL');
    await commitOn(victim, 'counts-again');
    await other.up();
    await level([await leaderOf(hosts), ...hosts]);
    for (const host of hosts) expect(await missingOn(host, load)).toEqual([]);
    const [first, ...others] = await Promise.all(hosts.map((host) => submissionsOn(host)));
    for (const it of others) expect(it).toEqual(first);
  });

  it('hands on what was accepted and not committed, once over several restores', async () => {
    const leader = await leaderOf(hosts);
    const [victim, other] = without(hosts, leader) as [TestHost, TestHost];
    await Promise.all([leader.end(), other.end()]);
    expect((await commitOn(victim, 'waits', 500)).state).toBe('accepted');
    const file = fileOf(mesh, 'waiting.cooee');
    await backup(victim, file);
    await victim.end('SIGKILL');
    leader.spawn();
    other.spawn();
    for (const attempt of [1, 2]) {
      rmSync(victim.home, { recursive: true });
      expect((await restore(victim, file)).code).toBe(0);
      await victim.up();
      await until('what waited is committed', async () => {
        return (await submissionsOn(other)).has('ucxl://any:any@test:load/#/d/waits');
      });
      await until(`three vote again (${attempt})`, async () => {
        const { voters, learners } = await slurpOn(await leaderOf(hosts));
        return voters.length === 3 && learners.length === 0 && (await conditions(victim)) === '';
      });
      await level(hosts);
      const all = await Promise.all(hosts.map((host) => submissionsOn(host)));
      for (const it of all) expect(it).toEqual(all[0]);
      await victim.end('SIGKILL');
    }
    await victim.up();
  });

  it('is the one that counts also while the old one still runs, which is told', async () => {
    const leader = await leaderOf(hosts);
    const [original, other] = without(hosts, leader) as [TestHost, TestHost];
    const peer = await original.peer();
    const file = fileOf(mesh, 'original.cooee');
    await backup(original, file);
    const twin = mesh.host('twin');
    expect((await restore(twin, file)).code).toBe(0);
    twin.spawn('--hostname', original.name, '--mac', 'AA:BB:CC:DD:EE:FD');
    await until('the old one says so', async () => {
      return (await conditions(original)).includes('clone');
    });
    const refused = await original.cli('members', 'role', peer, 'admin', '--json');
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'ERR_MEMBERSHIP_CLONE' } });
    await twin.ready();
    // What went to the old one while both ran may have cost the restored one a turn for a vote:
    // with nobody else there it gets another one by itself.
    await original.end();
    await until('the restored one votes, and all is well', async () => {
      const all = await Promise.all([leader, other, twin].map((host) => conditions(host)));
      const { voters } = await slurpOn(leader);
      // It may stand on another host than the old one: that is said until its next start.
      const isWell = all.every((codes) => codes === '' || codes === 'host-changed');
      return voters.includes(peer) && voters.length === 3 && isWell;
    });
    expect(await twin.peer()).toBe(peer);
    expect((await commitOn(twin, 'by-the-twin')).state).toBe('committed');
  });
});

describe('a mesh of one', () => {
  const mesh = new TestMesh();
  afterAll(() => mesh.close());

  it('leads again after its home was put back, and lets others in', async () => {
    const host = mesh.host('solo');
    await host.up();
    const peer = await host.peer();
    await host.json('enrol', '--model', 'kept', '--wait');
    const before = await tokensOn(host);
    await commitOn(host, 'first');
    const file = fileOf(mesh, 'solo.cooee');
    await backup(host, file);
    await host.end('SIGKILL');
    rmSync(host.home, { recursive: true });
    expect((await restore(host, file)).code).toBe(0);
    await host.up();
    expect(await host.peer()).toBe(peer);
    expect(await tokensOn(host)).toEqual(before);
    expect((await submissionsOn(host)).size).toBe(1);
    expect((await commitOn(host, 'second')).state).toBe('committed');
    expect(await conditions(host)).toBe('');
    const guest = mesh.host('guest');
    await guest.up('--join', await host.invite());
    await level([host, guest]);
  });

  it('whose daemon is stopped is backed up as it is', async () => {
    const host = mesh.host('stopped');
    await host.up();
    const peer = await host.peer();
    await host.end();
    const file = fileOf(mesh, 'stopped.cooee');
    await backup(host, file);
    const copy = mesh.host('moved');
    copy.env = { COOEE_MACHINE_ID: 'another' };
    expect((await restore(copy, file)).code).toBe(0);
    await copy.up();
    expect(await copy.peer()).toBe(peer);
    expect((await commitOn(copy, 'there')).state).toBe('committed');
  });
});

describe('the only voter of a mesh with another member', () => {
  const mesh = new TestMesh();
  afterAll(() => mesh.close());

  it('leads on from what the other one holds, and waits for it', async () => {
    const [voter, other] = (await mesh.start('voter', 'other')) as [TestHost, TestHost];
    await commitOn(voter, 'before');
    const file = fileOf(mesh, 'voter.cooee');
    await backup(voter, file);
    for (const name of ['since-1', 'since-2', 'since-3']) await commitOn(other, name);
    await level([voter, other]);
    await voter.end('SIGKILL');
    await other.end();
    rmSync(voter.home, { recursive: true });
    expect((await restore(voter, file)).code).toBe(0);
    voter.spawn();
    await until('it says what it waits for', async () => {
      return (await conditions(voter)).includes('restored-alone');
    });
    expect((await slurpOn(voter)).isLeader).toBe(false);
    expect((await commitOn(voter, 'too-early', 500)).state).toBe('accepted');
    await other.up();
    await until('it leads', async () => (await slurpOn(voter)).isLeader);
    await until('what waited is committed', async () => (await submissionsOn(other)).size === 5);
    expect((await commitOn(other, 'after')).state).toBe('committed');
    await level([voter, other]);
    expect(await submissionsOn(voter)).toEqual(await submissionsOn(other));
    await until('both are well', async () => {
      return `${await conditions(voter)}${await conditions(other)}` === '';
    });
    expect((await voter.cli('log', '--verify')).code).toBe(0);
  });
});

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recoveryKeyText } from '../../daemon/mesh/recovery-key.ts';
import { type TestHost, TestMesh, until } from './harness.ts';
import { conditions } from './views.ts';
import { commitOn, hostWith, level, slurpOn, startVoters, submissionsOn } from './voting.ts';

// Goal: when a majority of the voters is lost for good the operator's key, and nothing else, lets
// the mesh go on from one node; whoever comes back follows it.

const STEP_MS = 60_000;

/** The hosts that vote, the one that made the mesh first. */
async function votersOf(hosts: readonly TestHost[]): Promise<TestHost[]> {
  const [first] = hosts as [TestHost];
  const { voters } = await slurpOn(first);
  const peers = await Promise.all(hosts.map((host) => host.peer()));
  return hosts.filter((_, i) => voters.includes(peers[i] ?? ''));
}

/** The key of the mesh that this host made, out of its home, where it should not stay. */
function takeKey(mesh: TestMesh, founder: TestHost): string {
  const file = join(mesh.folder, 'key');
  writeFileSync(file, readFileSync(join(founder.home, 'RECOVERY-KEY'), 'utf8'), { mode: 0o600 });
  rmSync(join(founder.home, 'RECOVERY-KEY'));
  return `@${file}`;
}

const recordsOf = async (host: TestHost): Promise<string[]> => {
  const found = await submissionsOn(host);
  return [...found.keys()].map((it) => it.slice(it.lastIndexOf('/') + 1)).sort();
};

const isCommitted = async (host: TestHost, name: string): Promise<boolean> =>
  (await commitOn(host, name, 1_500)).state === 'committed';

describe('three voters and a replica', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];
  let voters: TestHost[] = [];
  let replica: TestHost;
  let key = '';
  let lostPeers: string[] = [];

  beforeAll(async () => {
    hosts = ['alpha', 'beta', 'gamma', 'delta'].map((name) => hostWith(mesh, name, {}));
    await startVoters(hosts, 3);
    voters = await votersOf(hosts);
    replica = hosts.find((host) => !voters.includes(host)) as TestHost;
    key = takeKey(mesh, hosts[0] as TestHost);
    await commitOn(voters[1] as TestHost, 'before');
    await level([voters[1] as TestHost, ...hosts]);
  });
  afterAll(() => mesh.close());

  it('refuse a recovery while a majority can be reached', async () => {
    const [, beta] = voters as [TestHost, TestHost];
    const { code, stderr } = await beta.cli('recover', '--key', key, '--yes');
    expect(stderr).toContain('a majority of the voters can be reached');
    expect(code).toBe(4);
  });

  it(
    'go on from the one that is left, with the right key alone',
    async () => {
      const [alpha, beta, gamma] = voters as [TestHost, TestHost, TestHost];
      lostPeers = await Promise.all([alpha, beta].map((host) => host.peer()));
      await Promise.all([alpha.end('SIGKILL'), beta.end('SIGKILL')]);
      rmSync(alpha.home, { recursive: true });
      await until('nobody leads', async () => (await slurpOn(gamma)).leader === null);
      expect(await isCommitted(gamma, 'meanwhile')).toBe(false);

      const wrong = join(mesh.folder, 'wrong');
      writeFileSync(wrong, recoveryKeyText(new Uint8Array(32).fill(7)), { mode: 0o600 });
      const forged = await gamma.cli('recover', '--key', `@${wrong}`, '--yes');
      expect(forged.stderr).toContain("not this mesh's recovery key");
      expect(forged.code).toBe(4);
      const unnamed = await gamma.cli('recover', '--key', key, '--lost', lostPeers[0] ?? '');
      expect(unnamed.stderr).toContain(`recover --lost ${lostPeers.join(' ')}`);
      expect(unnamed.code).toBe(4);
      expect((await slurpOn(gamma)).epoch).toBe(0);

      const plan = await gamma.json<{ epoch: number; away: string[] }>('recover', '--dry-run');
      expect(plan.epoch).toBe(1);
      expect([...plan.away].sort()).toEqual([...lostPeers].sort());
      const done = await gamma.json<{ epoch: number; voters: string[] }>(
        ...['recover', '--key', key, '--lost', ...lostPeers],
      );
      expect(done).toMatchObject({ epoch: 1, voters: [await gamma.peer()] });
      await until('it commits', () => isCommitted(gamma, 'after'));
      await until('what was accepted meanwhile is in', async () =>
        (await recordsOf(gamma)).includes('meanwhile'),
      );
      expect(await recordsOf(gamma)).toEqual(['after', 'before', 'meanwhile']);
      await until('the replica follows', async () => (await slurpOn(replica)).epoch === 1);
      await until('the replica commits', () => isCommitted(replica, 'replica'));
      await until('nothing is wrong', async () => (await conditions(replica)) === '');
      const verified = await replica.cli('log', '--verify');
      expect(verified.code, verified.stderr).toBe(0);
      // The only admin is among the lost.
      for (const what of [['invite'], ['members', 'remove', lostPeers[0] ?? '']]) {
        const { code, stderr } = await gamma.cli(...what);
        expect(code, stderr).toBe(0);
      }
    },
    STEP_MS,
  );

  it(
    'take a voter back that comes from the old epoch, as a replica first',
    async () => {
      const [, beta, gamma] = voters as [TestHost, TestHost, TestHost];
      await beta.up();
      await until('it follows', async () => (await slurpOn(beta)).epoch === 1);
      const three = [beta, gamma, replica];
      await until('all three vote', async () => {
        const all = await Promise.all(three.map((host) => slurpOn(host)));
        return all.every((it) => it.voters.length === 3 && it.leader !== null && it.epoch === 1);
      });
      const { voters: now } = await slurpOn(gamma);
      expect([...now].sort()).toEqual((await Promise.all(three.map((it) => it.peer()))).sort());
      await gamma.end('SIGKILL');
      await until('the others commit', () => isCommitted(beta, 'without'));
      await gamma.up();
      await level([beta, gamma, replica]);
      expect(await recordsOf(gamma)).toEqual(await recordsOf(beta));
      const { code } = await beta.cli('recover', '--key', key, '--yes');
      expect(code).toBe(4);
    },
    STEP_MS,
  );
});

describe('two recoveries of one epoch', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];
  let key = '';

  beforeAll(async () => {
    hosts = ['xi', 'ypsilon', 'zeta'].map((name) => hostWith(mesh, name, {}));
    await startVoters(hosts, 3);
    key = takeKey(mesh, hosts[0] as TestHost);
    await commitOn(hosts[0] as TestHost, 'before');
    await level(hosts);
    for (const host of hosts) await host.end('SIGKILL');
  });
  afterAll(() => mesh.close());

  /** Recovers on a host that is alone, and leaves it down. */
  async function recoverAlone(host: TestHost, name: string): Promise<string> {
    await host.up();
    const { id } = await host.json<{ id: string }>('recover', '--key', key, '--yes');
    await until(`${host.name} commits`, () => isCommitted(host, name));
    return id;
  }

  it(
    'halt both sides until the operator has chosen one',
    async () => {
      const [xi, ypsilon, zeta] = hosts as [TestHost, TestHost, TestHost];
      const idOfY = await recoverAlone(ypsilon, 'on-ypsilon');
      await ypsilon.end('SIGKILL');
      const idOfZ = await recoverAlone(zeta, 'on-zeta');
      expect(idOfZ).not.toBe(idOfY);
      await ypsilon.up();
      await until('both halt', async () => {
        const all = await Promise.all([ypsilon, zeta].map((host) => conditions(host)));
        return all.every((codes) => codes.includes('epoch-conflict'));
      });
      for (const host of [ypsilon, zeta]) {
        expect(await isCommitted(host, `halted-${host.name}`)).toBe(false);
        expect((await slurpOn(host)).leader).toBeNull();
        const { stdout } = await host.cli('doctor');
        expect(stdout).toMatch(/fail +leader +nobody leads: the mesh was recovered twice/u);
      }
      const other = await ypsilon.cli('recover', '--key', key, '--yes', '--choose', idOfZ);
      expect(other.stderr).toContain('choose on a node of the branch that goes on');
      expect(other.code).toBe(4);
      const chosen = await zeta.json<{ epoch: number }>(
        ...['recover', '--key', key, '--yes', '--choose', idOfZ],
      );
      expect(chosen.epoch).toBe(2);
      await until('the chosen side commits', () => isCommitted(zeta, 'chosen'));
      await until('the other side follows', async () => (await slurpOn(ypsilon)).epoch === 2);
      await until('the other side commits', () => isCommitted(ypsilon, 'follows'));
      await xi.up();
      await until('all three vote again', async () => {
        const all = await Promise.all(hosts.map((host) => slurpOn(host)));
        return all.every((it) => it.voters.length === 3 && it.epoch === 2 && it.leader !== null);
      });
      await level([zeta, ...hosts]);
      const records = await recordsOf(zeta);
      expect(records).toContain('on-zeta');
      expect(records).not.toContain('on-ypsilon');
      for (const host of hosts) expect(await recordsOf(host)).toEqual(records);
    },
    2 * STEP_MS,
  );

  it(
    'end an epoch for the majority of it, too, that comes back and knows of nothing',
    async () => {
      const [xi, ypsilon, zeta] = hosts as [TestHost, TestHost, TestHost];
      for (const host of hosts) await host.end('SIGKILL');
      await recoverAlone(xi, 'on-xi');
      await xi.end('SIGKILL');
      await Promise.all([ypsilon.up(), zeta.up()]);
      await until('the old majority commits', () => isCommitted(zeta, 'old-majority'));
      expect((await slurpOn(zeta)).epoch).toBe(2);
      await xi.up();
      await until('all follow the recovery', async () => {
        const all = await Promise.all(hosts.map((host) => slurpOn(host)));
        return all.every((it) => it.epoch === 3 && it.voters.length === 3 && it.leader !== null);
      });
      await until('they commit', () => isCommitted(zeta, 'after-all'));
      await level([zeta, ...hosts]);
      const records = await recordsOf(xi);
      expect(records).toContain('on-xi');
      expect(records).not.toContain('old-majority');
      for (const host of hosts) expect(await recordsOf(host)).toEqual(records);
      // What was given up is not thrown away.
      expect(existsSync(join(zeta.home, 'mesh', 'damaged'))).toBe(true);
    },
    2 * STEP_MS,
  );
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { errorOf } from './views.ts';
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

// Goal: the death of any voter, the leader included, costs a blink; nothing that was answered is
// lost, and nothing is there twice.

describe('three voters', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];

  beforeAll(async () => {
    hosts = ['lead', 'beta', 'gamma'].map((name) => hostWith(mesh, name, {}));
    await startVoters(hosts, 3);
  });
  afterAll(() => mesh.close());

  it('grow from one by themselves, and the leader shows how far the others are', async () => {
    const leader = await leaderOf(hosts);
    const { followers, learners, voters } = await slurpOn(leader);
    expect([voters.length, learners, followers.length]).toEqual([3, [], 2]);
    for (const { isLearner, silentMs } of followers) {
      expect(isLearner).toBe(false);
      expect(silentMs).toBeLessThan(5_000);
    }
  });

  it('hand leadership on when they are asked to, by any of them', async () => {
    const before = await leaderOf(hosts);
    const [asked, next] = without(hosts, before) as [TestHost, TestHost];
    const answer = await asked.json<{ peer: string; term: number }>(
      ...['leader', 'transfer', await next.peer()],
    );
    expect(answer.peer).toBe(await next.peer());
    expect(await leaderOf(hosts)).toBe(next);
    expect((await asked.json<{ peer: string }>('leader', 'transfer')).peer).not.toBe(answer.peer);
    const stranger = { body: { to: '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp' } };
    expect((await errorOf(asked.client.call('transferLeader', stranger))).code).toBe(
      'ERR_API_NOT_FOUND',
    );
  });

  it('show all that was committed anywhere to a linearizable read on each of them', async () => {
    for (const [i, host] of hosts.entries()) {
      const writer = hosts[(i + 1) % hosts.length] as TestHost;
      const { id } = await commitOn(writer, `seen-${i}`);
      const query = { consistency: 'linearizable' } as const;
      const found = await host.client.call('getSubmission', { params: { id }, query });
      expect(found.state).toBe('committed');
    }
  });

  it('lose nothing and repeat nothing when the leader is killed under load', async () => {
    for (const round of ['a', 'b']) {
      const leader = await leaderOf(hosts);
      const term = (await slurpOn(leader)).term;
      const load = new Load(hosts, 10, `kill-${round}`);
      await load.more(100);
      const killedMs = performance.now();
      await leader.end('SIGKILL');
      await load.more(100);
      await leader.up();
      await load.more(100);
      await load.stop();
      console.info(`failover under load: ${load.longestGapMs(killedMs).toFixed()} ms`);
      expect(load.failures).toEqual([]);
      expect((await slurpOn(await leaderOf(hosts))).term).toBeGreaterThan(term);
      await level([await leaderOf(hosts), ...hosts]);
      for (const host of hosts) expect(await missingOn(host, load)).toEqual([]);
    }
  });

  it('go on in the same term when one that does not lead is killed', async () => {
    const leader = await leaderOf(hosts);
    const { term } = await slurpOn(leader);
    const [gone] = without(hosts, leader) as [TestHost];
    const load = new Load(without(hosts, gone), 4, 'minority');
    await load.more(20);
    await gone.end('SIGKILL');
    await load.more(100);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await slurpOn(leader)).toMatchObject({ isLeader: true, term });
    await gone.up();
    await level([leader, gone]);
    expect(await missingOn(gone, load)).toEqual([]);
    expect((await slurpOn(leader)).isLeader).toBe(true);
  });

  it('have everything again when all were killed at once', async () => {
    const load = new Load(hosts, 6, 'all');
    await load.more(60);
    await Promise.all(hosts.map((host) => host.end('SIGKILL')));
    for (const host of hosts) host.spawn();
    for (const host of hosts) await host.ready();
    await load.more(60);
    await load.stop();
    expect(load.failures).toEqual([]);
    await level([await leaderOf(hosts), ...hosts]);
    const [first, ...others] = await Promise.all(hosts.map((host) => submissionsOn(host)));
    for (const other of others) expect(other).toEqual(first);
    for (const host of hosts) expect(await missingOn(host, load)).toEqual([]);
  });

  it('restarted one after the other under load fail no client that tries again', async () => {
    const load = new Load(hosts, 6, 'rolling');
    await load.more(30);
    const startMs = performance.now();
    for (const host of hosts) {
      await host.end('SIGTERM');
      await host.up();
      await until('it is a voter that follows', async () => {
        const { leader, appliedIndex, commitIndex } = await slurpOn(host);
        return leader !== null && commitIndex - appliedIndex < 100;
      });
      await load.more(30);
    }
    await load.stop();
    console.info(`longest gap while restarting: ${load.longestGapMs(startMs).toFixed()} ms`);
    expect(load.failures).toEqual([]);
    await level([await leaderOf(hosts), ...hosts]);
    for (const host of hosts) expect(await missingOn(host, load)).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { errorOf, membersOn, refusedCli } from './views.ts';
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

// Goal: who votes is what the mesh wants, and changes by itself when a host is gone for good; a
// majority goes on, and those that are cut off from it neither commit nor claim to know.

describe('five voters', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];

  beforeAll(async () => {
    hosts = ['lead', 'beta', 'gamma', 'delta', 'eps'].map((name) => hostWith(mesh, name, {}));
    await startVoters(hosts, 5);
  });
  afterAll(() => mesh.close());

  it('lose two at once, the leader among them, and nothing else', async () => {
    const leader = await leaderOf(hosts);
    const gone = [leader, without(hosts, leader)[0] as TestHost];
    const alive = without(hosts, ...gone);
    const load = new Load(alive, 9, 'two');
    await load.more(45);
    const killedMs = performance.now();
    await Promise.all(gone.map((host) => host.end('SIGKILL')));
    await load.more(90);
    await load.stop();
    console.info(`two of five killed: ${load.longestGapMs(killedMs).toFixed()} ms`);
    expect(load.failures).toEqual([]);
    for (const host of gone) host.spawn();
    for (const host of gone) await host.ready();
    await level([await leaderOf(hosts), ...hosts]);
    for (const host of hosts) expect(await missingOn(host, load)).toEqual([]);
  });

  it('of which two are cut off from the others neither commit nor answer for all', async () => {
    const leader = await leaderOf(hosts);
    const left = [leader, without(hosts, leader)[0] as TestHost];
    const gone = without(hosts, ...left);
    await Promise.all(gone.map((host) => host.end('SIGKILL')));
    const { commitIndex } = await slurpOn(leader);
    const query = { consistency: 'linearizable' } as const;
    const waiting: string[] = [];
    for (const host of left) {
      expect((await errorOf(host.client.call('listMembers', { query }))).code).toBe(
        'ERR_SLURP_NO_LEADER',
      );
      const answer = await commitOn(host, `cut-off-${host.name}`, 1_000);
      expect(answer.state).toBe('accepted');
      waiting.push(answer.address);
      // What is known here can still be read.
      expect(await membersOn(host)).toHaveLength(5);
    }
    for (const host of left) {
      expect((await slurpOn(host)).commitIndex).toBe(commitIndex);
      await until('it does not claim to lead', async () => !(await slurpOn(host)).isLeader);
    }
    const [back] = gone as [TestHost];
    await back.up();
    for (const host of [...left, back]) {
      await until('what waited is there, once', async () => {
        const there = await submissionsOn(host);
        return waiting.every((address) => there.get(address)?.length === 1);
      });
      await until('reads are answered again', async () => {
        return (await host.client.call('listMembers', { query })).members.length === 5;
      });
    }
  });
});

describe('three voters of four members', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];

  beforeAll(async () => {
    hosts = ['lead', 'beta', 'gamma', 'delta'].map((name) =>
      hostWith(mesh, name, { voterAwayMs: 2_000 }),
    );
    await startVoters(hosts, 3);
  });
  afterAll(() => mesh.close());

  const replicasOf = async (): Promise<TestHost[]> => {
    const { voters } = await slurpOn(hosts[0] as TestHost);
    const peers = await Promise.all(hosts.map((host) => host.peer()));
    return hosts.filter((_, i) => !voters.includes(peers[i] ?? ''));
  };

  it('give the seat of one that is gone for good to the fourth', async () => {
    const [spare] = (await replicasOf()) as [TestHost];
    const leader = await leaderOf(hosts);
    const [gone] = without(hosts, leader, spare) as [TestHost];
    const [sparePeer, gonePeer] = [await spare.peer(), await gone.peer()];
    await commitOn(leader, 'before');
    await gone.end('SIGKILL');
    await until('the fourth votes', async () => {
      const { voters } = await slurpOn(leader);
      return voters.length === 3 && voters.includes(sparePeer) && !voters.includes(gonePeer);
    });
    // It counts: with the one that is gone and the leader away, nothing could be committed else.
    await commitOn(spare, 'after');
    const { entries } = await leader.client.call('readLog', { query: { kind: 'voter.change' } });
    const last = entries.at(-1)?.commands[0]?.body as { voters: string[] };
    expect(last.voters).toContain(sparePeer);

    // A host that is gone for good is removed, and the mesh is one of three.
    expect((await leader.cli('members', 'remove', gonePeer)).code).toBe(0);
    expect(await membersOn(leader)).toHaveLength(3);
    const rest = without(hosts, gone);
    const next = without(rest, leader);
    await leader.end('SIGKILL');
    await commitOn(spare, 'by-the-new-majority');
    expect(next).toContain(await leaderOf(next));
    await leader.up();
    await level([spare, leader]);
  });

  it('are as many as the mesh is told to have', async () => {
    const rest = await leaderOf(hosts);
    expect((await rest.cli('mesh', 'set', '--voters', '1')).code).toBe(0);
    await until('one votes', async () => (await slurpOn(rest)).voters.length === 1);
    expect((await rest.cli('mesh', 'set', '--voters', 'auto', '--name', 'trio')).code).toBe(0);
    await until('three vote', async () => (await slurpOn(rest)).voters.length === 3);
    const shown = await rest.json('mesh');
    expect(shown).toMatchObject({ name: 'trio', level: 1, votersTarget: 'auto' });
  });

  it('raise the level only when every member can', async () => {
    const host = await leaderOf(hosts);
    const refusal = await refusedCli(host, 'mesh', 'set', '--level', '2');
    expect(refusal).toMatchObject({ code: 'ERR_SLURP_LEVEL', exit: 4 });
    expect(await host.json('mesh')).toMatchObject({ level: 1 });
  });
});

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

// Goal: a voter that forgot what it promised, or whose clock is wrong, harms nobody: it is found
// out, and the mesh mends itself.

interface Seats {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

/** Longer than a home that was put back waits before it begins another start. */
const SETTLED_MS = 15_000;
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

describe('three voters', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];

  beforeAll(async () => {
    hosts = ['lead', 'beta', 'gamma'].map((name) => hostWith(mesh, name, {}));
    await startVoters(hosts, 3);
  });
  afterAll(() => mesh.close());

  /** Puts the home of a voter back from a copy of its last stop, after it committed more. */
  async function putBack(victim: TestHost, name: string): Promise<Load> {
    await victim.end();
    const copy = join(mesh.folder, `copy-${name}`);
    cpSync(victim.home, copy, { recursive: true });
    await victim.up();
    const load = new Load(hosts, 6, name);
    await load.more(60);
    await victim.end('SIGKILL');
    await load.stop();
    expect(load.failures).toEqual([]);
    const boot = readFileSync(join(victim.home, 'boot'));
    rmSync(victim.home, { recursive: true });
    cpSync(copy, victim.home, { recursive: true });
    if (name === 'kept') writeFileSync(join(victim.home, 'boot'), boot);
    victim.stderr = '';
    return load;
  }

  /** The changes of the voters in the log, from an index on. */
  async function changesFrom(host: TestHost, from: number): Promise<Seats[]> {
    const query = { kind: 'voter.change', limit: 1000, from };
    const { entries } = await host.client.call('readLog', { query });
    return entries.map((it) => it.commands[0]?.body as unknown as Seats);
  }

  async function expectWell(victim: TestHost, other: TestHost, load: Load): Promise<void> {
    await until('all is well again', async () => {
      const codes = await Promise.all(hosts.map((host) => conditions(host)));
      const { voters, leader } = await slurpOn(victim);
      return voters.length === 3 && leader !== null && codes.every((code) => code === '');
    });
    await level([await leaderOf(hosts), ...hosts]);
    for (const host of hosts) expect(await missingOn(host, load)).toEqual([]);
    // Its vote counts again: with another one away it makes the majority.
    await other.end('SIGKILL');
    await commitOn(victim, `counts-${victim.name}`);
    await other.up();
    await level([await leaderOf(hosts), ...hosts]);
    const [first, ...others] = await Promise.all(hosts.map((host) => submissionsOn(host)));
    for (const it of others) expect(it).toEqual(first);
  }

  it('take a home that was put back from a copy in anew, by themselves', async () => {
    const leader = await leaderOf(hosts);
    const [victim, other] = without(hosts, leader) as [TestHost, TestHost];
    const peer = await victim.peer();
    const load = await putBack(victim, 'kept');
    const { appliedIndex } = await slurpOn(leader);
    victim.spawn();
    await until('it was made a learner, and a voter again', async () => {
      const since = await changesFrom(leader, appliedIndex + 1);
      const asLearner = since.findIndex(({ learners }) => learners.includes(peer));
      return asLearner >= 0 && since.slice(asLearner).some(({ voters }) => voters.includes(peer));
    });
    expect(victim.stderr).toContain('"condition":"lost-state"');
    await victim.ready();
    await expectWell(victim, other, load);
  });

  it('take one in anew that counts its starts anew too, by itself', async () => {
    const leader = await leaderOf(hosts);
    const [victim, other] = without(hosts, leader) as [TestHost, TestHost];
    const peer = await victim.peer();
    const load = await putBack(victim, 'whole');
    const { appliedIndex } = await slurpOn(leader);
    // At first it looks like a second daemon with that identity; but nobody has met another one.
    victim.spawn();
    await until('it starts behind what it lost', () =>
      victim.stderr.includes('put back from an older copy: it starts behind that'),
    );
    await until('it was made a learner, and a voter again', async () => {
      const since = await changesFrom(leader, appliedIndex + 1);
      const asLearner = since.findIndex(({ learners }) => learners.includes(peer));
      return asLearner >= 0 && since.slice(asLearner).some(({ voters }) => voters.includes(peer));
    });
    expect(victim.stderr).toContain('"condition":"lost-state"');
    await victim.ready();
    await expectWell(victim, other, load);
  });

  it('keep an older copy of one that runs shut, and that one goes on', async () => {
    const leader = await leaderOf(hosts);
    const [original] = without(hosts, leader) as [TestHost];
    await original.end();
    const copy = mesh.host(`${original.name}-twice`);
    cpSync(original.home, copy.home, { recursive: true });
    for (let start = 0; start < 2; start++) {
      await original.up();
      await commitOn(original, `start-${start}`);
      if (start === 0) await original.end();
    }
    copy.spawn('--hostname', original.name, '--mac', 'AA:BB:CC:DD:EE:FE');
    await until('it is told', async () => (await conditions(copy)).includes('clone'));
    const endMs = performance.now() + SETTLED_MS;
    await until('it had the time to begin another start', () => performance.now() > endMs);
    expect(await conditions(copy)).toContain('clone');
    expect(copy.stderr).not.toContain('put back from an older copy');
    expect(await conditions(original)).toBe('');
    await copy.end();
    await level(hosts);
    await commitOn(original, 'goes-on');
  });

  it('take one in anew whose host lost power: its connections seem open', async () => {
    const leader = await leaderOf(hosts);
    const [victim, other] = without(hosts, leader) as [TestHost, TestHost];
    const peer = await victim.peer();
    await victim.end();
    const copy = mesh.host(`${victim.name}-copy`);
    cpSync(victim.home, copy.home, { recursive: true });
    await victim.up();
    await commitOn(victim, 'before-the-power-was-cut');
    await level([leader, other, victim]);
    const { appliedIndex } = await slurpOn(leader);
    // Nobody is told that it is gone.
    process.kill(victim.pid as number, 'SIGSTOP');
    try {
      copy.spawn('--hostname', victim.name, '--mac', 'AA:BB:CC:DD:EE:FD');
      await until('it starts behind what it lost', () =>
        copy.stderr.includes('put back from an older copy: it starts behind that'),
      );
      await until('it was made a learner, and a voter again', async () => {
        const since = await changesFrom(leader, appliedIndex + 1);
        const asLearner = since.findIndex(({ learners }) => learners.includes(peer));
        return asLearner >= 0 && since.slice(asLearner).some(({ voters }) => voters.includes(peer));
      });
      await copy.ready();
      await level([await leaderOf([leader, other, copy]), leader, other, copy]);
    } finally {
      process.kill(victim.pid as number, 'SIGCONT');
    }
    // It wakes up: the later start is the one that counts.
    await until('it says that it is not the one', async () =>
      (await conditions(victim)).includes('clone'),
    );
    await commitOn(copy, 'counts');
    await victim.end('SIGKILL');
    hosts = [leader, other, copy];
    await until('all is well again', async () => {
      const codes = await Promise.all(hosts.map((host) => conditions(host)));
      return codes.every((code) => code === '');
    });
  });

  it('go by the time of the others when the clock of one is a year ahead', async () => {
    const shift = join(mesh.folder, 'shift.mjs');
    writeFileSync(shift, `const now = Date.now; Date.now = () => now() + ${YEAR_MS};\n`);
    const leader = await leaderOf(hosts);
    const [wrong] = without(hosts, leader) as [TestHost];
    await wrong.end();
    wrong.env = { NODE_OPTIONS: `--import=${shift}` };
    await wrong.up();
    await commitOn(wrong, 'from-the-year-to-come');
    await until('the leader tells of it', async () => {
      return (await conditions(leader)).includes('clock-off');
    });
    // Nor when it leads itself.
    await until('it takes over', async () => {
      const body = { to: await wrong.peer() };
      return (await leader.client.call('transferLeader', { body })).peer === body.to;
    });
    await commitOn(leader, 'under-the-wrong-clock');
    await until('it tells of its own', async () => (await conditions(wrong)).includes('clock-off'));
    const { entries } = await wrong.client.call('readLog', { query: { limit: 1000 } });
    const { lastIndex } = await wrong.client.call('readLog', { query: { limit: 1 } });
    expect(entries.at(-1)?.index).toBeGreaterThan(lastIndex - 1_000);
    const times = entries.map(({ time }) => Date.parse(time));
    expect(Math.max(...times)).toBeLessThan(Date.now() + 60_000);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(await slurpOn(wrong)).toMatchObject({ isLeader: true });
    wrong.env = {};
    await wrong.end();
    await wrong.up();
    await until('all is well again', async () => {
      const all = await Promise.all(hosts.map((host) => conditions(host)));
      return all.every((codes) => codes === '');
    });
  });
});

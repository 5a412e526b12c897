import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogView } from '../../daemon/api/routes/index.ts';
import { decodeRecord, RECORD_HEADER_BYTES, RECORD_TYPE } from '../../storage/log/record-codec.ts';
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

// Goal: a voter whose disk was damaged comes back by itself, and gets its vote back from the others
// alone: what it promised before is forgotten with the damage.

const EVERY = 128;

interface Seats {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

/** Changes one bit of a file. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  expect(at).toBeLessThan(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

const logFile = (host: TestHost): string => {
  const folder = join(host.home, 'mesh', 'log');
  return join(folder, readdirSync(folder).sort()[0] ?? '');
};

/** Where the last whole record of a type stands, within what a test writes. */
function lastRecord(path: string, type: number): number {
  const bytes = readFileSync(path).subarray(0, 512 * 1024);
  for (let at = bytes.length - RECORD_HEADER_BYTES; at >= 0; at--) {
    if (bytes[at + 4] === type && decodeRecord(bytes, at, bytes.length)?.type === type) return at;
  }
  throw new Error(`no record of type ${type}`);
}

/** The largest file of the store with such a name. */
function storeFile(host: TestHost, name: RegExp): string {
  const folder = join(host.home, 'mesh', 'store');
  const files = readdirSync(folder).filter((it) => name.test(it));
  const sizeOf = (it: string): number => statSync(join(folder, it)).size;
  return join(folder, files.sort((a, b) => sizeOf(b) - sizeOf(a))[0] ?? '');
}

/** A file of a snapshot that is whole; undefined when there is none. */
function snapshotFile(host: TestHost): string | undefined {
  const folder = join(host.home, 'mesh', 'snapshots');
  const name = readdirSync(folder).find((it) => !it.endsWith('.part'));
  return name === undefined ? undefined : join(folder, name);
}

/** Changes a bit of every value in the store whose key begins so. */
async function flipValues(host: TestHost, prefix: string): Promise<number> {
  const location = join(host.home, 'mesh', 'store');
  const database = new ClassicLevel<string, Uint8Array>(location, { valueEncoding: 'view' });
  let count = 0;
  for await (const [key, value] of database.iterator({ gt: prefix, lt: `${prefix}~` })) {
    const changed = Buffer.from(value);
    changed[0] = (changed[0] ?? 0) ^ 1;
    await database.put(key, changed, { sync: true });
    count++;
  }
  await database.close();
  return count;
}

/** What a title is overwritten with. */
const WRONG = '?';

/** Gives a submission another title, as long, behind everybody's back. */
async function changeState(host: TestHost, id: string, title: string): Promise<void> {
  const location = join(host.home, 'mesh', 'store');
  const database = new ClassicLevel<string, Uint8Array>(location, { valueEncoding: 'view' });
  let count = 0;
  for await (const [key, value] of database.iterator()) {
    if (!key.endsWith(`/submission/${id}`)) continue;
    const changed = Buffer.from(value);
    const at = changed.indexOf(title);
    expect(at).toBeGreaterThan(0);
    changed.write(WRONG.repeat(title.length), at);
    await database.put(key, changed, { sync: true });
    count++;
  }
  await database.close();
  expect(count).toBe(1);
}

describe('a voter with damage', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];

  beforeAll(async () => {
    const config = { snapshotEveryEntries: EVERY };
    hosts = ['lead', 'beta', 'gamma'].map((name) => hostWith(mesh, name, config));
    await startVoters(hosts, 3);
  });
  afterAll(() => mesh.close());

  /** The changes of the voters in the log, from an index on. */
  async function changesFrom(host: TestHost, from: number): Promise<Seats[]> {
    const found: Seats[] = [];
    for (let next: number | null = from; next !== null; ) {
      const query = { kind: 'voter.change', limit: 1000, from: next };
      const page: LogView = await host.client.call('readLog', { query });
      found.push(...page.entries.map((it) => it.commands[0]?.body as unknown as Seats));
      next = page.next;
    }
    return found;
  }

  /** Stops a follower, lets the others write on, and damages what is on its disk. */
  async function damage(name: string, how: (victim: TestHost) => unknown) {
    const leader = await leaderOf(hosts);
    const [victim, other] = without(hosts, leader) as [TestHost, TestHost];
    const peer = await victim.peer();
    await victim.end();
    await how(victim);
    victim.stderr = '';
    const load = new Load([leader, other], 1, name);
    await load.more(20);
    const { appliedIndex: from } = await slurpOn(leader);
    return { leader, victim, other, peer, load, from };
  }

  async function isVoterAnew(on: TestHost, { peer, from }: { peer: string; from: number }) {
    await until('it was made a learner, and a voter again', async () => {
      const since = await changesFrom(on, from);
      const asLearner = since.findIndex((it) => it.learners.includes(peer));
      return asLearner >= 0 && since.slice(asLearner).some((it) => it.voters.includes(peer));
    });
  }

  async function expectWell(victim: TestHost, load: Load): Promise<void> {
    await load.stop();
    expect(load.failures).toEqual([]);
    await until('three vote', async () => (await slurpOn(victim)).voters.length === 3);
    await level([await leaderOf(hosts), ...hosts]);
    for (const host of hosts) expect(await missingOn(host, load)).toEqual([]);
    const [first, ...others] = await Promise.all(hosts.map((host) => submissionsOn(host)));
    for (const it of others) expect(it).toEqual(first);
  }

  /** They come with marks, and not at once on a busy host, nor where the last ones were damaged. */
  async function haveSnapshots(name: string): Promise<void> {
    const load = new Load(hosts, 1, name);
    await until('each has a snapshot', () => hosts.every((it) => snapshotFile(it) !== undefined));
    await load.stop();
  }

  /** What it had is kept, and both the log and the health tell of it. */
  async function expectSetAside(victim: TestHost): Promise<void> {
    expect(await conditions(victim)).toContain('started-over');
    expect(victim.stderr).toContain('log and state are damaged');
    expect(victim.stderr).toContain('"condition":"lost-state"');
    const folder = join(victim.home, 'mesh', 'damaged');
    const label = readdirSync(folder).sort().at(-1) ?? '';
    expect(readdirSync(join(folder, label)).sort()).toEqual(['log', 'store']);
  }

  it('in its log is given its vote anew, and counts again', async () => {
    // A bit of an entry, well inside of what is written.
    const broken = await damage('entry', (host) => flip(logFile(host), 6_000));
    const { victim, other, leader, load } = broken;
    victim.spawn();
    await isVoterAnew(leader, broken);
    await victim.ready();
    await expectSetAside(victim);
    await expectWell(victim, load);
    // With another one away it makes the majority.
    await other.end('SIGKILL');
    await commitOn(victim, 'counts-again');
    await other.up();
    await victim.end();
    await victim.up();
    expect(await conditions(victim)).toBe('');
  });

  it('acknowledges nothing and votes for nobody until then', async () => {
    const broken = await damage('hard-state', (host) =>
      flip(logFile(host), lastRecord(logFile(host), RECORD_TYPE.hardState) + 12),
    );
    const { victim, other, leader, load } = broken;
    await load.stop();
    await other.end('SIGKILL');
    victim.spawn();
    await until('it is back, without a seat', async () => {
      return victim.stderr.includes('"condition":"lost-state"');
    });
    // Two of three are up, and one of the two must not count.
    const { state } = await commitOn(leader, 'not-yet', 3_000);
    expect(state).toBe('accepted');
    await until('nobody leads', async () => {
      const both = await Promise.all([slurpOn(leader), slurpOn(victim)]);
      return both.every(({ isLeader }) => !isLeader);
    });
    other.spawn();
    await isVoterAnew(leader, broken);
    await other.ready();
    await victim.ready();
    await expectSetAside(victim);
    await expectWell(victim, load);
    await until('what waited is committed', async () => {
      return (await submissionsOn(leader)).has('ucxl://any:any@test:load/#/d/not-yet');
    });
  });

  it.each([
    ['state', 20, /^MANIFEST/],
    // LevelDB opens it, without what was lost.
    ['journal', 3_000, /\.log$/],
  ] as const)('in its %s is given its vote anew', async (name, at, files) => {
    const broken = await damage(name, (host) => flip(storeFile(host, files), at));
    broken.victim.spawn();
    await isVoterAnew(broken.leader, broken);
    await broken.victim.ready();
    await expectSetAside(broken.victim);
    await expectWell(broken.victim, broken.load);
  });

  it('in its snapshots takes them anew, and keeps its vote', async () => {
    await haveSnapshots('marks');
    const broken = await damage('snapshot', async (host) => {
      expect(await flipValues(host, 'snapshot!')).toBeGreaterThan(0);
    });
    const { victim, leader, load, peer, from } = broken;
    await victim.up();
    expect(victim.stderr).toContain('the snapshots are damaged and are taken anew');
    expect((await changesFrom(leader, from)).every((it) => it.voters.includes(peer))).toBe(true);
    await expectWell(victim, load);
    expect(await conditions(victim)).toBe('');
  });

  it('in the file of a snapshot forgets that one, and keeps its vote', async () => {
    await haveSnapshots('mark');
    const broken = await damage('file', (host) => {
      const path = snapshotFile(host) ?? '';
      flip(path, statSync(path).size - 1);
    });
    const { victim, leader, load, peer, from } = broken;
    await victim.up();
    expect(victim.stderr).toContain('a snapshot is damaged and is forgotten');
    expect((await changesFrom(leader, from)).every((it) => it.voters.includes(peer))).toBe(true);
    await expectWell(victim, load);
    expect(await conditions(victim)).toBe('');
  });

  it('that leads and has another state hands over, and gets the right one', async () => {
    const wrong = await leaderOf(hosts);
    const id = [...(await submissionsOn(wrong)).values()][0]?.[0] ?? '';
    const read = { params: { id }, query: {} };
    const { title } = await wrong.client.call('getSubmission', read);
    await wrong.end();
    await changeState(wrong, id, title);
    wrong.stderr = '';
    await wrong.up();
    const to = await wrong.peer();
    await until('it leads again', async () => {
      return (await hosts[0]?.client.call('transferLeader', { body: { to } }))?.peer === to;
    });
    const wrongTitle = WRONG.repeat(title.length);
    expect((await wrong.client.call('getSubmission', read)).title).toBe(wrongTitle);
    const load = new Load(without(hosts, wrong), 1, 'diverged');
    await until('it handed over', async () => {
      // A busy host leaves the snapshot of a mark out now and then: the next mark shows it as well.
      await load.more(EVERY + 1);
      return wrong.stderr.includes('another state than this leader');
    });
    await until('it found out', async () => {
      return (await wrong.counter('cooee_slurp_state_diverged_total')) === 1;
    });
    await until('it is sound again', async () => (await conditions(wrong)) === '');
    expect((await slurpOn(wrong)).isLeader).toBe(false);
    expect((await wrong.client.call('getSubmission', read)).title).toBe(title);
    await expectWell(wrong, load);
  });
});

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { conditions, membersOn, refusalIn } from './views.ts';

// What a member does that was away for long, or begins when nobody but a follower is there: it
// takes the state as a whole. And one whose state is not the right one finds out by itself.

/** Entries from one snapshot to the next in this mesh. */
const EVERY = 32;

const WAIT = { wait: 'committed', timeoutMs: 20_000 } as const;

async function submit(host: TestHost, name: string): Promise<string> {
  const address = `ucxl://any:architect@shop:checkout/#/decisions/${name}`;
  const body = { kind: 'dr' as const, address, title: name, decision: 'd'.repeat(256) };
  return (await host.client.call('submit', { query: WAIT, body })).id;
}

/** One entry each. */
async function write(host: TestHost, prefix: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push(await submit(host, `${prefix}-${i}`));
  return ids;
}

const appliedOn = async (host: TestHost): Promise<number> =>
  (await host.client.call('getStatus', {})).slurp.appliedIndex;

/** Values of a field in what the daemon logged with that message, in order. */
function logged(host: TestHost, message: string, field: string): unknown[] {
  return host.stderr
    .split('\n')
    .filter((line) => line.includes(`"${message}"`))
    .map((line) => (JSON.parse(line) as Record<string, unknown>)[field]);
}

/** CIDs of the snapshots that a daemon took, by index. */
function taken(host: TestHost): Map<unknown, unknown> {
  const cids = logged(host, 'a snapshot was taken', 'cid');
  return new Map(logged(host, 'a snapshot was taken', 'index').map((it, i) => [it, cids[i]]));
}

describe('snapshots', () => {
  const mesh = new TestMesh();
  let lead: TestHost;
  let alpha: TestHost;
  let kept: string[] = [];

  const hostOf = (name: string): TestHost => {
    const host = mesh.host(name);
    mkdirSync(host.home, { mode: 0o700 });
    const text = JSON.stringify({ snapshotEveryEntries: EVERY });
    writeFileSync(join(host.home, 'config.json'), text, { mode: 0o600 });
    return host;
  };

  const level = async (...hosts: TestHost[]): Promise<void> => {
    const target = await appliedOn(lead);
    for (const host of hosts) {
      await until(`${host.name} is level`, async () => (await appliedOn(host)) >= target);
    }
  };

  const sameContents = async (host: TestHost, ids: readonly string[]): Promise<void> => {
    for (const id of ids) {
      const read = { params: { id }, query: {} };
      const theirs = await lead.client.call('getSubmission', read);
      expect(await host.client.call('getSubmission', read)).toEqual(theirs);
    }
  };

  beforeAll(async () => {
    lead = hostOf('lead');
    alpha = hostOf('alpha');
    await lead.up();
    await alpha.up('--join', await lead.invite());
  });
  afterAll(() => mesh.close());

  it('are alike on all members, at every mark', async () => {
    kept = await write(lead, 'first', 2 * EVERY);
    await level(alpha);
    // One that is slow may leave out a mark when too many wait to be encoded: there are others,
    // when it has had the time for what there is.
    let writtenMs = performance.now();
    const common = await until('both have taken the same', async () => {
      const [ours, theirs] = [taken(lead), taken(alpha)];
      const indices = [...ours.keys()].filter((index) => theirs.has(index));
      if (indices.length > 0) return indices.map((index) => [ours.get(index), theirs.get(index)]);
      if (performance.now() - writtenMs < 2_000) return false;
      await write(lead, `more-${ours.size}-${theirs.size}-${performance.now()}`, 8);
      writtenMs = performance.now();
      return false;
    });
    for (const [ours, theirs] of common) expect(theirs).toBe(ours);
    expect(await conditions(alpha)).toBe('');
  });

  it('bring a member to the end that was away for long, with the entries behind them', async () => {
    await alpha.end();
    const ids = await write(lead, 'away', 5 * EVERY);
    alpha.stderr = '';
    await alpha.up();
    await level(alpha);
    expect(logged(alpha, 'a snapshot was installed', 'index').length).toBeGreaterThan(0);
    await sameContents(alpha, [...kept.slice(0, 3), ...ids.slice(0, 3), ...ids.slice(-3)]);
    expect(await membersOn(alpha)).toEqual(await membersOn(lead));
    // It goes on by itself, also through a restart.
    const more = await write(alpha, 'back', 3);
    await alpha.end();
    await alpha.up();
    await sameContents(alpha, more);
    expect(await conditions(alpha)).toBe('');
  });

  it('heal a follower whose log is damaged, and nothing of it is thrown away', async () => {
    await alpha.end();
    const folder = join(alpha.home, 'mesh', 'log');
    const [file] = readdirSync(folder).sort();
    const bytes = readFileSync(join(folder, file ?? ''));
    // Well inside of what is written.
    bytes[6_000] = (bytes[6_000] ?? 0) ^ 1;
    writeFileSync(join(folder, file ?? ''), bytes);
    alpha.stderr = '';
    await alpha.up();
    await level(alpha);
    expect(await conditions(alpha)).toBe('started-over');
    expect(alpha.stderr).toContain('log and state are damaged');
    const [label] = readdirSync(join(alpha.home, 'mesh', 'damaged'));
    const kinds = readdirSync(join(alpha.home, 'mesh', 'damaged', label ?? '')).sort();
    expect(kinds).toEqual(['log', 'store']);
    await sameContents(alpha, kept.slice(0, 3));
    await sameContents(alpha, await write(alpha, 'healed', 2));
    await alpha.end();
    await alpha.up();
    expect(await conditions(alpha)).toBe('');
  });

  it('are no help to the only voter: it refuses damage and says what to do', async () => {
    await lead.end();
    const folder = join(lead.home, 'mesh', 'log');
    const [file] = readdirSync(folder).sort();
    const path = join(folder, file ?? '');
    const bytes = readFileSync(path);
    const flip = (): void => {
      bytes[6_000] = (bytes[6_000] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    };
    flip();
    lead.stderr = '';
    lead.spawn('--json');
    const { code, remedy } = refusalIn(await lead.exited, lead.stderr);
    expect(code).toBe('ERR_STORAGE_DAMAGED');
    expect(remedy).toMatch(/operations\.md/u);
    expect(existsSync(join(lead.home, 'mesh', 'damaged'))).toBe(false);
    flip();
    await lead.up();
    await level(alpha);
  });

  it('are all that is needed where only a follower is reached', async () => {
    await lead.json('members', 'role', 'alpha', 'admin');
    // The others only follow: one that lost its log and had a vote would have to be given a new
    // one.
    await lead.votesAlone();
    const late = hostOf('late');
    await late.up('--join', await alpha.invite());
    await level(late);
    await late.end();
    for (const folder of ['log', 'store']) {
      rmSync(join(late.home, 'mesh', folder), { recursive: true });
    }
    const target = await appliedOn(alpha);
    await lead.end();
    late.stderr = '';
    await late.up();
    await until('late is level', async () => (await appliedOn(late)) >= target);
    expect(logged(late, 'a snapshot was installed', 'index').length).toBeGreaterThan(0);
    const read = { params: { id: kept[0] ?? '' }, query: {} };
    expect(await late.client.call('getSubmission', read)).toEqual(
      await alpha.client.call('getSubmission', read),
    );
    await lead.up();
    await level(late);
  });

  it('tell a member that its state was changed on the disk, and heal it', async () => {
    await level(alpha);
    const id = kept[1] ?? '';
    await alpha.end();
    const database = new ClassicLevel<string, Uint8Array>(join(alpha.home, 'mesh', 'store'), {
      valueEncoding: 'view',
    });
    for await (const [key, value] of database.iterator()) {
      if (!key.endsWith(`/submission/${id}`)) continue;
      const changed = Buffer.from(value);
      const at = changed.indexOf('first-1');
      changed.write('worst-1', at);
      expect(at).toBeGreaterThan(0);
      await database.put(key, changed, { sync: true });
    }
    await database.close();
    await alpha.up();
    const read = { params: { id }, query: {} };
    expect((await alpha.client.call('getSubmission', read)).title).toBe('worst-1');
    // One at a time, so that it follows by the log to the next mark.
    for (let i = 0; i < EVERY + 1; i++) {
      await submit(alpha, `on-${i}`).catch(() => submit(lead, `on-${i}`));
    }
    await until('it found out', async () => {
      return (await alpha.counter('cooee_slurp_state_diverged_total')) === 1;
    });
    await until('it is sound again', async () => (await conditions(alpha)) === '');
    await sameContents(alpha, kept.slice(0, 3));
    expect((await alpha.client.call('getSubmission', read)).title).toBe('first-1');
  });
});

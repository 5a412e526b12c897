import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, it, type TestContext } from 'vitest';
import { isCooeeError } from '../../protocols/interface/index.ts';
import { type TestHost, TestMesh, until } from '../mesh/harness.ts';
import { commitOn, leaderOf, slurpOn, startVoters, submissionsOn } from '../mesh/voting.ts';

// Goal: a daemon whose disk is full says so with a type, stays up, goes on by itself once there is
// room, and after kill -9 everything that it acknowledged is there. Method: its home is a small
// tmpfs, which is filled to the last block. (A tmpfs keeps what a killed process wrote; losing
// power is played in test/unit/storage.)

const DISK = '48m';
const AGENTS = 120;

let cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
});

/** Puts a little disk under a home; the reason when that cannot be done here. */
const mountUnder = (home: string): string | undefined => {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root to mount a tmpfs';
  mkdirSync(home, { mode: 0o700 });
  try {
    const options = `size=${DISK},mode=700`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', home], { stdio: 'pipe' });
  } catch (error) {
    return `cannot mount a tmpfs: ${String(error)}`;
  }
  cleanups.push(() => void execFileSync('umount', ['-l', home]));
  return undefined;
};

/** Takes all the room there is. */
const fillUp = (home: string): void => {
  for (const bytes of [65_536, 4_096, 512, 1]) {
    try {
      for (;;) appendFileSync(join(home, 'ballast'), new Uint8Array(bytes));
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    }
  }
};

const makeRoom = (home: string): void => rmSync(join(home, 'ballast'));

const canMount = (context: TestContext, home: string): boolean => {
  const reason = mountUnder(home);
  if (reason === undefined) return true;
  console.log(`skipped: ${reason}`);
  context.skip(`no small disk to fill here: ${reason}`);
  return false;
};

/** A leader and a member; the disk is the home of one of them. */
const story = async (
  context: TestContext,
  name: 'leader' | 'member',
  tell: (mesh: { readonly leader: TestHost; readonly member: TestHost }) => Promise<void>,
): Promise<void> => {
  const mesh = new TestMesh();
  cleanups.push(async () => await mesh.close());
  const [leader, member] = [mesh.host('leader'), mesh.host('member')];
  if (!canMount(context, (name === 'leader' ? leader : member).home)) return;
  await leader.up();
  await member.up('--join', await leader.invite());
  await tell({ leader, member });
};

/** Agents of a host, for the other to retire: small writes that leave a trace for ever. */
const enrolMany = async (host: TestHost): Promise<string[]> => {
  const models = Array.from({ length: AGENTS }, (_, i) => ({ model: `model-${i}` }));
  const { agents } = await host.client.call('enrolAgents', {
    query: { wait: 'committed', timeoutMs: 60_000 },
    body: { models },
  });
  const tokens = agents.flatMap(({ token }) => token ?? []);
  expect(tokens.length).toBe(AGENTS);
  return tokens;
};

/** Retires agents until the daemon says that its disk is full; gives what it acknowledged. */
const retireUntilFull = async (
  host: TestHost,
  tokens: string[],
  query: { readonly wait?: 'committed'; readonly timeoutMs?: number },
): Promise<string[]> => {
  const acknowledged: string[] = [];
  for (;;) {
    const token = tokens.shift();
    if (token === undefined) throw new Error('the disk was never full');
    try {
      await host.client.call('retireAgent', { params: { token }, query });
      acknowledged.push(token);
    } catch (error) {
      expect(isCooeeError(error, 'ERR_STORAGE_DISK_FULL'), String(error)).toBe(true);
      return acknowledged;
    }
  }
};

const conditionsOf = async (host: TestHost): Promise<readonly string[]> =>
  (await host.client.call('getStatus', {})).health.conditions.map(({ text }) => text);

/** The command line says the same, with its exit code and what to do. */
const expectFullByCli = async (host: TestHost, token: string): Promise<void> => {
  const { code, stdout, stderr } = await host.cli('retire', token, '--json');
  const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
  expect([code, stdout, error['code'], error['retryable']]).toEqual([
    6,
    '',
    'ERR_STORAGE_DISK_FULL',
    true,
  ]);
  expect(error['remedy']).toMatch(/room/);
};

const expectSaid = async (host: TestHost): Promise<void> => {
  await until('status names the disk', async () =>
    (await conditionsOf(host)).some((text) => text.includes('the disk is full')),
  );
  expect((await host.cli('status')).code).toBe(0);
};

/** Writes go through again, by themselves, and nothing is complained of any more. */
const goesOn = async (
  host: TestHost,
  tokens: string[],
  query: { readonly wait?: 'committed'; readonly timeoutMs?: number },
): Promise<string[]> => {
  const acknowledged: string[] = [];
  await until('it takes writes again', async () => {
    const token = tokens[0]!;
    await host.client.call('retireAgent', { params: { token }, query });
    acknowledged.push(token);
    tokens.shift();
    return acknowledged.length >= 20;
  });
  return acknowledged;
};

const retiredAt = async (host: TestHost, tokens: readonly string[]): Promise<boolean> => {
  for (const token of tokens) {
    const found = await host.client.call('getAgent', { params: { ref: token } });
    if (!('status' in found) || found.status !== 'retired') return false;
  }
  return true;
};

describe('a full disk under', () => {
  it('the leader: typed, said, on again with room, nothing lost to kill -9', async (context) => {
    await story(context, 'leader', async ({ leader, member }) => {
      const tokens = await enrolMany(member);
      fillUp(leader.home);
      const committed = { wait: 'committed', timeoutMs: 2_000 } as const;
      const acknowledged = await retireUntilFull(leader, tokens, committed);
      await expectFullByCli(leader, tokens.shift()!);
      await expectSaid(leader);
      makeRoom(leader.home);
      acknowledged.push(...(await goesOn(leader, tokens, committed)));
      await until('it complains no more', async () => (await conditionsOf(leader)).length === 0);
      await leader.end('SIGKILL');
      await leader.up();
      expect(await retiredAt(leader, acknowledged)).toBe(true);
      await until('the member has it all', async () => await retiredAt(member, acknowledged));
      // What nobody acknowledged or tried stands as it was.
      expect(await retiredAt(leader, tokens.slice(-1))).toBe(false);
    });
  });

  it('a member without its leader: what it accepted is in the log at last', async (context) => {
    await story(context, 'member', async ({ leader, member }) => {
      const tokens = await enrolMany(leader);
      await leader.client.call('setMemberRole', {
        params: { peer: await member.peer() },
        query: { wait: 'committed', timeoutMs: 60_000 },
        body: { role: 'admin' },
      });
      await until('the member knows them, and that it is an admin', async () => {
        const { memberRole, agents } = await member.client.call('getStatus', {});
        return memberRole === 'admin' && agents.mesh === AGENTS;
      });
      await leader.end('SIGKILL');
      fillUp(member.home);
      const acknowledged = await retireUntilFull(member, tokens, {});
      await expectFullByCli(member, tokens.shift()!);
      await expectSaid(member);
      makeRoom(member.home);
      acknowledged.push(...(await goesOn(member, tokens, {})));
      await member.end('SIGKILL');
      await Promise.all([leader.up(), member.up()]);
      for (const host of [leader, member]) {
        await until(`${host.name} has it all`, async () => await retiredAt(host, acknowledged));
      }
      await until('it complains no more', async () => (await conditionsOf(member)).length === 0);
    });
  });

  it('a node that is let in: it says so, and joins once there is room', async (context) => {
    const mesh = new TestMesh();
    cleanups.push(async () => await mesh.close());
    const [leader, joiner] = [mesh.host('leader'), mesh.host('joiner')];
    if (!canMount(context, joiner.home)) return;
    await leader.up();
    const invite = await leader.invite();
    leader.signal('SIGSTOP');
    joiner.spawn('--join', invite);
    await until('it knocks', async () => (await conditionsOf(joiner)).length > 0);
    fillUp(joiner.home);
    leader.signal('SIGCONT');
    await until('it says that there is no room', async () =>
      (await conditionsOf(joiner)).some((text) => text.includes('No room')),
    );
    makeRoom(joiner.home);
    await joiner.ready();
    const of = async (host: TestHost) => (await host.client.call('getStatus', {})).mesh.id;
    expect(await of(joiner)).toBe(await of(leader));
    await until('it complains no more', async () => (await conditionsOf(joiner)).length === 0);
  });

  it('the leader of three: another one leads, and what waits is decided', async (context) => {
    const mesh = new TestMesh();
    cleanups.push(async () => await mesh.close());
    const hosts = ['lead', 'beta', 'gamma'].map((name) => mesh.host(name));
    const [leader, ...others] = hosts as [TestHost, TestHost, TestHost];
    if (!canMount(context, leader.home)) return;
    await startVoters(hosts, 3);
    expect(await leaderOf(hosts)).toBe(leader);
    fillUp(leader.home);
    const decided: string[] = [];
    // The first may still fit into what the store has begun.
    await until('another one leads', async () => {
      const host = others[decided.length % others.length] as TestHost;
      decided.push((await commitOn(host, `d-${decided.length}`)).id);
      const seen = await Promise.all(others.map((it) => slurpOn(it)));
      return seen.some(({ isLeader }) => isLeader);
    });
    await expectSaid(leader);
    makeRoom(leader.home);
    await until('it complains no more', async () => (await conditionsOf(leader)).length === 0);
    await until('it has all', async () => {
      const ids = [...(await submissionsOn(leader)).values()].flat().sort();
      return isDeepStrictEqual(ids, decided.sort());
    });
  });
});

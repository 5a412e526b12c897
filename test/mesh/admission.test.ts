import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CooeeError, isCooeeError } from '../../protocols/interface/index.ts';
import { type CliResult, runCli, type TestHost, TestMesh, until } from './harness.ts';

// Who gets in and who does not: every way an invite can fail, races for it, lost answers; what a member may do; and how a
// member that was removed stays out.

let mesh: TestMesh;

beforeAll(() => {
  mesh = new TestMesh();
});

afterAll(async () => {
  await mesh.close();
});

interface Refusal {
  readonly exit: number | null;
  readonly code: string;
  readonly remedy: string;
}

/** The error that a daemon or a command printed as JSON, the last line of stderr. */
function refusalIn(exit: number | null, stderr: string): Refusal {
  const line = stderr.trimEnd().split('\n').at(-1) ?? '';
  const { error } = JSON.parse(line) as { error: { code: string; remedy: string } };
  return { exit, code: error.code, remedy: error.remedy };
}

/** Starts a daemon that is expected to be refused, and gives the refusal. */
async function refusedUp(host: TestHost, invite: string): Promise<Refusal> {
  host.stderr = '';
  host.spawn('--json', '--join', invite);
  return refusalIn(await host.exited, host.stderr);
}

/** Runs a command that is expected to be refused, and gives the refusal. */
async function refusedCli(host: TestHost, ...args: readonly string[]): Promise<Refusal> {
  const { code, stderr } = await host.cli(...args, '--json');
  return refusalIn(code, stderr);
}

async function errorOf(call: Promise<unknown>): Promise<CooeeError> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isCooeeError(thrown)) throw new Error('expected a refusal', { cause: thrown });
  return thrown;
}

async function membersOn(host: TestHost): Promise<string[]> {
  const { members } = await host.client.call('listMembers', {});
  return members.map(({ name }) => name);
}

async function meshOf(host: TestHost): Promise<string> {
  return (await host.client.call('getStatus', {})).mesh.id;
}

async function conditions(host: TestHost): Promise<string> {
  const { health } = await host.client.call('getStatus', {});
  return health.conditions.map(({ code }) => code).join(' ');
}

async function tokensOf(host: TestHost, hostname: string): Promise<string[]> {
  const { agents } = await host.client.call('listAgents', {});
  return agents.filter((it) => it.hostname === hostname).map(({ model }) => model);
}

const hasMesh = (host: TestHost): boolean => existsSync(join(host.home, 'mesh'));

const setAside = (host: TestHost): number => {
  const folder = join(host.home, 'old');
  return existsSync(folder) ? readdirSync(folder).length : 0;
};

describe('an invite that lets nobody in', () => {
  let base: TestHost;
  let late: TestHost;
  /** `cooee join` where nobody answers takes its half minute; the other tests go on meanwhile. */
  let unanswered: { readonly onDaemon: Promise<CliResult>; readonly inForeground: TestHost };
  let startMs: number;

  beforeAll(async () => {
    base = mesh.host('base');
    await base.up();
    late = mesh.host('late');
    const away = mesh.host('away');
    await away.up();
    const invite = await away.invite();
    await away.end();
    const waiting = mesh.host('waiting');
    await waiting.up();
    startMs = performance.now();
    const inForeground = mesh.host('foreground');
    const listen = `/ip4/127.0.0.1/tcp/${inForeground.port}`;
    inForeground.run(
      ...['join', invite, '--home', inForeground.home, '--json'],
      ...['--hostname', 'foreground', '--mac', 'AA:BB:CC:DD:EE:77'],
      ...['--listen', listen, '--no-mdns'],
    );
    unanswered = { onDaemon: waiting.cli('join', invite, '--json'), inForeground };
  });

  it('used: exit 4, and the home stays as empty as before', async () => {
    const invite = await base.invite();
    const first = mesh.host('first');
    await first.up('--join', invite);
    expect(await refusedUp(late, invite)).toEqual({
      exit: 4,
      code: 'ERR_MEMBERSHIP_INVITE_USED',
      remedy: 'Ask for a new one: cooee invite',
    });
    expect(hasMesh(late)).toBe(false);
    expect((await late.cli('status')).code).toBe(5);
    expect(await membersOn(base)).toEqual(['base', 'first']);
    await first.end();
  });

  it('expired: exit 4', async () => {
    const { invite, expiresAt } = await base.json<{ invite: string; expiresAt: string }>(
      ...['invite', '--ttl', '1s'],
    );
    await until('it has expired', () => Date.now() > Date.parse(expiresAt));
    expect(await refusedUp(late, invite)).toMatchObject({
      exit: 4,
      code: 'ERR_MEMBERSHIP_INVITE_EXPIRED',
    });
    expect(hasMesh(late)).toBe(false);
  });

  it('for another mesh than the one that answers there now: exit 4', async () => {
    const other = mesh.host('other');
    await other.up();
    const invite = await other.invite();
    const before = await meshOf(other);
    expect((await other.cli('leave')).code).toBe(0);
    expect(await meshOf(other)).not.toBe(before);
    expect(await refusedUp(late, invite)).toMatchObject({
      exit: 4,
      code: 'ERR_MEMBERSHIP_INVITE_FOREIGN',
    });
    expect(hasMesh(late)).toBe(false);
    await other.end();
  });

  it('mangled: exit 2, before anything is asked', async () => {
    const invite = await base.invite();
    const at = 200;
    const changed = invite.charAt(at) === 'a' ? 'b' : 'a';
    const mangled = invite.slice(0, at) + changed + invite.slice(at + 1);
    for (const text of [mangled, invite.slice(0, -9), 'cooee1', 'hello']) {
      expect({ text, ...(await refusedUp(late, text)) }).toEqual({
        text,
        exit: 2,
        code: 'ERR_MEMBERSHIP_INVITE_MALFORMED',
        remedy: 'Copy the whole line that cooee invite printed.',
      });
    }
    expect(await refusedCli(base, 'join', mangled)).toMatchObject({
      exit: 2,
      code: 'ERR_MEMBERSHIP_INVITE_MALFORMED',
    });
    expect(hasMesh(late)).toBe(false);
  });

  it('after all that the same home gets in with a good one', async () => {
    const file = join(mesh.folder, 'good');
    writeFileSync(file, `\n  ${await base.invite()}\n`, { mode: 0o600 });
    await late.up('--join', `@${file}`);
    expect(await meshOf(late)).toBe(await meshOf(base));
    await late.end();
  });

  it('inviter away: `up --join` says so, keeps trying over a restart, and gets in', async () => {
    const invite = await base.invite();
    await base.end();
    const patient = mesh.host('patient');
    patient.spawn('--join', invite);
    await until('it says that nobody answers', async () => {
      return (await conditions(patient)) === 'joining';
    });
    const status = await patient.json('status');
    expect(status).toMatchObject({ role: 'joining', memberRole: null, health: { ok: false } });
    const people = await patient.cli('status', '--ready');
    expect(people.code).toBe(1);
    expect(people.stdout).toMatch(/^warn: joining {2}None of the addresses/mu);
    expect(await refusedCli(patient, 'invite')).toMatchObject({
      exit: 6,
      code: 'ERR_API_STARTING',
    });
    const stopMs = performance.now();
    expect(await patient.end()).toBe(0);
    expect(performance.now() - stopMs).toBeLessThan(2_000);
    // Without the invite: the home remembers what it was told.
    patient.spawn();
    await until('it tries again', async () => (await conditions(patient)) === 'joining');
    await base.up();
    await patient.ready();
    expect(await meshOf(patient)).toBe(await meshOf(base));
    await until('it is well', async () => (await conditions(patient)) === '');
    expect(readFileSync(join(patient.home, 'mesh/mesh.json'), 'utf8')).not.toContain(invite);
    await patient.end();
  });

  it('inviter away: `join` gives up after half a minute, exit 6, nothing changed', async () => {
    const { onDaemon, inForeground } = unanswered;
    const { code, stderr } = await onDaemon;
    const spentMs = performance.now() - startMs;
    expect(refusalIn(code, stderr)).toMatchObject({
      exit: 6,
      code: 'ERR_BOOTSTRAP_INVITER_UNREACHABLE',
      remedy: expect.stringContaining('Check that the inviting host is up'),
    });
    expect(spentMs).toBeGreaterThan(20_000);
    expect(spentMs).toBeLessThan(35_000);
    const waiting = mesh.hosts.find(({ name }) => name === 'waiting');
    if (waiting === undefined) throw new Error('there is such a host');
    expect(await membersOn(waiting)).toEqual(['waiting']);
    expect([await conditions(waiting), setAside(waiting)]).toEqual(['', 0]);
    expect(refusalIn(await inForeground.exited, inForeground.stderr)).toMatchObject({
      exit: 6,
      code: 'ERR_BOOTSTRAP_INVITER_UNREACHABLE',
    });
    expect(hasMesh(inForeground)).toBe(false);
    await waiting.end();
  });
});

describe('one invite and several who want in', () => {
  let base: TestHost;

  beforeAll(async () => {
    base = mesh.host('door');
    await base.up();
  });

  afterAll(async () => {
    await base.end();
  });

  it('two race for a single use: exactly one gets in', async () => {
    const invite = await base.invite();
    const racers = [mesh.host('left'), mesh.host('right')];
    for (const racer of racers) racer.spawn('--json', '--join', invite);
    const ends = await Promise.all(
      racers.map((racer) => Promise.race([racer.exited, racer.ready().then(() => 'in')])),
    );
    expect(ends.map(String).sort()).toEqual(['4', 'in']);
    const [winner, loser] = ends[0] === 'in' ? racers : [...racers].reverse();
    expect(refusalIn(4, loser?.stderr ?? '').code).toBe('ERR_MEMBERSHIP_INVITE_USED');
    expect(await membersOn(base)).toEqual(['door', winner?.name]);
    await winner?.end();
  });

  it('one whose answer was lost tries again, is in, and spends no second use', async () => {
    const invite = await base.invite('--uses', '2');
    const joiner = mesh.host('unlucky');
    joiner.spawn('--join', invite);
    await until('the leader has let it in', async () =>
      (await membersOn(base)).includes('unlucky'),
    );
    await joiner.end('SIGKILL');
    // As it is on the disk when the process dies before the answer: still joining.
    const file = join(joiner.home, 'mesh/mesh.json');
    const kept = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...kept, state: 'joining', admittedIndex: 0, invite }));
    await joiner.up('--join', invite);
    expect(await membersOn(joiner)).toContain('unlucky');
    const second = mesh.host('second-use');
    await second.up('--join', invite);
    const third = mesh.host('third-use');
    expect(await refusedUp(third, invite)).toMatchObject({ code: 'ERR_MEMBERSHIP_INVITE_USED' });
    await Promise.all([joiner.end(), second.end()]);
  });

  it('`up --join` on a member is passed over with a line in the log, and spends nothing', async () => {
    const member = mesh.host('steady');
    await member.up('--join', await base.invite());
    await member.end();
    const invite = await base.invite();
    await member.up('--join', invite);
    expect(member.stderr).toContain('a member already: the invite is not used');
    await member.end();
    await member.up('--join', 'cooee1mangled');
    expect(member.stderr).toContain('the invite is mangled; not needed');
    const again = await member.cli('join', invite);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^joined mesh/u) });
    const other = mesh.host('its-user');
    await other.up('--join', invite);
    await Promise.all([member.end(), other.end()]);
  });

  it('COOEE_INVITE and stdin keep the invite out of the command line', async () => {
    const byEnv = mesh.host('by-env');
    byEnv.env = { COOEE_INVITE: await base.invite() };
    await byEnv.up();
    expect(await membersOn(byEnv)).toContain('by-env');
    await byEnv.end();
    const byStdin = mesh.host('by-stdin');
    await byStdin.up();
    const args = ['join', '-', '--home', byStdin.home, '--json'];
    const { code, stdout } = await runCli(args, { input: `${await base.invite()}\n` });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ mesh: await meshOf(base), peer: await byStdin.peer() });
    await byStdin.end();
  });
});

describe('a running daemon that is told to join', () => {
  it('sets its mesh of one aside and enrols its agents again; leaves; joins again', async () => {
    const [base, mover] = [mesh.host('harbour'), mesh.host('mover')];
    await Promise.all([base.up(), mover.up()]);
    await mover.json('enrol', '--model', 'one', '--model', 'two', '--wait');
    const own = await meshOf(mover);

    const joined = await mover.json('join', await base.invite());
    expect(joined).toEqual({ mesh: await meshOf(base), peer: await mover.peer() });
    expect(setAside(mover)).toBe(1);
    await until('its agents are in the new mesh', async () => {
      return (await tokensOf(base, 'mover')).join() === 'one,two';
    });

    const { code, stdout } = await mover.cli('leave');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `left mesh ${joined['mesh']}\n` });
    expect(await meshOf(mover)).not.toBe(own);
    expect([await membersOn(mover), setAside(mover)]).toEqual([['mover'], 2]);
    await until('the others have heard it', async () => {
      return (await membersOn(base)).join() === 'harbour';
    });
    await until('it is well alone', async () => (await conditions(mover)) === '');
    await until('its agents are with it', async () => {
      return (await tokensOf(mover, 'mover')).join() === 'one,two';
    });

    await mover.json('join', await base.invite());
    await until('both are connected', async () => {
      return (await base.client.call('getStatus', {})).peers.connected === 1;
    });
    expect(await membersOn(base)).toEqual(['harbour', 'mover']);
    // Its own goodbye stands in the log that it has read from the beginning.
    await mover.json('enrol', '--model', 'three', '--wait');
    await mover.end();
    await mover.up();
    expect(await meshOf(mover)).toBe(joined['mesh']);
    await mover.json('enrol', '--model', 'four', '--wait');
    expect(await conditions(mover)).toBe('');
    await Promise.all([base.end(), mover.end()]);
  });

  it('that is not alone refuses: exit 4, and nothing has changed', async () => {
    const [crew, mate] = (await mesh.start('crew', 'mate')) as [TestHost, TestHost];
    const base = mesh.host('elsewhere');
    await base.up();
    const invite = await base.invite();
    for (const host of [crew, mate]) {
      expect(await refusedCli(host, 'join', invite)).toEqual({
        exit: 4,
        code: 'ERR_BOOTSTRAP_OTHER_MESH',
        remedy: 'Run cooee leave first, or use another home with --home.',
      });
      expect([await membersOn(host), setAside(host)]).toEqual([['crew', 'mate'], 0]);
    }
    await mate.end();
    expect(await refusedUp(mate, invite)).toMatchObject({
      exit: 4,
      code: 'ERR_BOOTSTRAP_OTHER_MESH',
    });
    expect(hasMesh(mate)).toBe(true);
    // The only voter cannot go while others are there: they would be left without a log.
    expect(await refusedCli(crew, 'leave')).toMatchObject({
      exit: 4,
      code: expect.stringMatching(/^ERR_MEMBERSHIP_LAST_(?:ADMIN|VOTER)$/u),
    });
    expect(await membersOn(base)).toEqual(['elsewhere']);
    await Promise.all([crew.end(), base.end()]);
  });
});

describe('roles and removal', () => {
  let amy: TestHost;
  let ben: TestHost;
  let cat: TestHost;
  let peers: { amy: string; ben: string; cat: string };

  beforeAll(async () => {
    [amy, ben, cat] = (await mesh.start('amy', 'ben', 'cat')) as [TestHost, TestHost, TestHost];
    peers = { amy: await amy.peer(), ben: await ben.peer(), cat: await cat.peer() };
  });

  afterAll(async () => {
    await Promise.all([amy.end(), ben.end(), cat.end()]);
  });

  it('what only an admin may do is refused by the log itself: the refusal has an index', async () => {
    const query = { wait: 'committed' } as const;
    const attempts: [string, Promise<unknown>][] = [
      ['invite', ben.client.call('createInvite', { body: {} })],
      ['remove', ben.client.call('removeMember', { params: { peer: peers.cat }, query })],
      [
        'role',
        ben.client.call('setMemberRole', {
          params: { peer: peers.ben },
          query,
          body: { role: 'admin' },
        }),
      ],
    ];
    const indices = new Set<unknown>();
    for (const [what, attempt] of attempts) {
      const { code, details } = await errorOf(attempt);
      expect({ what, code, details }).toEqual({
        what,
        code: 'ERR_MEMBERSHIP_FORBIDDEN',
        details: { role: 'member', index: expect.any(Number) },
      });
      indices.add(details['index']);
    }
    const { slurp } = await amy.client.call('getStatus', {});
    for (const index of indices) expect(slurp.appliedIndex).toBeGreaterThanOrEqual(Number(index));
    expect(await membersOn(amy)).toEqual(['amy', 'ben', 'cat']);
    expect(await refusedCli(ben, 'members', 'remove', 'cat')).toMatchObject({
      exit: 4,
      code: 'ERR_MEMBERSHIP_FORBIDDEN',
    });
  });

  it('an admin gives a role, and takes it: with it go the invites', async () => {
    const { code, stdout } = await amy.cli('members', 'role', 'ben', 'admin');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${peers.ben} is admin\n` });
    const invite = await ben.invite();
    await ben.json('members', 'role', 'ben', 'curator');
    const newcomer = mesh.host('newcomer');
    expect(await refusedUp(newcomer, invite)).toMatchObject({
      exit: 4,
      code: 'ERR_MEMBERSHIP_INVITE_UNKNOWN',
    });
    expect((await refusedCli(ben, 'invite')).code).toBe('ERR_MEMBERSHIP_FORBIDDEN');
    const { members } = await cat.client.call('listMembers', {});
    expect(members.map(({ name, role }) => [name, role])).toEqual([
      ['amy', 'admin'],
      ['ben', 'curator'],
      ['cat', 'member'],
    ]);
  });

  it('the last admin can neither be lowered nor removed', async () => {
    for (const args of [
      ['role', 'amy', 'member'],
      ['remove', 'amy'],
    ]) {
      expect(await refusedCli(amy, 'members', ...args)).toEqual({
        exit: 4,
        code: 'ERR_MEMBERSHIP_LAST_ADMIN',
        remedy: 'Make another member admin first: cooee members role PEER admin',
      });
    }
  });

  it('who is not there cannot be removed: exit 3', async () => {
    expect(await refusedCli(amy, 'members', 'remove', 'nobody')).toMatchObject({
      exit: 3,
      code: 'ERR_MEMBERSHIP_UNKNOWN_PEER',
    });
  });

  it('a removed member is out on every node within 2 s, and so are its invites', async () => {
    await amy.json('members', 'role', 'cat', 'admin');
    const invite = await cat.invite();
    // Something of it waits for a leader that is away while it is removed.
    const isUp = async (host: TestHost, connected: number): Promise<boolean> =>
      (await host.client.call('getStatus', {})).peers.connected === connected;
    await until('all are connected', async () => (await isUp(amy, 2)) && (await isUp(ben, 2)));
    await amy.end();
    const accepted = await cat.client.call('setMemberRole', {
      params: { peer: peers.ben },
      query: {},
      body: { role: 'member' },
    });
    expect(accepted.state).toBe('accepted');
    await cat.end('SIGKILL');
    await amy.up();
    await amy.json('members', 'remove', 'cat');
    cat.spawn();

    await until('cat has heard it', async () => (await conditions(cat)) === 'removed', 5_000);
    const status = await until('nothing of it waits, nobody is with it', async () => {
      const answer = await cat.client.call('getStatus', {});
      return answer.outbox.waiting === 0 && answer.peers.connected === 0 ? answer : false;
    });
    expect(status.memberRole).toBe(null);
    for (const host of [amy, ben]) {
      const { members } = await host.client.call('listMembers', {});
      expect(members.map(({ name, role }) => [name, role])).toEqual([
        ['amy', 'admin'],
        ['ben', 'curator'],
      ]);
    }
    expect(await refusedCli(cat, 'invite')).toMatchObject({
      exit: 4,
      code: 'ERR_MEMBERSHIP_REMOVED',
    });
    const guest = mesh.host('late-guest');
    expect(await refusedUp(guest, invite)).toMatchObject({ exit: 4 });
    expect(hasMesh(guest)).toBe(false);
  });

  it('a live one is cut off within 2 s', async () => {
    const dan = mesh.host('dan');
    await dan.up('--join', await amy.invite());
    await until('dan is connected', async () => {
      return (await dan.client.call('getStatus', {})).peers.connected === 2;
    });
    const startMs = performance.now();
    await amy.client.call('removeMember', {
      params: { peer: await dan.peer() },
      query: { wait: 'committed' },
    });
    for (const host of [amy, ben]) {
      await until(`${host.name} has dropped it`, async () => {
        const { peers: its } = await host.client.call('getStatus', {});
        return its.connected === 1 && (await membersOn(host)).join() === 'amy,ben';
      });
    }
    await until('dan is alone', async () => {
      const { peers: its, memberRole } = await dan.client.call('getStatus', {});
      return its.connected === 0 && memberRole === null && (await conditions(dan)) === 'removed';
    });
    expect(performance.now() - startMs).toBeLessThan(2_000);
    await dan.end();
  });

  it('it stays out after a restart of everybody', async () => {
    await Promise.all([amy.end(), ben.end(), cat.end()]);
    for (const host of [cat, ben, amy]) host.spawn();
    await Promise.all([amy.ready(), ben.ready()]);
    await until('cat hears it again', async () => (await conditions(cat)).includes('removed'));
    expect((await cat.client.call('getStatus', {})).memberRole).toBe(null);
    await until('the two are together', async () => {
      return (await ben.client.call('getStatus', {})).peers.connected === 1;
    });
    expect(await membersOn(amy)).toEqual(['amy', 'ben']);
    expect(await membersOn(ben)).toEqual(['amy', 'ben']);
  });

  it('it comes back with a new invite, after it has left', async () => {
    const invite = await amy.invite();
    expect(await refusedCli(cat, 'join', invite)).toMatchObject({
      exit: 4,
      code: 'ERR_MEMBERSHIP_REMOVED',
      remedy: expect.stringContaining('cooee leave'),
    });
    expect((await cat.cli('leave')).code).toBe(0);
    await until('cat is well', async () => (await conditions(cat)) === '');
    await cat.json('join', invite);
    await until('all are connected', async () => {
      return (await cat.client.call('getStatus', {})).peers.connected === 2;
    });
    const enrolled = await cat.json('enrol', '--model', 'm', '--wait');
    expect(enrolled['state']).toBe('committed');
    expect([await conditions(cat), await membersOn(ben)]).toEqual(['', ['amy', 'ben', 'cat']]);
  });
});

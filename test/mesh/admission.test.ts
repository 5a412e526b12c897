import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InviteRow } from '../../daemon/api/routes/index.ts';
import { type CliResult, runCli, type TestHost, TestMesh, until } from './harness.ts';
import { Stopwatch } from './stopwatch.ts';
import {
  conditions,
  hasMesh,
  membersOn,
  meshOf,
  refusalIn,
  refusedCli,
  refusedUp,
  setAside,
} from './views.ts';

// Who gets in with an invite and who does not: every way in which one can fail, races for one, and
// answers that are lost.

let mesh: TestMesh;
/** `cooee join` where nobody answers takes half a minute; the other tests go on meanwhile. */
let unanswered: {
  readonly startMs: number;
  readonly waiting: TestHost;
  readonly onDaemon: Promise<CliResult>;
  readonly inForeground: TestHost;
};

beforeAll(async () => {
  mesh = new TestMesh();
  const [away, waiting] = [mesh.host('away'), mesh.host('waiting')];
  await Promise.all([away.up(), waiting.up()]);
  const invite = await away.invite();
  await away.end();
  const inForeground = mesh.host('foreground');
  inForeground.run(
    ...['join', invite, '--home', inForeground.home, '--json', '--no-mdns'],
    ...['--hostname', 'foreground', '--mac', 'AA:BB:CC:DD:EE:77'],
    ...['--listen', `/ip4/127.0.0.1/tcp/${inForeground.port}`],
  );
  const onDaemon = waiting.cli('join', invite, '--json');
  unanswered = { startMs: performance.now(), waiting, onDaemon, inForeground };
});

afterAll(async () => {
  await mesh.close();
});

describe('an invite that lets nobody in', () => {
  let base: TestHost;
  let late: TestHost;

  beforeAll(async () => {
    base = mesh.host('base');
    await base.up();
    await base.votesAlone();
    late = mesh.host('late');
  });

  afterAll(async () => {
    await base.end();
  });

  it('used: exit 4, and the home stays as empty as before', async () => {
    const invite = await base.invite();
    const first = mesh.host('first');
    await first.up('--join', invite);
    expect(await refusedUp(late, invite)).toEqual({
      exit: 4,
      code: 'ERR_MEMBERSHIP_INVITE_USED',
      remedy: 'Ask an admin of the mesh for a new one, for several with --uses COUNT: cooee invite',
    });
    expect(hasMesh(late)).toBe(false);
    expect((await late.cli('status')).code).toBe(5);
    expect(await membersOn(base)).toEqual(['base', 'first']);
    await first.end();
  });

  it('taken back: exit 4, also for uses that it had left; who came in stays', async () => {
    const made = await base.json<{ id: string; invite: string }>('invite', '--uses', '3');
    const guest = mesh.host('in-time');
    await guest.up('--join', made.invite);
    const { invites } = await base.json<{ invites: InviteRow[] }>('invites');
    expect(invites).toMatchObject([{ id: made.id, usesLeft: 2, joined: [{ name: 'in-time' }] }]);
    expect(JSON.stringify(invites)).not.toContain(made.invite);
    // Whoever issued it, an admin has to take it back.
    expect(await refusedCli(guest, 'invites', 'revoke', made.id)).toMatchObject({
      exit: 4,
      code: 'ERR_MEMBERSHIP_FORBIDDEN',
    });
    expect((await base.cli('invites', 'revoke', made.id.slice(0, 8))).code).toBe(0);
    expect(await base.json('invites')).toEqual({ invites: [] });
    expect(await refusedUp(late, made.invite)).toMatchObject({
      exit: 4,
      code: 'ERR_MEMBERSHIP_INVITE_UNKNOWN',
    });
    expect(hasMesh(late)).toBe(false);
    expect(await membersOn(base)).toContain('in-time');
    // The same again changes nothing; one that there never was is told as such.
    expect((await base.cli('invites', 'revoke', made.id)).code).toBe(0);
    expect(await refusedCli(base, 'invites', 'revoke', '0'.repeat(64))).toMatchObject({
      code: 'ERR_MEMBERSHIP_INVITE_UNKNOWN',
      remedy: 'cooee invites lists those that are good.',
    });
    await guest.end();
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
    const watch = new Stopwatch();
    expect(await patient.end()).toBe(0);
    await watch.expectWithin(2_000, 'the end of one that joins');
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
});

describe('one invite and several who want in', () => {
  let base: TestHost;

  beforeAll(async () => {
    base = mesh.host('door');
    await base.up();
    await base.votesAlone();
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

  it('`up --join` on a member is passed over with a log line, and spends nothing', async () => {
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

describe('a `join` that nobody answers', () => {
  it('gives up after half a minute, exit 6, and nothing has changed', async () => {
    const { startMs, waiting, onDaemon, inForeground } = unanswered;
    const { code, stderr } = await onDaemon;
    expect(refusalIn(code, stderr)).toMatchObject({
      exit: 6,
      code: 'ERR_BOOTSTRAP_INVITER_UNREACHABLE',
      remedy: expect.stringContaining('Check that the inviting host is up'),
    });
    const spentMs = performance.now() - startMs;
    expect(spentMs).toBeGreaterThan(20_000);
    expect(await membersOn(waiting)).toEqual(['waiting']);
    expect([await conditions(waiting), setAside(waiting)]).toEqual(['', 0]);
    expect(refusalIn(await inForeground.exited, inForeground.stderr)).toMatchObject({
      exit: 6,
      code: 'ERR_BOOTSTRAP_INVITER_UNREACHABLE',
    });
    expect(hasMesh(inForeground)).toBe(false);
  });
});

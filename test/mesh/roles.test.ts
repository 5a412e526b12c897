import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { Stopwatch } from './stopwatch.ts';
import { conditions, errorOf, hasMesh, membersOn, refusedCli, refusedUp } from './views.ts';

// What a member may do, as the log decides it; and how a member that was removed stays out.

let mesh: TestMesh;

beforeAll(() => {
  mesh = new TestMesh();
});

afterAll(async () => {
  await mesh.close();
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

  it('what only an admin may do is refused by the log itself, at an index', async () => {
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
    // All at once: one of them asks the leader first, and the others are refused meanwhile.
    const refusals = attempts.map(([what, attempt]) => [what, errorOf(attempt)] as const);
    for (const [what, refusal] of refusals) {
      const { code, details } = await refusal;
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
    // With two of three away nobody leads; or it might be committed before the kill.
    ben.signal('SIGSTOP');
    await amy.end();
    const accepted = await cat.client.call('setMemberRole', {
      params: { peer: peers.ben },
      query: {},
      body: { role: 'member' },
    });
    expect(accepted.state).toBe('accepted');
    await cat.end('SIGKILL');
    ben.signal('SIGCONT');
    await amy.up();
    await amy.json('members', 'remove', 'cat');
    cat.spawn();

    await until('cat has heard it', async () => (await conditions(cat)) === 'removed');
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
    const watch = new Stopwatch();
    await amy.client.call('removeMember', {
      params: { peer: await dan.peer() },
      query: { wait: 'committed', timeoutMs: 60_000 },
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
    await watch.expectWithin(2_000, 'cutting off a member');
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

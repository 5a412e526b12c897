import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { member, NOW_MS, PEER_A, PEER_B, run, status } from '../fake-host.ts';

// Commands about the mesh, through their real definitions, against a fake daemon.

const INVITE = `cooee1${'a2'.repeat(40)}`;
const committed = { id: 'c1', state: 'committed', index: 9 };

describe('invite', () => {
  const id = 'ab'.repeat(32);
  const made = { id, invite: INVITE, expiresAt: '2026-11-22T12:00:00.000Z', uses: 1 };
  const answers = { createInvite: () => made };

  it('prints the invite alone on stdout, the rest on stderr', async () => {
    const { exit, stdout, stderr, calls } = await run(['invite'], { answers });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: `${INVITE}\n` });
    expect(stderr).toContain('for 1 host, until 2026-11-22T12:00:00.000Z (1 d)');
    expect(stderr).toContain('cooee: to take it back: cooee invites revoke abababababab\n');
    expect(calls[0]?.input).toEqual({ body: {} });
  });

  it('says no more time than was asked for', async () => {
    const expiresAt = new Date(NOW_MS + 29_990).toISOString();
    const short = { createInvite: () => ({ ...made, expiresAt }) };
    const { stderr } = await run(['invite', '--ttl', '30s'], { answers: short });
    expect(stderr).toContain(`until ${expiresAt} (30 s)`);
  });

  it('passes on what was asked for', async () => {
    const args = ['invite', '--uses', '3', '--ttl', '90m', '--role', 'curator', '--json'];
    const { stdout, stderr, calls } = await run(args, { answers });
    expect(JSON.parse(stdout)).toEqual(made);
    expect(stderr).toBe('');
    expect(calls[0]?.input).toEqual({ body: { uses: 3, ttlMs: 5_400_000, role: 'curator' } });
  });
});

describe('invites', () => {
  const row = (id: string, more: object = {}) => ({
    ...{ id, role: 'member', usesLeft: 2, expiresAt: '2026-11-22T12:00:00.000Z' },
    issuer: { peer: PEER_A, name: 'alpha' },
    joined: [],
    ...more,
  });
  const [one, other] = ['ab'.repeat(32), `ab${'cd'.repeat(31)}`] as const;
  const joined = [{ peer: PEER_B, name: 'be\u001b[31mta' }];
  const invites = [row(one), row(other, { usesLeft: 1, role: 'admin', joined })];
  const answers = { listInvites: () => ({ invites }), revokeInvite: () => committed };

  it('lists those that are good', async () => {
    const { exit, stdout } = await run(['invites'], { answers });
    expect(exit).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/u))).toEqual([
      ['ID', 'ROLE', 'USES', 'LEFT', 'ISSUER', 'JOINED'],
      [one, 'member', '2', '1 d', 'alpha', '-'],
      [other, 'admin', '1', '1 d', 'alpha', 'beta'],
      [''],
    ]);
    const script = await run(['invites', '--json'], { answers });
    expect(JSON.parse(script.stdout)).toEqual({ invites });
  });

  it('takes one back by the beginning of its id, or by all of one that is not listed', async () => {
    const begun = await run(['invites', 'revoke', 'ABCDCD'], { answers });
    expect(begun).toMatchObject({ exit: 0, stdout: `revoked ${other}\n` });
    const query = { wait: 'committed' };
    expect(begun.calls.at(-1)?.input).toEqual({ params: { id: other }, query });
    const gone = 'ef'.repeat(32);
    const whole = await run(['invites', 'revoke', gone], { answers });
    expect(whole.calls).toEqual([{ name: 'revokeInvite', input: { params: { id: gone }, query } }]);
  });

  it.each([
    ['of none', 'efefef', 3],
    ['too short', 'abcdc', 3],
    ['of several', 'ab', 3],
  ])('does not guess what is %s', async (_name, text, exit) => {
    const { exit: ended, calls } = await run(['invites', 'revoke', text], { answers });
    expect(ended).toBe(exit);
    expect(calls.map(({ name }) => name)).toEqual(['listInvites']);
  });

  it('asks for more of an id that several begin with: exit 2', async () => {
    const twins = { ...answers, listInvites: () => ({ invites: [row(one), row(one)] }) };
    expect(await run(['invites', 'revoke', 'ababab'], { answers: twins })).toMatchObject({
      exit: 2,
    });
  });
});

describe('join', () => {
  it('asks the daemon when one runs', async () => {
    const answers = {
      getStatus: () => status(),
      joinMesh: () => ({ mesh: 'bafyother', peer: PEER_A }),
    };
    const { exit, stdout, calls, up } = await run(['join', INVITE], { answers });
    expect({ exit, stdout }).toEqual({
      exit: 0,
      stdout: `joined mesh bafyother as ${PEER_A}\n`,
    });
    expect(calls[1]).toEqual({ name: 'joinMesh', input: { body: { invite: INVITE } } });
    expect(up).toEqual([]);
  });

  it('runs a daemon in the foreground when none does', async () => {
    const { exit, up } = await run(['join', '-', '--home', '/h'], { stdin: INVITE });
    expect(exit).toBe(0);
    expect(up).toMatchObject([{ home: '/h', join: INVITE, adopt: false }]);
  });

  it('takes the options of up for the daemon that it runs', async () => {
    const args = ['join', INVITE, '--hostname', 'beta', '--mac', 'AA:BB:CC:DD:EE:02', '--no-mdns'];
    const { up } = await run(args);
    const own = { hostname: 'beta', mac: 'AA:BB:CC:DD:EE:02', mdns: false };
    expect(up).toMatchObject([{ join: INVITE, ...own }]);
  });

  it('says that those are of no use to a daemon that runs already', async () => {
    const answers = {
      getStatus: () => status(),
      joinMesh: () => ({ mesh: 'bafyother', peer: PEER_A }),
    };
    const { exit, stderr } = await run(['join', INVITE, '--hostname', 'beta'], { answers });
    expect(exit).toBe(0);
    expect(stderr).toContain('the daemon of this home runs already');
    expect((await run(['join', INVITE], { answers })).stderr).not.toContain('runs already');
  });

  it.each([
    ['ERR_MEMBERSHIP_INVITE_USED', 4],
    ['ERR_BOOTSTRAP_OTHER_MESH', 4],
    ['ERR_BOOTSTRAP_INVITER_UNREACHABLE', 6],
    ['ERR_MEMBERSHIP_INVITE_MALFORMED', 2],
  ] as const)('%s: exit %d', async (code, exit) => {
    const joinMesh = () => {
      throw new CooeeError(code);
    };
    const answers = { getStatus: () => status(), joinMesh };
    expect((await run(['join', INVITE], { answers })).exit).toBe(exit);
  });
});

describe('members', () => {
  const members = [
    member(),
    member({
      peer: PEER_B,
      name: 'be\u001b[31mta',
      role: 'member',
      state: 'unreachable',
      addresses: [],
      lastSeen: null,
    }),
  ];
  const answers = {
    listMembers: () => ({ members }),
    removeMember: () => committed,
    setMemberRole: () => committed,
  };

  it('lists them', async () => {
    const { stdout } = await run(['members'], { answers });
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/u))).toEqual([
      ['NAME', 'PEER', 'ROLE', 'STATE', 'SEEN', 'ADDRESS'],
      ['alpha', PEER_A, 'admin', 'alive', '12 s ago', '/ip4/127.0.0.1/tcp/26633'],
      ['beta', PEER_B, 'member', 'unreachable', '-', '-'],
      [''],
    ]);
  });

  it('removes by a part of the peer id', async () => {
    const { exit, stdout, calls } = await run(['members', 'remove', PEER_B.slice(-6)], { answers });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: `removed ${PEER_B}\n` });
    expect(calls[1]?.input).toEqual({ params: { peer: PEER_B }, query: { wait: 'committed' } });
  });

  it('changes a role by name', async () => {
    const { exit, calls } = await run(['members', 'role', 'alpha', 'curator'], { answers });
    expect(exit).toBe(0);
    expect(calls[1]?.input).toMatchObject({ params: { peer: PEER_A }, body: { role: 'curator' } });
  });

  it('does not find who is not there: exit 3', async () => {
    expect(await run(['members', 'remove', 'gamma'], { answers })).toMatchObject({ exit: 3 });
  });

  it('says when it is not committed yet: exit 6, the state on stdout', async () => {
    const table = { ...answers, removeMember: () => ({ id: 'c1', state: 'accepted' }) };
    const people = await run(['members', 'remove', PEER_B], { answers: table });
    expect(people).toMatchObject({ exit: 6, stdout: '' });
    expect(people.stderr).toContain('it is accepted, but not committed yet');
    const script = await run(['members', 'remove', PEER_B, '--json'], { answers: table });
    expect(JSON.parse(script.stdout)).toEqual({ id: 'c1', state: 'accepted' });
    expect(JSON.parse(script.stderr)).toMatchObject({ error: { code: 'ERR_API_TIMEOUT' } });
  });
});

describe('leader transfer', () => {
  const leader = { peer: PEER_B, term: 4, recipient: 'age1xyz' };
  const answers = {
    listMembers: () => ({ members: [member({ peer: PEER_B, name: 'beta' })] }),
    transferLeader: () => leader,
  };

  it('goes to whoever is furthest, and shows the new leader', async () => {
    const { exit, stdout, calls } = await run(['leader', 'transfer'], { answers });
    expect(exit).toBe(0);
    expect(stdout).toContain(PEER_B);
    expect(calls.map(({ input }) => input)).toEqual([{ body: {} }]);
  });

  it('goes to a member by name', async () => {
    const { stdout, calls } = await run(['leader', 'transfer', 'beta', '--json'], { answers });
    expect(JSON.parse(stdout)).toEqual(leader);
    expect(calls[1]?.input).toEqual({ body: { to: PEER_B } });
  });
});

describe('mesh', () => {
  it('shows what holds for all, and how far the voters are', async () => {
    const followers = [{ peer: PEER_B, isLearner: true, lagEntries: 3, silentMs: 40 }];
    const slurp = { ...status().slurp, learners: [PEER_B], followers };
    const answers = { getStatus: () => status({ slurp }) };
    const { stdout } = await run(['mesh'], { answers });
    expect(stdout).toContain('1 (wanted: auto)');
    expect(stdout).toContain(`${PEER_A}  leads\n`);
    expect(stdout).toContain(`${PEER_B}  3 behind, answered 40 ms ago  learner\n`);
    const script = await run(['mesh', '--json'], { answers });
    expect(JSON.parse(script.stdout)).toMatchObject({ votersTarget: 'auto', voters: [PEER_A] });
  });

  it('sets what is given, and nothing else', async () => {
    const answers = { setMesh: () => committed };
    const one = await run(['mesh', 'set', '--voters', '5'], { answers });
    expect(one).toMatchObject({ exit: 0, stdout: 'done\n' });
    expect(one.calls[0]?.input).toMatchObject({ body: { votersTarget: 5 } });
    const all = ['mesh', 'set', '--voters', 'auto', '--name', 'x', '--level', '2'];
    const { calls } = await run(all, { answers });
    expect(calls[0]?.input).toEqual({
      query: { wait: 'committed' },
      body: { name: 'x', votersTarget: 'auto', level: 2 },
    });
  });

  it.each([
    [['mesh', 'set']],
    [['mesh', 'set', '--voters', '4']],
    [['mesh', 'set', '--level', 'high']],
  ])('refuses %j: exit 2', async (words) => {
    expect(await run(words, { answers: {} })).toMatchObject({ exit: 2, calls: [] });
  });
});

describe('recover', () => {
  const KEY = `cooee-recovery1${'a2'.repeat(26)}`;
  const plan = {
    ...{ epoch: 1, id: null, index: 40, term: 9, voters: [PEER_A], away: [PEER_B] },
    ...{ reachable: [], lostIndex: 44 },
  };
  const done = { ...plan, id: 'abcd', lostIndex: null };
  type Asked = { readonly body: { readonly dryRun?: boolean } };
  const answers = {
    recoverMesh: (input: unknown) => ((input as Asked).body.dryRun === true ? plan : done),
  };

  it('says what would happen, and needs no key for that', async () => {
    const { exit, stdout, calls } = await run(['recover', '--dry-run'], { answers });
    expect(exit).toBe(0);
    expect(stdout).toContain('epoch 1 would begin behind entry 40');
    expect(stdout).toContain('entries 41 to 44 were committed elsewhere and are lost');
    expect(calls.map(({ input }) => input)).toEqual([{ body: { dryRun: true } }]);
  });

  it('takes all voters that do not answer for lost only when told so', async () => {
    const { exit, stdout, calls } = await run(['recover', '--yes', '--key', '-'], {
      answers,
      stdin: `${KEY}\n`,
    });
    expect(exit).toBe(0);
    expect(stdout).toContain('recovered: epoch 1 (abcd) begins behind entry 40');
    expect(calls.at(-1)?.input).toEqual({ body: { key: KEY, lost: [PEER_B] } });
  });

  it('names the voters to name', async () => {
    const refuse = () => {
      const details = { reason: 'lost', lost: PEER_B };
      throw new CooeeError('ERR_SLURP_RECOVERY', 'these voters do not answer', { details });
    };
    const { exit, stderr } = await run(['recover', '--key', '-', '--home', '/h'], {
      answers: { recoverMesh: refuse },
      stdin: KEY,
    });
    expect(exit).toBe(4);
    expect(stderr).toContain(`: cooee --home /h recover --lost ${PEER_B}\n`);
    // What is typed as it is shown names also those that were named before.
    const some = await run(['recover', '--lost', PEER_A, '--key', '-', '--home', '/h'], {
      answers: { recoverMesh: refuse, listMembers: () => ({ members: [member()], cursor: null }) },
      stdin: KEY,
    });
    expect(some.stderr).toContain(`: cooee --home /h recover --lost ${PEER_A} ${PEER_B}\n`);
    const chosen = await run(['recover', '--choose', 'abcd', '--key', '-', '--home', '/h'], {
      answers: { recoverMesh: refuse },
      stdin: KEY,
    });
    expect(chosen.stderr).toContain(`: cooee --home /h recover --choose abcd --lost ${PEER_B}\n`);
  });

  it('says of a choice that the other branch is given up, from where the two parted', async () => {
    const words = ['recover', '--choose', 'abcd', '--key', '-'];
    const { stdout, stderr } = await run(words, {
      answers: { recoverMesh: () => ({ ...plan, id: 'ef01' }) },
      stdin: KEY,
    });
    expect(stdout).toContain('all that the other branch wrote since the two parted is given up');
    expect(stdout).not.toContain('entries 41');
    expect(stderr).toContain('members that joined there must join again');
  });

  it('takes no key from the command line', async () => {
    const { exit, calls } = await run(['recover', '--yes', '--key', KEY], { answers });
    expect(exit).toBe(2);
    expect(calls.every(({ input }) => !JSON.stringify(input).includes(KEY))).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { PEER_A, run, status } from '../fake-host.ts';

// Commands about the daemon, through their real definitions, against a fake one.

const INVITE = `cooee1${'a2'.repeat(40)}`;

/** The part of the daemon's code that `up` does not use. */
const NO_DOCTOR = { examineOffline: async () => ({ ok: true, checks: [] }) };

describe('up', () => {
  it('hands over what was given and nothing more', async () => {
    const { exit, up } = await run(['up']);
    expect(exit).toBe(0);
    expect(up).toEqual([
      {
        home: '/home/kim/.local/state/cooee',
        listen: [],
        adopt: false,
        json: false,
        command: 'cooee',
        colour: false,
      },
    ]);
  });

  it('takes every option, with paths made absolute', async () => {
    const args =
      'start --home h --socket s --agent-socket a --config c --log-level debug --json ' +
      '--listen /ip4/1.2.3.4/tcp/1 --listen /ip4/0.0.0.0/tcp/2 ' +
      '--hostname alpha --mac aa:bb:cc:dd:ee:01 --no-mdns --adopt';
    const { up } = await run([...args.split(' '), '--join', '-'], { stdin: `${INVITE}\n` });
    expect(up).toEqual([
      {
        home: '/work-folder/h',
        socket: '/work-folder/s',
        agentSocket: '/work-folder/a',
        listen: ['/ip4/1.2.3.4/tcp/1', '/ip4/0.0.0.0/tcp/2'],
        hostname: 'alpha',
        mac: 'aa:bb:cc:dd:ee:01',
        mdns: false,
        adopt: true,
        logLevel: 'debug',
        config: '/work-folder/c',
        json: true,
        join: INVITE,
        command: 'cooee --home h --socket s',
        colour: false,
      },
    ]);
  });

  it('takes the invite from COOEE_INVITE', async () => {
    const { up } = await run(['up'], { host: { env: { COOEE_INVITE: INVITE } } });
    expect(up[0]?.join).toBe(INVITE);
  });

  it('exits as the daemon does', async () => {
    const loadDaemon = async () => ({ ...NO_DOCTOR, runDaemon: async () => 4 });
    expect(await run(['up'], { host: { loadDaemon } })).toMatchObject({ exit: 4 });
  });

  it('reports what kept the daemon from starting', async () => {
    const loadDaemon = async () => ({
      ...NO_DOCTOR,
      runDaemon: async () => {
        throw new CooeeError('ERR_STORAGE_HOME_LOCKED', 'another daemon (pid 7) holds this home');
      },
    });
    const { exit, stderr } = await run(['up'], { host: { loadDaemon } });
    expect(exit).toBe(4);
    expect(stderr).toContain('cooee: another daemon (pid 7) holds this home\n');
  });
});

describe('down', () => {
  it('returns when nothing answers any more', async () => {
    let left = 3;
    const getStatus = () => {
      left -= 1;
      if (left < 0) throw new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
      if (left < 1) throw new CooeeError('ERR_API_STARTING');
      return status();
    };
    const answers = { stopDaemon: () => ({ stopping: true, peer: PEER_A }), getStatus };
    expect(await run(['down'], { answers })).toMatchObject({ exit: 0, stdout: 'stopped\n' });
    expect(left).toBe(-1);
  });

  it('returns when its process is gone, which is after its socket', async () => {
    const steps: string[] = [];
    let left = 3;
    const getStatus = () => {
      if (steps.includes('stop')) throw new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
      return status();
    };
    const stopDaemon = () => {
      steps.push('stop');
      return { stopping: true, peer: PEER_A };
    };
    const watchHolder = async (home: string) => {
      steps.push(`watch ${home}`);
      return async () => --left > 0;
    };
    const { exit } = await run(['down'], {
      answers: { getStatus, stopDaemon },
      host: { watchHolder },
    });
    expect({ exit, left, steps }).toEqual({ exit: 0, left: 0, steps: ['watch /h', 'stop'] });
  });

  it('gives up on a daemon that does not stop', async () => {
    const answers = {
      stopDaemon: () => ({ stopping: true, peer: PEER_A }),
      getStatus: () => status(),
    };
    const { exit, stderr } = await run(['down'], { answers });
    expect(exit).toBe(6);
    expect(stderr).toContain('has not stopped yet');
  });
});

describe('status', () => {
  const answers = { getStatus: () => status(), listAgents: () => ({ agents: [], cursor: null }) };

  it('asks for the agents of this host only', async () => {
    const { exit, stdout, calls } = await run(['status'], { answers });
    expect(exit).toBe(0);
    expect(stdout).toContain('mesh       alpha  bafymesh\n');
    expect(calls[1]).toEqual({
      name: 'listAgents',
      input: { query: { peer: PEER_A, limit: 256 } },
    });
  });

  it('prints the answer of the route with --json', async () => {
    const { stdout, calls } = await run(['status', '--json'], { answers });
    expect(JSON.parse(stdout)).toEqual(status());
    expect(calls).toHaveLength(1);
  });

  it('colours on a terminal only, and never against NO_COLOR', async () => {
    const csi = '\u001b[';
    expect((await run(['status'], { answers })).stdout).not.toContain(csi);
    expect((await run(['status'], { answers, tty: true })).stdout).toContain(csi);
    const host = { env: { NO_COLOR: '1' } };
    expect((await run(['status'], { answers, tty: true, host })).stdout).not.toContain(csi);
  });

  it.each([
    ['ready', status(), 0, 0],
    ['joining', status({ role: 'joining', memberRole: null }), 0, 1],
    ['leaderless', status({ slurp: { ...status().slurp, leader: null } }), 0, 1],
  ])('%s', async (_, view, plain, ready) => {
    const table = { ...answers, getStatus: () => view };
    expect((await run(['status'], { answers: table })).exit).toBe(plain);
    const asked = await run(['status', '--ready'], { answers: table });
    expect(asked.exit).toBe(ready);
    expect(asked.stderr.startsWith('cooee: not ready: ')).toBe(ready === 1);
  });
});

describe('leader, doctor, events', () => {
  it('shows the leader', async () => {
    const getLeader = () => ({ peer: PEER_A, term: 4, recipient: 'age1xyz' });
    const { stdout } = await run(['leader'], { answers: { getLeader } });
    expect(stdout).toBe(`leader     ${PEER_A}\nterm       4\nrecipient  age1xyz\n`);
  });

  it.each([[[]], [['--json']]])(
    'without a leader it names the last one: exit 6 %j',
    async (more) => {
      const none = { peer: null, term: 5, recipient: null, last: { peer: PEER_A, term: 4 } };
      const { exit, stdout, stderr } = await run(['leader', ...more], {
        answers: { getLeader: () => none },
      });
      expect(exit).toBe(6);
      expect(stdout).toBe(
        more.length > 0
          ? `${JSON.stringify(none, null, 2)}\n`
          : `leader     none right now\nterm       5\nrecipient  -\nled last   ${PEER_A}, term 4\n`,
      );
      expect(stderr).toContain(more.length > 0 ? 'ERR_SLURP_NO_LEADER' : 'no leader right now');
    },
  );

  it('fails when a check does', async () => {
    const checks = [
      { name: 'home', state: 'ok', cause: 'Mode 0700.', remedy: '' },
      { name: 'leader', state: 'fail', cause: 'There is none.', remedy: 'See: cooee status' },
    ];
    const { exit, stdout } = await run(['doctor'], {
      answers: { getDoctor: () => ({ ok: false, checks }) },
    });
    expect(exit).toBe(1);
    expect(stdout).toBe(`✓ ok    home    Mode 0700.
✗ fail  leader  There is none.
                → See: cooee status
2 checks: 1 failed, 0 to look at
`);
  });

  it('says what it can without a daemon: exit 5', async () => {
    const { exit, stdout, stderr } = await run(['doctor', '--home', '/h']);
    expect({ exit, stderr }).toEqual({ exit: 5, stderr: '' });
    expect(stdout).toContain('✗ fail  daemon  not running on /h\n');
    expect(stdout).toContain('→ Start it: cooee --home /h up\n');
    const json = await run(['doctor', '--json']);
    expect([json.exit, JSON.parse(json.stdout).ok]).toEqual([5, false]);
  });

  it('says what it can of a daemon that hangs', async () => {
    const getDoctor = () => {
      throw new CooeeError('ERR_API_TIMEOUT');
    };
    const { exit, stdout } = await run(['doctor', '--home', '/h'], { answers: { getDoctor } });
    expect(exit).toBe(5);
    expect(stdout).toContain('✗ fail  daemon  not running on /h\n');
  });

  it('breaks long lines at the width of the terminal', async () => {
    const cause = 'a cause that is far too long for one line of a narrow terminal';
    const checks = [{ name: 'disk', state: 'warn', cause, remedy: '' }];
    const lines: string[] = [];
    const stdout = { columns: 50, write: (text: string) => lines.push(text) };
    const answers = { getDoctor: () => ({ ok: true, checks }) };
    const { exit } = await run(['doctor'], { answers, host: { stdout } });
    const widths = lines
      .join('')
      .split('\n')
      .map(({ length }) => length);
    expect([exit, Math.max(...widths) <= 50, widths.length]).toEqual([0, true, 4]);
  });

  it('why: verdict, facts with when and where, and what to type', async () => {
    const why = {
      ...{ thing: 'beta', kind: 'peer', id: PEER_A, verdict: 'removed', text: 'It was removed.' },
      because: [
        { fact: 'removed by alpha', at: '2026-11-21T11:59:00.000Z', index: 9, source: 'log' },
        { fact: 'due', at: '2026-11-21T13:00:00.000Z', source: 'log' },
      ],
      next: ['cooee invite'],
    } as const;
    const { exit, stdout, calls } = await run(['why', 'beta', '--home', '/h'], {
      answers: { getWhy: () => why },
    });
    expect([exit, calls[0]?.input]).toEqual([0, { query: { thing: 'beta' } }]);
    expect(stdout).toBe(
      `peer ${PEER_A}\nIt was removed.\n  · removed by alpha (1 min ago, entry 9)\n  · due\n` +
        '  → cooee --home /h invite\n',
    );
    const several = { ...why, kind: 'several', id: '' };
    const many = await run(['why', 'beta', '--json'], { answers: { getWhy: () => several } });
    expect([many.exit, JSON.parse(many.stdout).kind]).toEqual([2, 'several']);
  });

  it('writes JSON lines, holes included', async () => {
    const event = { id: '1-2', type: 'member:join', time: '2026-11-21T12:00:00Z', data: { a: 1 } };
    const matches: unknown[] = [];
    const answers = {
      watch: (init: { match?: string | undefined }) => {
        matches.push(init.match);
        return [
          { kind: 'event', event },
          { kind: 'gap', reason: 'slow' },
        ] as const;
      },
    };
    const script = await run(['events', '--match', 'member:*', '--json'], { answers });
    expect(
      script.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([event, { type: 'gap', reason: 'slow' }]);
    const people = await run(['events'], { answers });
    expect(people.stdout).toBe(
      '2026-11-21T12:00:00Z  member:join  {"a":1}\n' +
        'gap (slow): events may be missing before this line\n',
    );
    expect(matches).toEqual(['member:*', undefined]);
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('%s knows commands, subcommands and options', async (shell) => {
    const { exit, stdout } = await run(['completion', shell]);
    expect(exit).toBe(0);
    for (const word of ['status', 'enroll', 'remove', '--ttl', '--home']) {
      expect(stdout).toContain(word);
    }
  });
});

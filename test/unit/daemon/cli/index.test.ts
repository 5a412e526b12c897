import { userInfo } from 'node:os';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { processHost } from '../../../../daemon/cli/index.ts';
import { PEER_A, run, status } from './fake-host.ts';

// Every command through its real definition: what is refused before a daemon is asked, and without
// one.

describe('usage', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['nope']],
    ['an unknown option', ['status', '--nope']],
    ['a missing argument', ['retire']],
    ['too many arguments', ['status', 'x']],
    ['an option without its value', ['up', '--listen']],
    ['a role that is none', ['invite', '--role', 'king']],
    ['a role that is none', ['members', 'role', PEER_A, 'king']],
    ['a log level that is none', ['up', '--log-level', 'loud']],
    ['a ttl that is none', ['invite', '--ttl', 'soon']],
    ['uses that are none', ['invite', '--uses', '0']],
    ['a GPU that is none', ['enrol', '--model', 'm', '--gpu', '16']],
    ['a load that is none', ['announce', '458RV', '--load', '1001']],
    ['an empty home', ['status', '--home', '']],
    ['an empty agent socket', ['up', '--agent-socket', '']],
    ['an empty agent socket', ['mcp', '--agent-socket', '']],
    ['an empty group', ['up', '--agent-group', '']],
    ['an empty group', ['service', 'install', '--print', '--user', '--agent-group', '']],
    ['an empty configuration', ['up', '--config', '']],
    ['an empty address', ['up', '--listen', '']],
    ['a socket path that is too long', ['status', '--socket', `/${'x'.repeat(103)}`]],
    ['a shell that is none', ['completion', 'csh']],
    ['no model and no terminal', ['enrol']],
    ['no invite', ['join']],
    ['a mangled invite', ['join', 'hello']],
    ['a mangled token', ['id', 'decode', '458RW']],
    ['a number out of range', ['id', 'encode', '--host', '1024', '--gpu', '0']],
  ])('%s: exit 2, nothing on stdout', async (_, args) => {
    const { exit, stdout, stderr, up } = await run(args);
    expect(stderr).toMatch(/^cooee: .+\ncooee: hint: .+\n$/u);
    expect({ exit, stdout, up }).toEqual({ exit: 2, stdout: '', up: [] });
  });

  it('offers what may have been meant', async () => {
    const { stderr } = await run(['statsu']);
    expect(stderr).toContain('(Did you mean status?)');
  });

  it.each([
    [['up', '--log-level', 'loud'], 'up'],
    [['start', '--nope'], 'up'],
    [['why'], 'why'],
    [['service', 'install', '--nope'], 'service install'],
    [['nope'], ''],
  ])('names the help that helps: %j', async (args, words) => {
    const { stderr } = await run(args);
    expect(stderr).toContain(
      `hint: see: ${['cooee', words, '--help'].filter(Boolean).join(' ')}\n`,
    );
  });

  it('does not put the home at hand into what is typed at another one', async () => {
    const { stderr } = await run(['join', 'cooee1garbage', '--home', '/h']);
    expect(stderr).toContain('that cooee invite printed\n');
  });

  it('explains no empty thing', async () => {
    const { exit, stderr } = await run(['why', ' ', '--home', '/h']);
    expect([exit, stderr]).toEqual([
      2,
      'cooee: the thing to explain is empty\ncooee: hint: see: cooee --home /h why --help\n',
    ]);
  });

  it('tells how to quote a number that the shell took for a comment', async () => {
    const { exit, stderr } = await run(['resolve']);
    expect(exit).toBe(2);
    expect(stderr).toContain("cooee resolve '#7'");
  });

  it('answers -V, --version and --help on stdout with exit 0', async () => {
    expect(await run(['-V'])).toMatchObject({ exit: 0, stdout: '1.2.3\n', stderr: '' });
    expect(await run(['--version'])).toMatchObject({ exit: 0, stdout: '1.2.3\n' });
    const help = await run(['--help']);
    expect(help).toMatchObject({ exit: 0, stderr: '' });
    expect(help.stdout).toContain('Exit codes:  0 ok');
    const invite = await run(['invite', '--help']);
    expect(invite.stdout).toContain('--ttl <time>');
    expect(invite.stdout).toContain('--home <folder>');
  });

  it('reports in JSON also when it cannot parse', async () => {
    const { exit, stderr } = await run(['status', '--nope', '--json']);
    expect(exit).toBe(2);
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'ERR_API_USAGE',
        message: expect.stringContaining('--nope') as unknown,
        remedy: 'See: cooee status --help',
        retryable: false,
      },
    });
  });
});

describe('without a daemon', () => {
  it.each([
    [['down']],
    [['status']],
    [['status', '--ready']],
    [['invite']],
    [['leave']],
    [['members']],
    [['members', 'remove', 'beta']],
    [['agents']],
    [['enrol', '--model', 'm']],
    [['retire', '458RV']],
    [['announce', '458RV']],
    [['resolve', '#7']],
    [['leader']],
  ])('%j: exit 5, says how to start one', async (args) => {
    const { exit, stdout, stderr } = await run(args);
    expect({ exit, stdout }).toEqual({ exit: 5, stdout: '' });
    expect(stderr).toBe(
      'cooee: no daemon answers on /x/cooee.sock\ncooee: hint: start one with: cooee up\n',
    );
  });

  it('is an error of the same shape with --json', async () => {
    const { exit, stderr } = await run(['agents', '--json']);
    expect(exit).toBe(5);
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'ERR_API_DAEMON_NOT_RUNNING',
        message: 'no daemon answers on /x/cooee.sock',
        remedy: 'Start one with: cooee up',
        retryable: false,
      },
    });
  });

  it.each([
    ['/h/agent.sock', 'cooee --home /h up'],
    ['agent.sock', 'cooee --home . up'],
    ['/s/x.agent.sock', 'cooee up'],
    ['/s/x.sock', 'cooee --socket /s/x.sock up'],
  ])('starts none whose operator socket is the one of agents: %s', async (socket, command) => {
    const { stderr } = await run(['agents', '--socket', socket]);
    expect(stderr).toContain(`start one with: ${command}\n`);
  });

  it('names the home in what to type next', async () => {
    const { stderr } = await run(['status', '--home', '/my homes/a']);
    expect(stderr).toContain("start one with: cooee --home '/my homes/a' up\n");
  });
});

describe('home and socket', () => {
  it.each(['', 'relative'])('is not below the working folder when HOME is "%s"', (home) => {
    vi.stubEnv('HOME', home);
    onTestFinished(() => void vi.unstubAllEnvs());
    const unused = () => Promise.reject(new Error('not used'));
    const host = processHost({ loadDaemon: unused, loadBackup: unused, watchHolder: unused });
    expect(host.homedir).toBe(userInfo().homedir);
  });

  it.each([
    ['the default', ['status'], {}, '/home/kim/.local/state/cooee/cooee.sock'],
    ['--home after the command', ['status', '--home', '/h'], {}, '/h/cooee.sock'],
    ['--home before the command', ['--home', '/h', 'status'], {}, '/h/cooee.sock'],
    ['a relative home', ['status', '--home', 'a'], {}, '/work-folder/a/cooee.sock'],
    ['COOEE_HOME', ['status'], { COOEE_HOME: '/e' }, '/e/cooee.sock'],
    ['--socket', ['status', '--socket', 's', '--home', '/h'], {}, '/work-folder/s'],
  ])('%s', async (_, args, env, socket) => {
    const { sockets } = await run(args, {
      answers: { getStatus: () => status(), listAgents: () => ({ agents: [], cursor: null }) },
      host: { env },
    });
    expect(sockets).toEqual([socket]);
  });
});

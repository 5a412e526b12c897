// Goal: what an error tells people to do works when they do it. Method: one error after the other
// is provoked, the command is taken out of its remedy as it stands there, its capital words are
// filled in, it is typed, and what failed before works.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorView } from '../../daemon/api/routes/index.ts';
import type { ErrorView } from '../../protocols/interface/index.ts';
import { type CliResult, runCli, type TestHost, TestMesh, until } from './harness.ts';

const mesh = new TestMesh();
let alpha: TestHost;
let beta: TestHost;
let token: string;

const UNKNOWN_ID = `bafyrei${'a'.repeat(52)}`;
const DR = {
  ...{ kind: 'dr', address: 'ucxl://any:dev@shop:cart/#/one', title: 'One', decision: 'Yes.' },
};

beforeAll(async () => {
  alpha = mesh.host('alpha');
  await alpha.up();
  await alpha.votesAlone();
  beta = mesh.host('beta');
  await beta.up('--join', await alpha.invite());
  ({ token } = await beta.json<{ token: string }>('enrol', '--model', 'm1', '--wait'));
});
afterAll(() => mesh.close());

/** The error that a command ends with: its code and exit code must be those. */
async function refused(
  result: CliResult | Promise<CliResult>,
  code: string,
  exit: number,
): Promise<ErrorView> {
  const { stderr, code: got } = await result;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  const { error } = JSON.parse(last) as { error: ErrorView };
  expect([error.code, got]).toEqual([code, exit]);
  return error;
}

/** The words of a command that stands in the remedy, its capital words replaced. */
function commandIn(
  { remedy }: Pick<ErrorView, 'remedy'>,
  command: string,
  values: Readonly<Record<string, string>> = {},
): string[] {
  expect(remedy).toContain(command);
  const words = command.split(' ').slice(1);
  return words.map((word) => values[word] ?? word);
}

async function works(host: TestHost, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.cli(...words);
  expect([words, code, stderr]).toEqual([words, 0, stderr]);
  return stdout;
}

/** What `up` of this host ends with, before it runs. */
async function upEnds(host: TestHost, ...words: readonly string[]): Promise<CliResult> {
  const before = host.stderr.length;
  host.spawn('--json', '--log-level', 'error', ...words);
  const code = await host.exited;
  return { code, stdout: '', stderr: host.stderr.slice(before) };
}

describe('what was mistyped', () => {
  it.each([
    ['ERR_AGENT_ID_CHECKSUM', ['resolve', '458RW']],
    ['ERR_AGENT_ID_LENGTH', ['id', 'decode', '458']],
  ])('%s: the agents are listed', async (code, words) => {
    const error = await refused(alpha.cli(...words, '--json'), code, 2);
    expect(await works(alpha, commandIn(error, 'cooee agents'))).toContain(token);
  });

  it('ERR_AGENT_ID_RANGE: version 2 takes that host', async () => {
    const words = ['id', 'encode', '--host', '5000', '--gpu', '3'];
    const error = await refused(runCli([...words, '--json']), 'ERR_AGENT_ID_RANGE', 2);
    const more = commandIn(error, 'with --version 2');
    expect((await runCli([...words, ...more])).code).toBe(0);
  });

  it('ERR_API_NOT_FOUND: why tells what is known of it', async () => {
    const error = await refused(alpha.cli('resolve', '4ZNR6', '--json'), 'ERR_API_NOT_FOUND', 3);
    const words = commandIn(error, 'cooee why NAME', { NAME: '4ZNR6' });
    expect(await works(alpha, words)).toContain('ever granted');
  });

  it('ERR_MEMBERSHIP_UNKNOWN_PEER: the members are listed', async () => {
    const words = ['members', 'remove', 'nobody', '--json'];
    const error = await refused(alpha.cli(...words), 'ERR_MEMBERSHIP_UNKNOWN_PEER', 3);
    expect(await works(alpha, commandIn(error, 'cooee members'))).toContain('beta');
  });

  it('ERR_SUBMISSION_MALFORMED: the schema is printed', async () => {
    const file = join(mesh.folder, 'bad.json');
    writeFileSync(file, JSON.stringify({ ...DR, x: { half: 0.5 } }));
    const words = ['submit', 'dr', file, '--json'];
    const error = await refused(alpha.cli(...words), 'ERR_SUBMISSION_MALFORMED', 2);
    const schema = await works(alpha, commandIn(error, 'cooee submit --schema dr'));
    expect(JSON.parse(schema)).toHaveProperty('properties.title');
  });
});

describe('starting', () => {
  it('ERR_API_DAEMON_NOT_RUNNING, ERR_STORAGE_HOME_LOCKED, ERR_STORAGE_HOME_MACHINE', async () => {
    const host = mesh.host('solo');
    const none = await refused(host.cli('status', '--json'), 'ERR_API_DAEMON_NOT_RUNNING', 5);
    const listen = ['--listen', `/ip4/127.0.0.1/tcp/${host.port}`, '--home', host.home];
    host.run(...commandIn(none, 'cooee up'), '--no-mdns', ...listen);
    await host.ready();
    await works(host, ['status']);
    const second = await runCli(['up', '--json', '--no-mdns', ...listen]);
    const locked = await refused(second, 'ERR_STORAGE_HOME_LOCKED', 4);
    await works(host, commandIn(locked, 'cooee down'));
    host.env = { COOEE_MACHINE_ID: 'another-machine' };
    const moved = await refused(upEnds(host), 'ERR_STORAGE_HOME_MACHINE', 4);
    await host.up(...commandIn(moved, 'cooee up --adopt').slice(1));
    await works(host, ['status']);
  });

  it('ERR_CONFIG_INVALID names the field; without it the daemon starts', async () => {
    const host = mesh.host('config');
    mkdirSync(host.home, { mode: 0o700 });
    const file = join(host.home, 'config.json');
    writeFileSync(file, JSON.stringify({ beatMs: 5, mdns: false }));
    const error = await refused(upEnds(host), 'ERR_CONFIG_INVALID', 2);
    expect([error.message, error.details['path']]).toEqual([
      expect.stringContaining('beatMs'),
      'beatMs',
    ]);
    writeFileSync(file, JSON.stringify({ mdns: false }));
    await host.up();
  });

  it('ERR_BOOTSTRAP_LISTEN: an address of this host is opened', async () => {
    const host = mesh.host('listen');
    const foreign = await upEnds(host, '--listen', '/ip4/192.0.2.1/tcp/26633');
    const error = await refused(foreign, 'ERR_BOOTSTRAP_LISTEN', 1);
    const [, flag, address] = commandIn(error, 'cooee up --listen /ip4/0.0.0.0/tcp/26633');
    await host.up(flag ?? '', address ?? '');
    await host.end();
  });

  it('ERR_API_SOCKET_PATH: a shorter path is given with --socket', async () => {
    const home = join(mesh.folder, 'x'.repeat(90), 'home');
    const long = await runCli(['status', '--json', '--home', home]);
    const error = await refused(long, 'ERR_API_SOCKET_PATH', 2);
    expect(error.remedy).toContain('--socket');
    const socket = join(mesh.folder, 's.sock');
    const short = await runCli(['status', '--json', '--home', home, '--socket', socket]);
    await refused(short, 'ERR_API_DAEMON_NOT_RUNNING', 5);
  });
});

describe('members', () => {
  it.each([
    ['ERR_MEMBERSHIP_INVITE_USED', []],
    ['ERR_MEMBERSHIP_INVITE_EXPIRED', ['--ttl', '1s']],
  ])('%s: a new invite lets the host in', async (code, flags) => {
    const host = mesh.host(code.slice(-7).toLowerCase());
    const invite = await alpha.invite(...flags);
    if (flags.length === 0) await mesh.host('first').up('--join', invite);
    else await new Promise((past) => setTimeout(past, 1_100));
    const error = await refused(upEnds(host, '--join', invite), code, 4);
    const fresh = await works(alpha, commandIn(error, 'cooee invite'));
    await host.up('--join', fresh.trim());
    await alpha.json('members', 'remove', await host.peer());
  });

  it('ERR_MEMBERSHIP_FORBIDDEN, ERR_MEMBERSHIP_LAST_ADMIN: another is made admin', async () => {
    const peer = await beta.peer();
    const error = await refused(beta.cli('invite', '--json'), 'ERR_MEMBERSHIP_FORBIDDEN', 4);
    expect(await works(beta, commandIn(error, 'cooee members'))).toMatch(/alpha .*admin/);
    const lower = ['members', 'role', 'alpha', 'member'];
    const last = await refused(alpha.cli(...lower, '--json'), 'ERR_MEMBERSHIP_LAST_ADMIN', 4);
    await works(alpha, commandIn(last, 'cooee members role PEER admin', { PEER: peer }));
    await until('beta may invite', async () => (await beta.cli('invite')).code === 0);
    await works(alpha, lower);
    await works(beta, ['members', 'role', 'alpha', 'admin']);
  });

  it('ERR_BOOTSTRAP_OTHER_MESH, ERR_MEMBERSHIP_REMOVED: leave, then join', async () => {
    const solo = mesh.hosts.find(({ name }) => name === 'solo')!;
    const host = mesh.host('mover');
    await host.up('--join', await solo.invite());
    const invite = await alpha.invite();
    const other = await refused(host.cli('join', invite, '--json'), 'ERR_BOOTSTRAP_OTHER_MESH', 4);
    await works(host, commandIn(other, 'cooee leave'));
    await works(host, ['join', invite]);
    await alpha.json('members', 'remove', await host.peer());
    const removed = await until('it is told', async () => {
      const result = await host.cli('call', 'Am I in?', '--json');
      return result.code === 4 && result;
    });
    const error = await refused(removed, 'ERR_MEMBERSHIP_REMOVED', 4);
    const doctor = await host.cli('doctor', '--json');
    const { checks } = JSON.parse(doctor.stdout) as DoctorView;
    expect(checks.filter(({ state }) => state === 'fail').map(({ name }) => name)).toEqual([
      'removed',
    ]);
    await works(host, commandIn(error, 'cooee leave'));
    const INVITE = await alpha.invite();
    await works(host, commandIn(error, 'cooee join INVITE', { INVITE }));
    const { members } = await host.json<{ members: { name: string }[] }>('members');
    expect(members.map(({ name }) => name)).toContain('beta');
  });
});

describe('work', () => {
  it('ERR_HELP_UNKNOWN, ERR_HELP_UNCLAIMED, ERR_HELP_ANSWERED', async () => {
    const gone = await refused(alpha.cli('calls', UNKNOWN_ID, '--json'), 'ERR_HELP_UNKNOWN', 3);
    await works(alpha, commandIn(gone, 'cooee calls'));
    await works(alpha, commandIn(gone, 'cooee why ID', { ID: UNKNOWN_ID }));
    const { id } = await beta.json<{ id: string }>('call', 'May I?');
    await until('it is there', async () => (await alpha.cli('calls', id)).code === 0);
    const free = await refused(alpha.cli('release', id, '--json'), 'ERR_HELP_UNCLAIMED', 4);
    await works(alpha, commandIn(free, 'cooee claim ID', { ID: id }));
    await works(alpha, ['release', id]);
    await works(alpha, ['answer', id, 'yes', '--by', 'Ada']);
    const again = alpha.cli('answer', id, 'no', '--by', 'Bob', '--json');
    const answered = await refused(again, 'ERR_HELP_ANSWERED', 4);
    expect(await works(alpha, commandIn(answered, 'cooee calls ID', { ID: id }))).toContain('yes');
  });

  it('ERR_SUBMISSION_DECIDED: the decision is read, and replaced', async () => {
    const file = join(mesh.folder, 'dr.json');
    writeFileSync(file, JSON.stringify(DR));
    const { id } = await alpha.json<{ id: string }>('submit', 'dr', file, '--wait');
    const decide = ['decide', id, '--as', 'accepted', '--why', 'good'];
    await works(alpha, decide);
    const other = ['decide', id, '--as', 'rejected', '--why', 'bad'];
    const error = await refused(alpha.cli(...other, '--json'), 'ERR_SUBMISSION_DECIDED', 4);
    const words = commandIn(error, 'cooee submissions ID', { ID: id });
    expect(await works(alpha, words)).toContain('accepted');
    const [, instead = ''] = commandIn(error, 'cooee decide --instead');
    await works(alpha, [...other, instead]);
  });

  it('ERR_SESSIONS_NEEDED: a ticket is made and used', async () => {
    const socket = ['--socket', join(beta.home, 'agent.sock')];
    const announce = ['announce', token, '--status', 'busy', ...socket];
    const error = await refused(beta.cli(...announce, '--json'), 'ERR_SESSIONS_NEEDED', 4);
    const FILE = join(mesh.folder, 'ticket');
    const command = 'cooee sessions create TOKEN --out FILE';
    await works(beta, commandIn(error, command, { TOKEN: token, FILE }));
    expect(error.remedy).toContain('--ticket FILE');
    await works(beta, [...announce, '--ticket', FILE]);
  });

  it('ERR_SLURP_NO_LEADER: the doctor names the voter that is away; back, it goes on', async () => {
    await alpha.end('SIGKILL');
    const query = { query: { consistency: 'linearizable' } } as const;
    const error = await until('there is no leader', async () => {
      const thrown = await beta.client.call('listMembers', query).catch((it: unknown) => it);
      const view = thrown as ErrorView;
      return view.code === 'ERR_SLURP_NO_LEADER' && view;
    });
    const { code, stdout } = await beta.cli(...commandIn(error, 'cooee doctor'));
    expect([code, stdout]).toEqual([1, expect.stringMatching(/away: alpha/)]);
    await alpha.up();
    await until('it goes on', () => beta.client.call('listMembers', query));
  });
});

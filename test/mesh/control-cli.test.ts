import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../daemon/system/crypto.ts';
import { parseInvite } from '../../protocols/membership/index.ts';
import { type CliResult, freePort, runCli, type TestHost, TestMesh, until } from './harness.ts';

// Goal: what scripts rely on: the fields of --json (docs/cli.md), exit codes, errors on
// stderr; and that no secret reaches a log. Method: the real command line on two real daemons.

let mesh: TestMesh;
let alpha: TestHost;
let beta: TestHost;
/** Every invite line of this session. */
const lines: string[] = [];
let token: string;

beforeAll(async () => {
  mesh = new TestMesh();
  [alpha] = (await mesh.start('alpha')) as [TestHost];
  beta = mesh.host('beta');
  lines.push(await alpha.invite());
  await beta.up('--join', lines[0]!);
  const enrolled = await beta.json<{ token: string }>('enrol', '--model', 'llama3-70b', '--wait');
  token = enrolled.token;
});
afterAll(async () => {
  await mesh.close();
});

/** The fields of a value, nested ones with dots, of a list's items with []. */
const fieldsOf = (value: unknown, prefix = ''): string[] => {
  if (Array.isArray(value))
    return value.length === 0 ? [prefix] : fieldsOf(value[0], `${prefix}[]`);
  if (typeof value !== 'object' || value === null) return [prefix];
  return Object.entries(value).flatMap(([key, field]) =>
    fieldsOf(field, prefix === '' ? key : `${prefix}.${key}`),
  );
};

const AGENT = [
  'token',
  'number',
  'gpuSlot',
  'hash',
  'tinyHash',
  'model',
  'hostname',
  'mac',
  'gpuId',
  'peer',
  'capabilities',
  'status',
  'lastSeen',
];
const inList = (list: string, fields: readonly string[]): string[] =>
  fields.map((field) => `${list}[].${field}`);

describe('--json has the fields that scripts rely on', () => {
  const cases: readonly (readonly [string, () => readonly string[], readonly string[]])[] = [
    [
      'status',
      () => ['status'],
      [
        ...['peer', 'name', 'version', 'home', 'socket', 'addresses[]'].map((it) => `node.${it}`),
        ...['mesh.id', 'mesh.name', 'mesh.level', 'role', 'memberRole'],
        ...['leader', 'isLeader', 'term', 'commitIndex', 'appliedIndex', 'voters[]'].map(
          (it) => `slurp.${it}`,
        ),
        ...['peers.connected', 'peers.members', 'outbox.waiting', 'health.ok', 'health.conditions'],
      ],
    ],
    ['invite', () => ['invite'], ['invite', 'expiresAt', 'uses']],
    ['join, as a member already', () => ['join', lines[0]!], ['mesh', 'peer']],
    [
      'members',
      () => ['members'],
      inList('members', ['peer', 'name', 'role', 'state', 'addresses[]', 'lastSeen']),
    ],
    ['agents', () => ['agents'], inList('agents', AGENT)],
    ['resolve', () => ['resolve', token], AGENT],
    ['resolve #N', () => ['resolve', '#0'], inList('agents', AGENT)],
    ['enrol', () => ['enrol', '--model', 'llama3-70b'], ['id', 'state', 'token']],
    ['announce', () => ['announce', token, '--status', 'busy'], AGENT],
    ['leader', () => ['leader'], ['peer', 'term', 'recipient']],
    ['id encode', () => ['id', 'encode', '--host', '42', '--gpu', '3'], ['token']],
    [
      'id decode',
      () => ['id', 'decode', '458RV'],
      ['version', 'host', 'gpu', 'reserved', 'checksum'],
    ],
    ['doctor', () => ['doctor'], ['ok']],
  ];

  it.each(cases)('%s', async (name, args, fields) => {
    const host = name === 'invite' ? alpha : beta;
    const answer = await host.json(...args());
    if (name === 'invite') lines.push(String(answer['invite']));
    const printed = fieldsOf(answer).map((field) => field.replace(/^(.*capabilities)\[\]$/, '$1'));
    expect(printed).toEqual(expect.arrayContaining([...fields]));
  });

  it('on stderr for errors, with nothing on stdout', async () => {
    const { code, stdout, stderr } = await beta.cli('resolve', '458RV', '--json');
    const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
    expect([code, stdout, error['code']]).toEqual([3, '', 'ERR_API_NOT_FOUND']);
    expect(Object.keys(error)).toEqual(
      expect.arrayContaining(['code', 'message', 'remedy', 'retryable']),
    );
  });
});

describe('exit codes', () => {
  it('0 done, 2 mangled, 3 not there, 4 refused', async () => {
    const wanted: readonly (readonly [number, readonly string[]])[] = [
      [0, ['status']],
      [0, ['status', '--ready']],
      [0, ['resolve', token]],
      [0, ['id', 'decode', '458RV']],
      [2, ['id', 'decode', '458RW']],
      [2, ['resolve', 'U'.repeat(5)]],
      [2, ['join', 'cooee1mangled']],
      [2, ['no-such-command']],
      [2, ['members', 'role', await beta.peer(), 'emperor']],
      [2, ['announce', token, '--load', 'heavy']],
      [3, ['resolve', '4ZNR6']],
      [3, ['resolve', '#77']],
      [4, ['members', 'role', await beta.peer(), 'admin']],
      [4, ['invite']],
      [4, ['members', 'remove', await alpha.peer()]],
    ];
    const got = await Promise.all(
      wanted.map(async ([, args]) => {
        const { code, stderr } = await beta.cli(...args);
        expect(stderr).not.toMatch(/\n\s+at /);
        return [code, args];
      }),
    );
    expect(got).toEqual(wanted);
  });

  it('5 without a daemon, and how to start one', async () => {
    const home = mesh.host('nobody').home;
    for (const args of [['status'], ['agents'], ['invite'], ['down'], ['members']]) {
      const { code, stdout, stderr } = await runCli([...args, '--home', home]);
      expect([args, code, stdout]).toEqual([args, 5, '']);
      expect(stderr).toMatch(/^cooee: no daemon answers on .*cooee\.sock\n/);
      expect(stderr).toMatch(/hint: start one with: .*cooee(\.js|)? .*up|main\.js .*up/);
    }
    expect(existsSync(home)).toBe(false);
    const json = await runCli(['status', '--json', '--home', home]);
    expect(JSON.parse(json.stderr).error).toMatchObject({ code: 'ERR_API_DAEMON_NOT_RUNNING' });
  });

  it('1 for status --ready without a leader, 6 for a write meanwhile', async () => {
    await alpha.end('SIGKILL');
    await until(
      'beta knows that its leader is away',
      async () => (await beta.cli('status', '--ready')).code === 1,
    );
    expect((await beta.cli('status')).code).toBe(0);
    const { code, stderr } = await beta.cli('invite', '--json');
    expect([code, JSON.parse(stderr).error.retryable]).toEqual([6, true]);
    await alpha.up();
  });
});

describe('a home whose path is too long for a socket', () => {
  it('is refused with a type, and works with --socket', async () => {
    const home = join(mesh.folder, 'long'.repeat(20), 'longer'.repeat(5));
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const refused: CliResult[] = await Promise.all([
      runCli(['up', '--no-mdns', '--json', '--home', home]),
      runCli(['status', '--json', '--home', home]),
    ]);
    for (const { code, stderr } of refused) {
      const last = stderr.trim().split('\n').at(-1) ?? '';
      const { error } = JSON.parse(last) as { error: { code: string; remedy: string } };
      expect([error.code, code]).toEqual(['ERR_API_SOCKET_PATH', 2]);
      expect(error.remedy).toContain('--socket');
    }
    const short = mesh.host('short');
    const socket = `${short.home}.sock`;
    short.spawn('--home', home, '--socket', socket);
    const status = await until('it answers on the short path', async () => {
      const { code, stdout } = await runCli([
        'status',
        '--json',
        '--home',
        home,
        '--socket',
        socket,
      ]);
      return code === 0 && (JSON.parse(stdout) as { node: Record<string, string> });
    });
    expect(status.node['socket']).toBe(socket);
    const agents = await runCli(['agents', '--socket', status.node['agentSocket']!, '--json']);
    expect(agents.code).toBe(0);
    const down = await runCli(['down', '--home', home, '--socket', socket]);
    expect([down.code, existsSync(socket)]).toEqual([0, false]);
  });
});

describe('the logs of the whole session, at debug', () => {
  it('hold no secret: no invite, seed, key of a node, age key or recovery key', async () => {
    const gamma = mesh.host('gamma');
    const line = await alpha.invite();
    lines.push(line);
    // Also what goes wrong with a secret must not print it.
    const mangled = `${line.slice(0, -2)}aa`;
    gamma.spawn('--join', '-', '--listen', `/ip4/127.0.0.1/tcp/${freePort()}`);
    await gamma.exited;
    const refused = await runCli(['up', '--home', gamma.home, '--no-mdns', '--join', mangled]);
    expect(refused.code).toBe(2);
    await gamma.up('--join', line);
    await alpha.client.call('removeMember', { params: { peer: await gamma.peer() } });
    await until('gamma knows', async () => (await gamma.json('status'))['memberRole'] === null);
    const secrets: Record<string, string> = { mangled };
    for (const [i, text] of lines.entries()) {
      const { seed } = parseInvite(nodeCrypto.sha256, text);
      secrets[`line ${i}`] = text;
      secrets[`end of line ${i}`] = text.slice(-60);
      secrets[`seed ${i} in hex`] = Buffer.from(seed).toString('hex');
      secrets[`seed ${i} in base64`] = Buffer.from(seed).toString('base64');
      secrets[`seed ${i} in JSON`] = [...seed.slice(0, 12)].join(',');
    }
    for (const host of [alpha, beta, gamma]) {
      const nodeKey = readFileSync(join(host.home, 'node.key'), 'utf8').trim();
      const raw = Buffer.from(nodeKey, 'base64');
      secrets[`node key of ${host.name}`] = nodeKey;
      secrets[`node key of ${host.name} in hex`] = raw.toString('hex').slice(8, 72);
      secrets[`age key of ${host.name}`] =
        /AGE-SECRET-KEY-\S{20}/.exec(readFileSync(join(host.home, 'age.key'), 'utf8'))?.[0] ?? '';
    }
    secrets['recovery key'] = readFileSync(join(alpha.home, 'RECOVERY-KEY'), 'utf8').trim();
    const logs = [alpha, beta, gamma].map(({ stdout, stderr }) => stdout + stderr).join('\n');
    expect(logs.length).toBeGreaterThan(2_000);
    const shown = Object.entries(secrets).filter(
      ([, secret]) =>
        secret.length < 20 || `${logs}${refused.stderr}${refused.stdout}`.includes(secret),
    );
    expect(shown).toEqual([]);
    expect(logs).not.toContain('AGE-SECRET-KEY');
    expect(logs).not.toMatch(/cooee-recovery1\w/);
  });
});

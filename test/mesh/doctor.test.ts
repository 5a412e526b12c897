// Goal: the doctor of a mesh that is well says so, in time; of one that is not it names the line,
// the cause and what helps, and it says what it can where no daemon runs.
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DoctorView } from '../../daemon/api/routes/index.ts';
import { type TestHost, TestMesh, until } from './harness.ts';
import { Stopwatch } from './stopwatch.ts';

const mesh = new TestMesh();
let alpha: TestHost;
let beta: TestHost;
let gamma: TestHost;

beforeAll(async () => {
  [alpha, beta, gamma] = (await mesh.start('alpha', 'beta', 'gamma')) as [
    TestHost,
    TestHost,
    TestHost,
  ];
});
afterAll(() => mesh.close());

const stateOf = ({ checks }: DoctorView, name: string): string | undefined =>
  checks.find((check) => check.name === name)?.state;

it('a mesh of three is well on every line, within two seconds', async () => {
  const view = await until('all is well', async () => {
    const doctor = await beta.client.call('getDoctor', {});
    const voters = doctor.checks.find(({ name }) => name === 'quorum');
    const isSettled = voters?.cause.startsWith('3 of 3') === true;
    return isSettled && doctor.checks.every(({ state }) => state === 'ok') && doctor;
  });
  expect(view.checks.map(({ name }) => name)).toEqual([
    ...['daemon', 'socket', 'agent socket', 'home', 'disk', 'clock', 'listen', 'mdns'],
    ...['member alpha', 'member gamma', 'leader', 'quorum', 'outbox', 'dht'],
  ]);
  const watch = new Stopwatch();
  const { code, stdout } = await beta.cli('doctor');
  await watch.expectWithin(2_000, 'the doctor of a mesh of three');
  expect([code, stdout]).toEqual([0, expect.stringContaining('✓ ok    leader')]);
  const left = readdirSync(beta.home).filter((name) => name.includes('doctor'));
  expect(left).toEqual([]);
});

it('asked by many at once it walks once', async () => {
  const views = await Promise.all(
    Array.from({ length: 20 }, () => beta.client.call('getDoctor', {})),
  );
  expect(new Set(views.map((view) => JSON.stringify(view))).size).toBeLessThan(4);
});

it('a home and a key that others may read: warn and fail, each with its command', async () => {
  const key = join(beta.home, 'node.key');
  chmodSync(beta.home, 0o755);
  chmodSync(key, 0o644);
  const { code, stdout } = await beta.cli('doctor', '--json');
  const { checks } = JSON.parse(stdout) as DoctorView;
  const homes = checks.filter(({ name }) => name === 'home');
  expect([code, homes.map(({ state, remedy }) => [state, remedy])]).toEqual([
    1,
    [
      ['warn', `chmod 700 ${beta.home}`],
      ['fail', `chmod 600 ${key}`],
    ],
  ]);
  chmodSync(key, 0o600);
  chmodSync(beta.home, 0o700);
  expect((await beta.cli('doctor')).code).toBe(0);
});

it('the DHT asks nobody who is unreachable, and asks again who is back', async () => {
  const dht = async (): Promise<string> => {
    const { checks } = await beta.client.call('getDoctor', {});
    return checks.find(({ name }) => name === 'dht')?.cause ?? '';
  };
  await until('both others take a copy', async () => (await dht()).includes('put on 2 members'));
  // Frozen: whoever dials it gets no answer, and waits.
  gamma.signal('SIGSTOP');
  try {
    await until('it is unreachable', async () => {
      const { members } = await beta.client.call('listMembers', {});
      return members.find(({ name }) => name === 'gamma')?.state === 'unreachable';
    });
    expect(await dht()).toContain('put on 1 member');
  } finally {
    gamma.signal('SIGCONT');
  }
  await until('it takes a copy again', async () => (await dht()).includes('put on 2 members'));
});

it('a dead voter is a warning, exit 0; without a majority it fails, exit 1', async () => {
  await gamma.end('SIGKILL');
  const warned = await beta.cli('doctor', '--json');
  const view = JSON.parse(warned.stdout) as DoctorView;
  expect([warned.code, stateOf(view, 'member gamma'), stateOf(view, 'quorum')]).toEqual([
    ...[0, 'warn', 'warn'],
  ]);
  await alpha.end('SIGKILL');
  const failed = await until('the leader is missed', async () => {
    const result = await beta.cli('doctor', '--json');
    const isLed = stateOf(JSON.parse(result.stdout) as DoctorView, 'leader') === 'ok';
    return !isLed && result;
  });
  expect([failed.code, stateOf(JSON.parse(failed.stdout) as DoctorView, 'quorum')]).toEqual([
    ...[1, 'fail'],
  ]);
});

it('without a daemon: exit 5, what is known of the home, and how to start it', async () => {
  const { code, stdout } = await alpha.cli('doctor');
  expect(code).toBe(5);
  expect(stdout).toMatch(/✗ fail {2}daemon .* not running on/);
  expect(stdout).toMatch(/✓ ok {4}mesh .* a member of/);
  expect(stdout).toMatch(/→ Start it: .* up\n/);
  const none = mesh.host('nobody');
  expect((await none.cli('doctor')).code).toBe(5);
  expect(existsSync(none.home)).toBe(false);
});

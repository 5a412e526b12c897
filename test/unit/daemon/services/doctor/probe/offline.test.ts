// Goal: where no daemon answers, what would keep one from starting is found, and nothing is
// changed.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { examineOffline } from '../../../../../../daemon/services/doctor/index.ts';
import { silentLogger } from '../../../../../../protocols/interface/index.ts';
import { loadOrCreateAgeIdentity, loadOrCreateNodeKey } from '../../../../../../storage/keys.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cooee-doctor-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function states(): Promise<Record<string, string>> {
  const { checks } = await examineOffline({ home, socket: join(home, 'cooee.sock') });
  return Object.fromEntries(checks.map(({ name, state }) => [name, state]));
}

it('of an empty home only that nobody runs', async () => {
  writeFileSync(join(home, 'listen.json'), '["/ip4/127.0.0.1/tcp/0"]');
  const before = readdirSync(home);
  expect(await states()).toEqual({
    ...{ daemon: 'fail', home: 'ok', disk: 'ok', settings: 'ok', port: 'ok' },
  });
  expect(readdirSync(home)).toEqual(before);
});

it('a home that is not there yet is no fault, and is not made', async () => {
  rmSync(home, { recursive: true });
  expect(await states()).toMatchObject({ daemon: 'fail', home: 'warn', disk: 'ok' });
  expect(readdirSync(tmpdir())).not.toContain(home);
});

it.each([
  ['a file', (path: string) => writeFileSync(path, '')],
  ['a link', (path: string) => symlinkSync(home, path)],
])('of %s in the place of a home that alone is told', async (_what, make) => {
  const path = join(home, 'wrong');
  make(path);
  const { ok, checks } = await examineOffline({ home: path, socket: join(path, 'cooee.sock') });
  expect([ok, checks.map(({ name, remedy }) => [name, remedy])]).toEqual([
    false,
    [
      ['daemon', 'Name its home first, with --home.'],
      ['home', 'Give the real folder with --home.'],
    ],
  ]);
});

it('settings, modes, format and machine that are wrong are named', async () => {
  writeFileSync(join(home, 'config.json'), '{"beatMs": 1}');
  writeFileSync(join(home, 'FORMAT'), 'cooee home 99\n');
  writeFileSync(join(home, 'machine'), JSON.stringify({ source: 'dmi', id: 'aa' }));
  writeFileSync(join(home, 'node.key'), '', { mode: 0o644 });
  chmodSync(home, 0o755);
  const { checks } = await examineOffline({ home, socket: join(home, 'cooee.sock') });
  const bad = checks.filter(({ state }) => state !== 'ok').map(({ name }) => name);
  expect(bad.filter((name) => name !== 'port')).toEqual([
    ...['daemon', 'home', 'home', 'format', 'machine', 'settings'],
  ]);
  expect(checks.find(({ name }) => name === 'settings')?.cause).toContain('beatMs');
});

it('a port that is taken is named', async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  writeFileSync(join(home, 'listen.json'), JSON.stringify([`/ip4/127.0.0.1/tcp/${port}`]));
  const { checks } = await examineOffline({ home, socket: join(home, 'cooee.sock') });
  await new Promise((done) => server.close(done));
  expect(checks.find(({ name }) => name === 'port')).toMatchObject({
    ...{ state: 'warn', cause: expect.stringContaining('EADDRINUSE') },
  });
});

it('a live holder of the home is named, and holds its port rightly', async () => {
  writeFileSync(join(home, 'pid'), `${process.pid}\n`);
  const { checks } = await examineOffline({ home, socket: join(home, 'cooee.sock') });
  expect(checks[0]?.cause).toContain(`process ${process.pid} holds`);
  expect(checks.map(({ name }) => name)).not.toContain('port');
});

it('nobody is told to kill another program', async (context) => {
  if (process.platform !== 'linux') context.skip('what a process runs is read from /proc');
  const other = spawn('sleep', ['60']);
  try {
    writeFileSync(join(home, 'pid'), `${other.pid}\n`);
    const { checks } = await examineOffline({ home, socket: join(home, 'cooee.sock') });
    expect(checks[0]?.cause).toBe(`not running on ${home}`);
  } finally {
    other.kill();
  }
});

it('a mesh file that is mangled is told, not thrown', async () => {
  mkdirSync(join(home, 'mesh'));
  writeFileSync(join(home, 'mesh/mesh.json'), '{');
  const { ok, checks } = await examineOffline({ home, socket: join(home, 'cooee.sock') });
  expect([ok, checks.at(-1)]).toEqual([
    false,
    { name: 'mesh', state: 'fail', cause: 'mesh.json is damaged', remedy: expect.any(String) },
  ]);
});

it.each([
  ['node.key', 'node.key', 'is not base64'],
  ['age.key', 'age.key', 'has a line that is not an age identity'],
  ['boot', 'boot', 'is no counter'],
  ['FORMAT', 'format', 'names no format'],
  ['machine', 'machine', 'is no record'],
  ['listen.json', 'listen.json', 'is damaged'],
  ['host.json', 'host.json', 'is not a host record'],
])('garbage in %s is told under its name, and stays as it is', async (file, name, cause) => {
  writeFileSync(join(home, file), '{garbage', { mode: 0o600 });
  const before = readdirSync(home);
  const { checks } = await examineOffline({ home, socket: join(home, 'cooee.sock') });
  const failed = checks.filter((it) => it.state === 'fail' && it.name !== 'daemon');
  expect(failed).toEqual([
    { name, state: 'fail', cause: expect.stringContaining(cause), remedy: expect.any(String) },
  ]);
  expect(failed[0]?.remedy).not.toBe('');
  expect(readdirSync(home)).toEqual(before);
  expect(readFileSync(join(home, file), 'utf8')).toBe('{garbage');
});

it('keys and counter of a node that ran are read, and are no fault', async () => {
  const keys = { path: home, logger: silentLogger };
  await loadOrCreateNodeKey(keys);
  await loadOrCreateAgeIdentity(keys, 'x25519');
  writeFileSync(join(home, 'boot'), '7\n');
  const age = readFileSync(join(home, 'age.key'), 'utf8');
  expect(Object.values(await states()).filter((it) => it === 'fail')).toEqual(['fail']);
  expect(readFileSync(join(home, 'age.key'), 'utf8')).toBe(age);
});

import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN, runCli, TestHost, TestMesh, until } from './harness.ts';
import { FakeSystemd } from './install/fake-systemd.ts';
import { conditions, hasMesh, membersOn, meshOf } from './views.ts';

// `cooee service` with real daemons, started and stopped by a systemd of straw: one user's, since
// nothing of the machine is changed by it. What a real systemd says of the unit, and the sequence
// for the whole machine: test/unit/bootstrap/service.

let mesh: TestMesh;
let base: TestHost;
const systemds: FakeSystemd[] = [];

beforeAll(async () => {
  mesh = new TestMesh();
  [base] = (await mesh.start('base')) as [TestHost];
  await base.votesAlone();
});

afterAll(async () => {
  for (const systemd of systemds) systemd.close();
  await mesh.close();
});

/** A host whose daemon is run by a systemd of its own. */
class ServiceHost extends TestHost {
  readonly systemd: FakeSystemd;

  constructor(name: string) {
    super(name, join(mesh.folder, name, 'home'));
    this.systemd = new FakeSystemd(join(mesh.folder, name, 'systemd'));
    this.env = this.systemd.env;
    systemds.push(this.systemd);
    mesh.hosts.push(this);
  }

  async install(...args: string[]) {
    const listen = ['--listen', `/ip4/127.0.0.1/tcp/${this.port}`, '--no-mdns'];
    const host = ['--hostname', this.name, '--mac', `02:00:00:00:01:${(this.port % 90) + 10}`];
    return await this.cli('service', 'install', '--user', ...listen, ...host, ...args);
  }

  async refused(...args: string[]) {
    const { code, stderr } = await this.install('--json', ...args);
    return { exit: code, ...(JSON.parse(stderr) as { error: { code: string; message: string } }) };
  }
}

describe('the service of a user', () => {
  let host: ServiceHost;

  beforeAll(() => {
    host = new ServiceHost('alpha');
  });

  it('is installed and runs', async () => {
    const { code, stdout, stderr } = await host.install();
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/loginctl enable-linger[\s\S]*RECOVERY-KEY; move it off/u),
    });
    expect(stdout).toMatch(/^installed\nservice {2}cooee\.service {2}systemd, of this user\n/u);
    expect(stdout).toMatch(/^state {4}active \(running\), pid \d+$/mu);
    expect(statSync(host.systemd.unit).mode & 0o777).toBe(0o644);
    expect(statSync(host.home).mode & 0o777).toBe(0o700);
    expect(host.systemd.calls).toEqual([
      'systemctl --user daemon-reload',
      'systemctl --user enable cooee.service',
      'systemctl --user restart cooee.service',
    ]);
    await host.ready();
    expect((await host.json('status'))['role']).toBe('voter');
  });

  it('is told of: state, logs', async () => {
    // Without --user too: no other one is installed.
    const view = await host.json('service', 'status');
    expect(view).toMatchObject({
      manager: 'systemd',
      scope: 'user',
      home: host.home,
      running: true,
      enabled: true,
      state: 'active (running)',
    });
    const logs = await host.cli('service', 'logs', '--lines', '20');
    expect(logs.code).toBe(0);
    expect(logs.stdout).toContain('"level"');
    expect(host.systemd.calls.at(-1)).toBe(
      'journalctl --user-unit=cooee.service --lines=20 --no-pager',
    );
    expect((await host.cli('service', 'logs', '--lines', 'x')).code).toBe(2);
  });

  it('installed once more is changed and started anew, with the same identity', async () => {
    const [peer, own] = [await host.peer(), await meshOf(host)];
    const before = await host.json<{ pid: number }>('service', 'status');
    const { code, stdout } = await host.install('--log-level', 'debug');
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^updated\n/u) });
    await host.ready();
    expect(host.systemd.unitText).toContain('--log-level debug');
    expect([await host.peer(), await meshOf(host)]).toEqual([peer, own]);
    expect((await host.json<{ pid: number }>('service', 'status')).pid).not.toBe(before.pid);
  });

  it('that was stopped by `cooee down` stays so: exit 1', async () => {
    expect((await host.cli('down')).code).toBe(0);
    await until('the manager has seen it', async () => {
      return (await host.cli('service', 'status')).code === 1;
    });
    expect((await host.cli('service', 'status')).stdout).toContain('state    inactive (dead)\n');
  });

  it('is removed, and the home stays', async () => {
    const { code, stdout } = await host.cli('service', 'remove');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `removed ${host.systemd.unit}\nThe home stays: ${host.home}\n`,
    });
    expect(existsSync(host.systemd.unit)).toBe(false);
    expect(hasMesh(host)).toBe(true);
    expect((await host.cli('service', 'remove', '--user')).code).toBe(3);
    const status = await host.cli('service', 'status', '--user');
    expect({ ...status, stderr: status.stderr.split('\n')[0] }).toEqual({
      code: 3,
      stdout: '',
      stderr: 'cooee: the service is not installed',
    });
  });

  it('is only printed with --print', async () => {
    const { code, stdout } = await host.install('--print');
    expect(code).toBe(0);
    expect(stdout).toContain(`ExecStart=`);
    expect(stdout).toContain(` ${MAIN} up --home ${host.home} `);
    expect(existsSync(host.systemd.unit)).toBe(false);
  });
});

describe('what keeps a service from being installed', () => {
  let host: ServiceHost;

  beforeAll(() => {
    host = new ServiceHost('beta');
  });

  it('one of that name that somebody else made', async () => {
    mkdirSync(dirname(host.systemd.unit), { recursive: true });
    writeFileSync(host.systemd.unit, '[Service]\nExecStart=/bin/true\n');
    expect(await host.refused()).toMatchObject({
      exit: 4,
      error: { code: 'ERR_BOOTSTRAP_SERVICE_FOREIGN' },
    });
    expect(host.systemd.unitText).toBe('[Service]\nExecStart=/bin/true\n');
    expect((await host.cli('service', 'remove', '--user')).code).toBe(4);
    expect(host.systemd.calls).toEqual([]);
    writeFileSync(host.systemd.unit, '# Made by cooee service install\n');
  });

  it('a systemd that does not answer: what was there is put back', async () => {
    host.systemd.fail('fail-daemon-reload', 'Failed to connect to bus: No medium found');
    expect(await host.refused()).toMatchObject({
      exit: 1,
      error: {
        code: 'ERR_BOOTSTRAP_SERVICE_FAILED',
        message: 'systemctl: Failed to connect to bus: No medium found',
        remedy: expect.stringContaining('Log in as that user'),
      },
    });
    expect(host.systemd.unitText).toBe('# Made by cooee service install\n');
  });

  it('no systemd at all', async () => {
    const empty = join(mesh.folder, 'empty');
    mkdirSync(empty);
    const args = ['service', 'install', '--user', '--json', '--home', host.home];
    const { code, stderr } = await runCli(args, { env: { ...host.env, PATH: empty } });
    expect({ code, error: JSON.parse(stderr).error.code }).toEqual({
      code: 1,
      error: 'ERR_BOOTSTRAP_SERVICE_UNSUPPORTED',
    });
  });

  it('a daemon that runs on the home already', async () => {
    await host.up();
    expect(await host.refused()).toMatchObject({
      exit: 4,
      error: { code: 'ERR_BOOTSTRAP_SERVICE_DAEMON' },
    });
    await host.end();
  });

  it('nothing: a user without namespaces gets one with fewer fences', async () => {
    host.systemd.fail('fail-restart', 'Job for cooee.service failed.', '226');
    const { code, stderr } = await host.install();
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('without those fences'),
    });
    expect(host.systemd.unitText).not.toContain('PrivateUsers');
    expect((await host.cli('service', 'remove')).code).toBe(0);
  });
});

describe('a service that is to join', () => {
  it('takes the invite from a file that is gone afterwards, and starts without it', async () => {
    const host = new ServiceHost('gamma');
    const [invite, file] = [await base.invite(), join(mesh.folder, 'invite')];
    writeFileSync(file, invite, { mode: 0o600 });
    expect(await host.install('--join', `@${file}`)).toMatchObject({ code: 0 });
    await host.ready();
    expect(await membersOn(base)).toContain('gamma');
    expect(host.systemd.unitText).not.toContain(invite);
    expect(host.systemd.unitText).toContain(`--join @${host.home}/service-invite`);
    expect(existsSync(join(host.home, 'service-invite'))).toBe(false);
    expect(existsSync(join(host.home, 'RECOVERY-KEY'))).toBe(false);
    // As at the next boot.
    const args = ['--user', 'restart', 'cooee.service'];
    const { execFileSync } = await import('node:child_process');
    execFileSync(join(host.systemd.bin, 'systemctl'), args, {
      env: { ...process.env, ...host.env },
    });
    await host.ready();
    expect(host.systemd.log).toContain('not needed: this home is in a mesh already');
    expect(await meshOf(host)).toBe(await meshOf(base));
    expect((await host.cli('service', 'remove')).code).toBe(0);
  });

  it('says why it may not, and makes no mesh of its own', async () => {
    const host = new ServiceHost('delta');
    const invite = await base.invite();
    const first = mesh.host('first');
    await first.up('--join', invite);
    // Nobody else is there to answer those who come later.
    await first.end();
    expect(await host.refused('--join', invite)).toMatchObject({
      exit: 1,
      error: {
        code: 'ERR_BOOTSTRAP_SERVICE_FAILED',
        message: 'the daemon does not stay up: the invite has no uses left',
      },
    });
    expect(hasMesh(host)).toBe(false);
    expect(existsSync(join(host.home, 'service-invite'))).toBe(false);
    const mangled = await host.refused('--join', 'cooee1x');
    expect(mangled).toMatchObject({
      exit: 2,
      error: { code: 'ERR_MEMBERSHIP_INVITE_MALFORMED' },
    });
    expect((await host.cli('service', 'remove')).code).toBe(0);
  });
});

describe('`up --join @FILE` at every boot, as a script says it', () => {
  it('goes on joining without the file, and needs none as a member', async () => {
    const host = mesh.host('cloud');
    const file = join(mesh.folder, 'cloud-invite');
    writeFileSync(file, await base.invite(), { mode: 0o600 });
    chmodSync(file, 0o600);
    await base.end();
    host.spawn('--join', `@${file}`);
    await until('nobody answers yet', async () => (await conditions(host)) === 'joining');
    await host.end();
    writeFileSync(file, '');
    host.spawn('--join', `@${file}`);
    await until('it tries again', async () => (await conditions(host)) === 'joining');
    await base.up();
    await host.ready();
    expect(await meshOf(host)).toBe(await meshOf(base));
    await host.end();
    await host.up('--join', `@${file}.gone`);
    expect(host.stderr).toContain('not needed: this home is in a mesh already');
    await host.end();
    const other = mesh.host('other');
    other.spawn('--join', `@${file}.gone`);
    expect(await other.exited).toBe(2);
    expect(hasMesh(other)).toBe(false);
    expect(readFileSync(file, 'utf8')).toBe('');
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { serviceOf } from '../../../../bootstrap/service/index.ts';
import { codeOf, FakePorts, SPEC } from './fake-ports.ts';

// What is asked of systemd, in which order, and what becomes of what it refuses. With a real
// daemon: test/mesh/service.test.ts.

const UNIT = '/etc/systemd/system/cooee.service';
const OWN_UNIT = '/home/kim/.config/systemd/user/cooee.service';

let ports: FakePorts;
beforeEach(() => {
  ports = new FakePorts();
  ports.answer('id -u cooee', { stdout: '998\n' });
});

const system = () => serviceOf(ports, 'system');
const own = () => serviceOf(ports, 'user');

describe('a service of the system', () => {
  it('is written, its user and home are made, it is enabled and started', async () => {
    ports.answer('id -u cooee', { code: 1 }, { stdout: '998\n' });
    expect(await system().install(SPEC, undefined)).toEqual({ isUpdate: false, remarks: [] });
    expect(ports.changes).toEqual([
      `write ${UNIT} 644`,
      'systemctl daemon-reload',
      'id -u cooee',
      'useradd --system --user-group --no-create-home --home-dir /nonexistent' +
        ' --shell /usr/sbin/nologin cooee',
      'id -u cooee',
      'install -d -m 0700 -o cooee -g cooee -- /var/lib/cooee',
      'systemctl enable cooee.service',
      'systemctl restart cooee.service',
    ]);
    expect(await system().isInstalled()).toBe(true);
    expect(await system().home()).toBe('/var/lib/cooee');
  });

  it('is updated by a second install', async () => {
    await system().install(SPEC, undefined);
    const later = { ...SPEC, words: ['--no-mdns'] };
    expect(await system().install(later, undefined)).toMatchObject({ isUpdate: true });
    expect(ports.files.get(UNIT)?.text).toBe(system().text(later));
  });

  it('has the invite in a file of the service, and never in the unit', async () => {
    const joining = { ...SPEC, words: ['--join', '@/var/lib/cooee/service-invite'] };
    await system().install(joining, 'cooee1secret');
    expect(ports.files.get(UNIT)?.text).not.toContain('cooee1secret');
    expect(ports.files.get('/var/lib/cooee/service-invite')).toEqual({
      text: 'cooee1secret\n',
      mode: 0o600,
    });
    expect(ports.did).toContain('chown -h cooee -- /var/lib/cooee/service-invite');
    expect(ports.did.findIndex((line) => line.startsWith('chown'))).toBeLessThan(
      ports.did.indexOf('systemctl restart cooee.service'),
    );
  });

  it('takes over a home of root, and no home of another', async () => {
    ports.owners.set('/var/lib/cooee', 0);
    await system().install(SPEC, undefined);
    expect(ports.did).toContain('chown -hR cooee:cooee -- /var/lib/cooee');
    ports.owners.set('/var/lib/cooee', 1_000);
    expect(await codeOf(system().install(SPEC, undefined))).toBe('ERR_STORAGE_HOME_FOREIGN');
    ports.did.length = 0;
    ports.owners.set('/var/lib/cooee', 998);
    await system().install(SPEC, undefined);
    expect(ports.did.filter((line) => line.startsWith('chown'))).toEqual([]);
  });

  it('takes over no folder of root that is no home', async () => {
    ports.owners.set('/opt', 0);
    ports.folders.set('/opt', ['containerd/', 'google/']);
    const spec = { ...SPEC, home: '/opt' };
    expect(await codeOf(system().install(spec, undefined))).toBe('ERR_API_USAGE');
    expect(await codeOf(own().install(spec, undefined))).toBe('ERR_API_USAGE');
    expect(ports.did.filter((line) => /^(chown|install) /u.test(line))).toEqual([]);
    for (const names of [['lost+found'], ['FORMAT', 'mine'], ['service-invite']]) {
      ports.folders.set('/opt', names);
      await system().install(spec, undefined);
    }
    expect(ports.did.filter((line) => line === 'chown -hR cooee:cooee -- /opt')).toHaveLength(3);
  });

  it('cannot reach what is in the homes of people', () => {
    const config = '/home/kim/cooee.json';
    const spec = { ...SPEC, words: ['--hostname', 'alpha', '--config', config] };
    expect(system().unreachable(spec)).toEqual([config]);
    expect(own().unreachable(spec)).toEqual([]);
  });

  it('needs root to be changed, not to be looked at', async () => {
    ports.uid = 1_000;
    expect(await codeOf(system().install(SPEC, undefined))).toBe('ERR_BOOTSTRAP_SERVICE_ROOT');
    expect(await codeOf(system().remove())).toBe('ERR_BOOTSTRAP_SERVICE_ROOT');
    expect(ports.did).toEqual([]);
    expect((await system().state()).isRunning).toBe(false);
  });

  it('leaves alone what it did not make', async () => {
    ports.files.set(UNIT, { text: '[Service]\nExecStart=/opt/cooee\n', mode: 0o644 });
    for (const work of [system().install(SPEC, undefined), system().remove()]) {
      expect(await codeOf(work)).toBe('ERR_BOOTSTRAP_SERVICE_FOREIGN');
    }
    ports.files.delete(UNIT);
    const packaged = { stdout: 'FragmentPath=/usr/lib/systemd/system/cooee.service\n' };
    ports.answer('systemctl show', packaged);
    expect(await codeOf(system().install(SPEC, undefined))).toBe('ERR_BOOTSTRAP_SERVICE_FOREIGN');
    expect(ports.changes).toEqual([]);
  });

  it('puts back what was there when systemd does not take it', async () => {
    const stderr = 'System has not been booted with systemd as init system (PID 1).\n';
    ports.answer('systemctl daemon-reload', { code: 1, stderr });
    await expect(system().install(SPEC, undefined)).rejects.toMatchObject({
      code: 'ERR_BOOTSTRAP_SERVICE_FAILED',
      message: `systemctl: ${stderr.trim()}`,
    });
    expect(ports.files.has(UNIT)).toBe(false);
    expect(ports.did.some((line) => line.startsWith('useradd'))).toBe(false);
    const before = system().text({ ...SPEC, version: '1.0.0' });
    ports.files.set(UNIT, { text: before, mode: 0o644 });
    expect(await codeOf(system().install(SPEC, undefined))).toBe('ERR_BOOTSTRAP_SERVICE_FAILED');
    expect(ports.files.get(UNIT)?.text).toBe(before);
  });

  it.each(['useradd', 'install -d', 'systemctl enable', 'systemctl restart'])(
    'says so when %s fails',
    async (command) => {
      ports.answer('id -u cooee', { code: 1 }, { stdout: '998\n' });
      ports.answer(command, { code: 9, stderr: 'no\nroom' });
      await expect(system().install(SPEC, undefined)).rejects.toMatchObject({
        code: 'ERR_BOOTSTRAP_SERVICE_FAILED',
        message: `${command.split(' ')[0]}: no room`,
      });
    },
  );

  it('has no systemd to talk to', async () => {
    ports.answer('systemctl', { code: undefined });
    expect(await codeOf(system().install(SPEC, undefined))).toBe(
      'ERR_BOOTSTRAP_SERVICE_UNSUPPORTED',
    );
    expect(ports.files.size).toBe(0);
    ports.platform = 'win32';
    expect(() => system()).toThrowError(
      expect.objectContaining({ code: 'ERR_BOOTSTRAP_SERVICE_UNSUPPORTED' }),
    );
  });

  it('reaches nothing below the homes of people', () => {
    const spec = { ...SPEC, node: '/home/kim/.nvm/bin/node', home: '/root/x' };
    expect(system().unreachable(spec)).toEqual(['/home/kim/.nvm/bin/node', '/root/x']);
    expect(system().unreachable({ ...SPEC, home: '/homes/x' })).toEqual([]);
    expect(own().unreachable(spec)).toEqual([]);
  });

  it('is stopped and removed; its home is not touched', async () => {
    expect(await codeOf(system().remove())).toBe('ERR_BOOTSTRAP_SERVICE_MISSING');
    await system().install(SPEC, undefined);
    ports.did.length = 0;
    await system().remove();
    expect(ports.changes).toEqual([
      'systemctl disable --now cooee.service',
      `remove ${UNIT}`,
      'systemctl daemon-reload',
      'systemctl reset-failed cooee.service',
    ]);
    expect(await system().isInstalled()).toBe(false);
  });

  it('stays when it cannot be stopped', async () => {
    await system().install(SPEC, undefined);
    ports.answer('systemctl disable', { code: 1, stderr: 'busy' });
    expect(await codeOf(system().remove())).toBe('ERR_BOOTSTRAP_SERVICE_FAILED');
    expect(await system().isInstalled()).toBe(true);
  });

  it('tells how it is', async () => {
    const lines = 'ActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=42\n';
    ports.answer('systemctl show', { stdout: lines });
    const [running, pid] = [true, 42];
    expect(await system().state()).toEqual({
      isRunning: running,
      isFailed: false,
      isEnabled: true,
      text: 'active (running)',
      pid,
    });
    const failed = 'ActiveState=failed\nSubState=failed\nMainPID=0\nResult=exit-code\n';
    ports.answer('systemctl show', { stdout: failed });
    expect(await system().state()).toEqual({
      isRunning: false,
      isFailed: true,
      isEnabled: false,
      text: 'failed: exit-code',
      pid: undefined,
    });
  });

  it('shows its logs', async () => {
    await system().logs({ lines: 7, follow: true, json: true }).done;
    await own().logs({ lines: 9, follow: false, json: false }).done;
    expect(ports.did).toEqual([
      'journalctl --unit=cooee.service --lines=7 --no-pager --output=json --follow',
      'journalctl --user-unit=cooee.service --lines=9 --no-pager',
    ]);
    ports.answer('journalctl', { stdout: 'one\ntwo\n' });
    expect(await system().lastLines(2)).toEqual(['one', 'two']);
  });
});

describe('a service of one user', () => {
  beforeEach(() => {
    ports.uid = 1_000;
  });

  it('is made without root, and says what ends it', async () => {
    const { remarks } = await own().install({ ...SPEC, home: '/home/kim/c' }, undefined);
    expect(ports.changes).toEqual([
      `write ${OWN_UNIT} 644`,
      'systemctl --user daemon-reload',
      'install -d -m 0700 -- /home/kim/c',
      'systemctl --user enable cooee.service',
      'systemctl --user restart cooee.service',
    ]);
    expect(remarks.join()).toContain('loginctl enable-linger kim');
    ports.answer('loginctl', { stdout: 'Linger=yes\n' });
    expect(await own().install(SPEC, undefined)).toEqual({ isUpdate: true, remarks: [] });
  });

  it('is where the user has configuration', async () => {
    ports.env = { XDG_CONFIG_HOME: '/cfg' };
    expect(own().file).toBe('/cfg/systemd/user/cooee.service');
    ports.env = { XDG_CONFIG_HOME: 'relative' };
    expect(own().file).toBe(OWN_UNIT);
  });

  it('goes without namespaces where users may have none', async () => {
    ports.answer('systemctl --user restart', { code: 1, stderr: 'Job failed.' }, { code: 0 });
    ports.answer('systemctl --user show', { stdout: 'ExecMainStatus=226\n' });
    const { remarks } = await own().install(SPEC, undefined);
    expect(remarks[0]).toContain('without those fences');
    expect(ports.files.get(OWN_UNIT)?.text).not.toMatch(/PrivateUsers|ProtectSystem|PrivateTmp/u);
    expect(ports.files.get(OWN_UNIT)?.text).toContain('NoNewPrivileges=yes');
  });

  it('does not take every failure for that one', async () => {
    ports.answer('systemctl --user restart', { code: 1, stderr: 'Job failed.' }, { code: 0 });
    ports.answer('systemctl --user show', { stdout: 'ExecMainStatus=203\n' });
    expect(await codeOf(own().install(SPEC, undefined))).toBe('ERR_BOOTSTRAP_SERVICE_FAILED');
  });

  it('says what is missing when the user has no manager', async () => {
    const stderr = 'Failed to connect to bus: No medium found';
    ports.answer('systemctl --user daemon-reload', { code: 1, stderr });
    await expect(own().install(SPEC, undefined)).rejects.toMatchObject({
      remedy: expect.stringContaining('Log in as that user'),
    });
  });
});

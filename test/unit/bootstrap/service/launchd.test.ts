import { beforeEach, describe, expect, it } from 'vitest';
import { serviceOf } from '../../../../bootstrap/service/index.ts';
import { codeOf, FakePorts, SPEC } from './fake-ports.ts';

const AGENT = '/Users/kim/Library/LaunchAgents/cooee.daemon.plist';
const DAEMON = '/Library/LaunchDaemons/cooee.daemon.plist';
const HOME = '/Users/kim/.local/state/cooee';

let ports: FakePorts;
beforeEach(() => {
  ports = new FakePorts();
  ports.platform = 'darwin';
  ports.uid = 501;
  ports.homedir = '/Users/kim';
});

const agent = () => serviceOf(ports, 'user');
const daemon = () => serviceOf(ports, 'system');
const launchctl = () => ports.changes.filter((line) => line.startsWith('launchctl'));

describe('an agent of one user', () => {
  it('is written, and loaded in place of the one before', async () => {
    const spec = { ...SPEC, home: HOME };
    expect(await agent().install(spec, 'cooee1secret')).toEqual({ isUpdate: false, remarks: [] });
    expect(ports.changes).toEqual([
      `install -d -m 0700 ${HOME}`,
      `write ${HOME}/service-invite 600`,
      'write /Users/kim/Library/Logs/cooee.log 600',
      `write ${AGENT} 644`,
      'launchctl bootout gui/501/cooee.daemon',
      'launchctl enable gui/501/cooee.daemon',
      `launchctl bootstrap gui/501 ${AGENT}`,
    ]);
    expect(ports.files.get(AGENT)?.text).not.toContain('cooee1secret');
    expect(await agent().home()).toBe(HOME);
    expect(await agent().install(spec, undefined)).toMatchObject({ isUpdate: true });
  });

  it('waits for the one before to be gone', async () => {
    const busy = { code: 5, stderr: 'Bootstrap failed: 5: Input/output error' };
    ports.answer('launchctl bootstrap', busy, busy, { code: 0 });
    await agent().install(SPEC, undefined);
    expect(launchctl().filter((line) => line.includes('bootstrap'))).toHaveLength(3);
    ports.answer('launchctl bootstrap', busy);
    expect(await codeOf(agent().install(SPEC, undefined))).toBe('ERR_BOOTSTRAP_SERVICE_FAILED');
    ports.answer('launchctl bootstrap', { code: 125, stderr: 'Domain does not support it' });
    expect(await codeOf(agent().install(SPEC, undefined))).toBe('ERR_BOOTSTRAP_SERVICE_FAILED');
  });

  it('tells how it is', async () => {
    const printed =
      'gui/501/cooee.daemon = {\n\tstate = running\n\n\tpid = 77\n\tlast exit code = 0\n}';
    ports.answer('launchctl print', { stdout: printed });
    expect(await agent().state()).toEqual({
      isRunning: true,
      isFailed: false,
      isEnabled: true,
      text: 'running',
      pid: 77,
    });
    const ended = 'x = {\n\tstate = spawn scheduled\n\tlast exit code = 4\n}';
    ports.answer('launchctl print', { stdout: ended });
    expect(await agent().state()).toMatchObject({
      isRunning: false,
      isFailed: true,
      text: 'spawn scheduled, last exit code 4',
    });
    ports.answer('launchctl print', { code: 113, stderr: 'Could not find service' });
    expect(await agent().state()).toMatchObject({ isRunning: false, text: 'not loaded' });
  });

  it('is unloaded and removed', async () => {
    expect(await codeOf(agent().remove())).toBe('ERR_BOOTSTRAP_SERVICE_MISSING');
    await agent().install(SPEC, undefined);
    ports.answer('launchctl print', { code: 113 });
    await agent().remove();
    expect(ports.files.has(AGENT)).toBe(false);
    await agent().install(SPEC, undefined);
    ports.answer('launchctl print', { stdout: 'state = running\n' });
    expect(await codeOf(agent().remove())).toBe('ERR_BOOTSTRAP_SERVICE_FAILED');
    expect(ports.files.has(AGENT)).toBe(true);
  });

  it('is left alone when somebody else made it', async () => {
    ports.files.set(AGENT, { text: '<plist></plist>', mode: 0o644 });
    expect(await codeOf(agent().install(SPEC, undefined))).toBe('ERR_BOOTSTRAP_SERVICE_FOREIGN');
    expect(await codeOf(agent().remove())).toBe('ERR_BOOTSTRAP_SERVICE_FOREIGN');
    expect(ports.changes).toEqual([]);
  });

  it('shows the file that it logs to', async () => {
    await agent().logs({ lines: 9, follow: true, json: false }).done;
    expect(ports.did).toEqual(['tail -n9 -F /Users/kim/Library/Logs/cooee.log']);
  });
});

describe('a daemon of the system', () => {
  it('needs root, and a person behind it', async () => {
    expect(await codeOf(daemon().install(SPEC, undefined))).toBe('ERR_BOOTSTRAP_SERVICE_ROOT');
    ports.uid = 0;
    expect(await codeOf(daemon().install(SPEC, undefined))).toBe('ERR_BOOTSTRAP_SERVICE_ROOT');
    expect(ports.changes).toEqual([]);
  });

  it('runs as who typed sudo', async () => {
    ports.uid = 0;
    ports.env = { SUDO_USER: 'kim' };
    await daemon().install(SPEC, 'cooee1secret');
    expect(ports.files.get(DAEMON)?.text).toMatch(/<key>UserName<\/key>\s*<string>kim</u);
    expect(ports.did).toContain('install -d -m 0700 -o kim /var/lib/cooee');
    expect(ports.did).toContain('chown -h kim /var/lib/cooee/service-invite');
    expect(launchctl().at(-1)).toBe(`launchctl bootstrap system ${DAEMON}`);
  });
});

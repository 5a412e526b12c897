import { describe, expect, it } from 'vitest';
import { run } from '../fake-host.ts';

// What the options make of a service; that it runs is shown by test/mesh/service.test.ts.

const INVITE = `cooee1${'a2'.repeat(40)}`;

async function printed(args: string, env: Record<string, string> = {}): Promise<string> {
  const line = ['service', 'install', '--print', ...args.split(' ').filter((it) => it !== '')];
  const { exit, stdout } = await run(line, { host: { env } });
  expect(exit).toBe(0);
  return stdout;
}

/** The word behind another one, in a unit and in a property list. */
function wordBehind(text: string, word: string): string | undefined {
  return new RegExp(`${word}(?: |</string>\\s*<string>)([^\\s<]+)`, 'u').exec(text)?.[1];
}

describe('`cooee service install --print`', () => {
  it('has the home of the system for the system, and of the user for the user', async () => {
    expect(wordBehind(await printed(''), '--home')).toBe('/var/lib/cooee');
    expect(wordBehind(await printed('--user'), '--home')).toBe('/home/kim/.local/state/cooee');
    expect(wordBehind(await printed('', { COOEE_HOME: '/srv/c' }), '--home')).toBe('/srv/c');
    expect(wordBehind(await printed('--home h'), '--home')).toBe('/work-folder/h');
  });

  it('keeps the options of the daemon, with paths made absolute', async () => {
    const text = await printed(
      '--user --listen /ip4/0.0.0.0/tcp/1 --listen /ip4/0.0.0.0/tcp/2 --hostname alpha ' +
        '--mac 02:00:00:00:00:01 --no-mdns --socket s --agent-socket a --agent-group g ' +
        '--config c --log-level debug',
    );
    expect(text.match(/--listen/gu)).toHaveLength(2);
    expect(text).toContain('--no-mdns');
    const flags = ['hostname', 'mac', 'socket', 'agent-socket', 'agent-group', 'config'];
    expect([...flags, 'log-level'].map((flag) => wordBehind(text, `--${flag}`))).toEqual([
      'alpha',
      '02:00:00:00:00:01',
      '/work-folder/s',
      '/work-folder/a',
      'g',
      '/work-folder/c',
      'debug',
    ]);
    expect(await printed('')).not.toContain('--no-mdns');
  });

  it('never shows an invite', async () => {
    for (const text of [
      await printed(`--join ${INVITE}`),
      await printed('', { COOEE_INVITE: INVITE }),
    ]) {
      expect(text).not.toContain(INVITE);
      expect(wordBehind(text, '--join')).toBe('@/var/lib/cooee/service-invite');
    }
    expect(await printed('')).not.toContain('--join');
  });

  it('prints file and text with --json', async () => {
    const json = JSON.parse(await printed('--json --user')) as { file: string; text: string };
    expect(json.file).toMatch(/^\/home\/kim\/.*cooee/u);
    expect(json.text).toContain('Made by cooee service install');
  });
});

describe('`cooee service install`', () => {
  it('of the system needs root: exit 4, and says how else', async () => {
    const { exit, stderr, sockets } = await run(['service', 'install']);
    expect({ exit, sockets }).toEqual({ exit: 4, sockets: [] });
    expect(stderr).toBe(
      'cooee: a service of the system needs root\n' +
        'cooee: hint: use sudo, or --user for a service of your own\n',
    );
  });

  it('refuses what cannot be an invite before anything is changed', async () => {
    const { exit, sockets } = await run(['service', 'install', '--user', '--join', 'x']);
    expect({ exit, sockets }).toEqual({ exit: 2, sockets: [] });
  });
});

describe('without a service', () => {
  it.each(['status', 'logs', 'remove'])(
    '`cooee service %s --user` says so: exit 3',
    async (word) => {
      const { exit, stdout, stderr } = await run(['service', word, '--user']);
      expect([exit, stdout]).toEqual([3, '']);
      expect(stderr).toContain('the service is not installed');
    },
  );
});

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { ServiceScope, ServiceSpec } from '../../../../bootstrap/service/index.ts';
import { unitText, unitWord } from '../../../../bootstrap/service/unit-text.ts';
import { anyCharacter } from '../../any-character.ts';
import { SPEC } from './fake-ports.ts';
import { execWords } from './unit-words.ts';

const folder = mkdtempSync(join(tmpdir(), 'cooee-unit-'));
afterAll(() => rmSync(folder, { recursive: true }));

const setting = (text: string, name: string): string[] =>
  text.split('\n').flatMap((line) => (line.startsWith(`${name}=`) ? [line.split('=')[1]!] : []));

/** Runs systemd-analyze on a unit; undefined where there is none. */
function analyze(text: string, ...args: string[]): string | undefined {
  const file = join(mkdtempSync(join(folder, 'unit-')), 'cooee.service');
  const runtime = join(folder, 'run');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  writeFileSync(file, text);
  try {
    const env = { ...process.env, XDG_RUNTIME_DIR: runtime, LC_ALL: 'C' };
    // What it complains of is on stderr, with exit code 0.
    const words = ['-c', 'exec "$@" 2>&1', 'sh', 'systemd-analyze', ...args, file];
    return execFileSync('sh', words, { env, encoding: 'utf8' });
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    if (status === 127) return undefined;
    throw new Error(`systemd-analyze ${args.join(' ')}: exit ${status}\n${stdout}`);
  }
}

const REAL: ServiceSpec = { ...SPEC, node: process.execPath, script: import.meta.filename };
const CASES: readonly (readonly [string, ServiceScope, boolean, ServiceSpec])[] = [
  ['of the system', 'system', true, REAL],
  ['of the system, elsewhere', 'system', true, { ...REAL, home: '/srv/a b', folders: ['/srv/s'] }],
  ['of the system, oddly named', 'system', true, { ...REAL, home: '/var/lib/the "b"' }],
  ['of a user', 'user', true, { ...REAL, home: '/home/kim/100% $HOME "x"' }],
  ['of a user without namespaces', 'user', false, { ...REAL, home: '/home/kim/c' }],
];

describe('a unit', () => {
  it.for(CASES)('%s is taken by systemd without a word', ([, scope, namespaces, spec], context) => {
    const text = unitText(spec, { scope, namespaces });
    const said = analyze(text, ...(scope === 'user' ? ['--user', 'verify'] : ['verify']));
    if (said === undefined) return context.skip('systemd-analyze is not here');
    expect(said).toBe('');
  });

  it.for(CASES.filter(([, , namespaces]) => namespaces))(
    '%s is exposed no more than 2.5',
    ([, scope, namespaces, spec], context) => {
      const text = unitText(spec, { scope, namespaces });
      const user = scope === 'user' ? ['--user'] : [];
      const said = analyze(text, ...user, 'security', '--offline=true', '--no-pager');
      if (said === undefined) return context.skip('systemd-analyze is not here');
      const score = /exposure level for \S+: ([\d.]+)/u.exec(said)?.[1];
      expect(Number(score ?? Number.NaN)).toBeLessThanOrEqual(2.5);
    },
  );

  it('runs node, the script and what it was told, on its home', () => {
    const spec = { ...SPEC, words: ['--listen', '/ip4/0.0.0.0/tcp/1', '--no-mdns'] };
    expect(setting(unitText(spec, { scope: 'system', namespaces: true }), 'ExecStart')).toEqual([
      '/usr/bin/node /usr/lib/node_modules/cooee/dist/daemon/main.js up --home /var/lib/cooee ' +
        '--listen /ip4/0.0.0.0/tcp/1 --no-mdns',
    ]);
  });

  it('has systemd make a home below /var/lib, and opens another one to the service', () => {
    const made = unitText(SPEC, { scope: 'system', namespaces: true });
    expect(setting(made, 'StateDirectory')).toEqual(['cooee']);
    expect(setting(made, 'StateDirectoryMode')).toEqual(['0700']);
    expect(setting(made, 'ReadWritePaths')).toEqual([]);
    const given = unitText(
      { ...SPEC, home: '/srv/cooee', folders: ['/srv/sockets'] },
      { scope: 'system', namespaces: true },
    );
    expect(setting(given, 'StateDirectory')).toEqual([]);
    expect(setting(given, 'ReadWritePaths')).toEqual(['/srv/cooee -/srv/sockets']);
  });

  it.each(['/var/lib/a:b', '/var/lib/the "b"'])('opens %s, which systemd cannot make', (home) => {
    const text = unitText({ ...SPEC, home }, { scope: 'system', namespaces: true });
    expect(setting(text, 'StateDirectory')).toEqual([]);
    expect(setting(text, 'ReadWritePaths')).toEqual([unitWord(home, false)]);
  });

  it('sees the real /tmp only when it must', () => {
    const at = (home: string) => unitText({ ...SPEC, home }, { scope: 'user', namespaces: true });
    expect(setting(at('/home/kim/c'), 'PrivateTmp')).toEqual(['yes']);
    expect(setting(at('/tmp/c'), 'PrivateTmp')).toEqual([]);
    expect(setting(at('/home/tmp/c'), 'PrivateTmp')).toEqual(['yes']);
  });

  it('does not end its comment early', () => {
    const text = unitText({ ...SPEC, home: '/x\n[Service]\nUser=root' }, CASE);
    expect(text.split('\n').filter((line) => line === 'User=root')).toEqual([]);
    expect(text.match(/^\[Service\]$/gmu)).toHaveLength(1);
  });
});

const CASE = { scope: 'user', namespaces: true } as const;

describe('a word of a unit', () => {
  it.each([
    ['plain-word_1.x/y:z@a,b=c+d', 'plain-word_1.x/y:z@a,b=c+d'],
    ['a b', '"a b"'],
    ['100%', '100%%'],
    ['$HOME', '$$HOME'],
    ['say "hi" \\ there', '"say \\"hi\\" \\\\ there"'],
    ['', '""'],
    ['a\nb', '"a\\nb"'],
    ['a\tb', '"a\tb"'],
  ])('%j', (word, written) => {
    expect(unitWord(word, true)).toBe(written);
  });

  it('comes back as it was, whatever it is', () => {
    const text = fc.string({ unit: anyCharacter }).filter((it) => !/[^\P{Cc}\t\n]/u.test(it));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (words) => {
        const line = words.map((word) => unitWord(word, true)).join(' ');
        expect(execWords(line)).toEqual(words);
      }),
    );
  });
});

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../fake-host.ts';

// The scripts are given to the shells themselves; a shell that is not here is named.

const folder = mkdtempSync(join(tmpdir(), 'cooee-completion-'));
const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

beforeAll(async () => {
  for (const shell of SHELLS) {
    writeFileSync(join(folder, shell), (await run(['completion', shell])).stdout);
  }
  mkdirSync(join(folder, 'here/sub'), { recursive: true });
  writeFileSync(join(folder, 'here/some-file'), '');
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Only what the scripts call of zsh's completion system, which needs a terminal. */
const ZSH = `
compdef() { :; }
compset() { :; }
_files() { print -rl -- some-file sub; }
compadd() { shift; print -rl -- \${(M)@:#\${words[CURRENT]}*}; }
source "$1"; shift; words=("$@"); CURRENT=$#; _cooee`;

const BASH = `
source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cooee
printf '%s\\n' "\${COMPREPLY[@]}"`;

/** What a shell offers at the end of these words; undefined where the shell is not here. */
function offers(shell: Shell, line: string): readonly string[] | undefined {
  const script = join(folder, shell);
  const args = {
    bash: ['--norc', '-c', BASH, 'bash', script, ...line.split(' ')],
    zsh: ['-f', '-c', ZSH, 'zsh', script, ...line.split(' ')],
    fish: ['-N', '-c', `source ${script}; complete -C '${line}'`],
  };
  try {
    const options = { encoding: 'utf8', cwd: join(folder, 'here') } as const;
    const env = { PATH: process.env['PATH'], HOME: folder, TERM: 'dumb' };
    const text = execFileSync(shell, args[shell], { ...options, env });
    const words = text.split('\n').map((word) => word.split('\t')[0] ?? '');
    return words.filter((word) => word !== '').map((word) => word.replace(/\/$/u, ''));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const CASES: readonly (readonly [
  line: string,
  some: readonly string[],
  none: readonly string[],
])[] = [
  ['cooee ', ['up', 'start', 'service', 'members'], ['--home', 'role', 'some-file']],
  ['cooee se', ['service', 'sessions'], ['up']],
  ['cooee --', ['--home', '--json', '--help'], ['up', '--ttl']],
  ['cooee service ', ['install', 'remove', 'status', 'logs'], ['up', '--user']],
  ['cooee service install --', ['--user', '--print', '--no-mdns', '--home'], ['--follow']],
  ['cooee members ', ['remove', 'role'], ['install']],
  ['cooee up ', ['--join', '--listen'], ['up', 'install']],
  ['cooee --home service up --jo', ['--join'], ['--json']],
  ['cooee --json members r', ['remove', 'role'], ['retire']],
  ['cooee up --log-level ', ['error', 'debug'], ['--join', 'some-file']],
  ['cooee completion ', ['bash', 'zsh', 'fish'], ['--home', 'some-file']],
  ['cooee submit ', ['dr', 'pr'], ['--wait']],
  ['cooee up --config ', ['some-file', 'sub'], ['--join']],
  ['cooee verify some', ['some-file'], ['--anchor']],
  // A token, a text: nothing is better than something wrong.
  ['cooee agents --model ', [], ['--status', 'some-file', ':any']],
];

describe.each(SHELLS)('%s', (shell) => {
  it.for(CASES)('%s', ([line, some, none], context) => {
    const offered = offers(shell, line);
    if (offered === undefined) return context.skip('this shell is not here');
    expect(offered).toEqual(expect.arrayContaining([...some]));
    expect(offered.filter((word) => none.includes(word))).toEqual([]);
  });

  it('a folder where one is wanted', (context) => {
    const offered = offers(shell, 'cooee --home s');
    if (offered === undefined) return context.skip('this shell is not here');
    expect(offered).toContain('sub');
  });
});

describe('`cooee completion`', () => {
  it('refuses a shell that it does not know', async () => {
    expect(await run(['completion', 'tcsh'])).toMatchObject({ exit: 2 });
  });
});

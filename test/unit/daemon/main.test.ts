import { type ExecFileOptions, execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// The program as a process, from its source. The built one is run by the mesh tests.

const root = resolve(import.meta.dirname, '../../..');
const pinned = join(root, 'node_modules/.bin/node');
const node = existsSync(pinned) ? pinned : process.execPath;
let home = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cooee-main-'));
});

afterAll(async () => {
  await rm(home, { recursive: true });
});

interface Ended {
  readonly exit: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: string[]): Promise<Ended> {
  return startAs({}, ...args);
}

function startAs(as: Pick<ExecFileOptions, 'env' | 'gid' | 'uid'>, ...args: string[]) {
  return new Promise<Ended>((done) => {
    const options = { cwd: root, timeout: 20_000, encoding: 'utf8' as const, ...as };
    const file = join(root, 'daemon/main.ts');
    execFile(node, [file, ...args], options, (error, stdout, stderr) => {
      done({ exit: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

describe('daemon/main.ts', () => {
  it('without a daemon: exit 5, how to start one, and nothing left in the home', async () => {
    expect(await start('status', '--home', home)).toEqual({
      exit: 5,
      stdout: '',
      stderr:
        `cooee: no daemon answers on ${home}/cooee.sock\n` +
        `cooee: hint: start one with: npx cooee --home ${home} up\n`,
    });
    expect(await readdir(home)).toEqual([]);
  });

  it('runs as a user that the system does not know, and without HOME', async (context) => {
    if (process.getuid?.() !== 0) return context.skip('only root can run as another user');
    const as = { uid: 54_321, gid: 54_321, env: { PATH: process.env['PATH'] } };
    const reading = `require('node:fs').readFileSync(${JSON.stringify(join(root, 'package.json'))})`;
    const isOpen = await new Promise((done) => {
      execFile(node, ['-e', reading], { ...as, cwd: '/' }, (error) => done(error === null));
    });
    if (isOpen !== true) return context.skip('this checkout is closed to other users');
    expect(await startAs(as, '-V')).toMatchObject({ exit: 0, stderr: '' });
    const { exit, stderr } = await startAs(as, 'status', '--home', '/nowhere');
    expect({ exit, stderr }).toEqual({
      exit: 5,
      stderr: expect.stringMatching(/^cooee: no daemon/),
    });
  });

  it('needs no daemon for a token', async () => {
    expect(await start('id', 'encode', '--host', '42', '--gpu', '3')).toEqual({
      exit: 0,
      stdout: '458RV\n',
      stderr: '',
    });
  });
});

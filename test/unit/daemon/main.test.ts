import { execFile } from 'node:child_process';
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
  return new Promise((done) => {
    const file = join(root, 'daemon/main.ts');
    execFile(node, [file, ...args], { cwd: root, timeout: 20_000 }, (error, stdout, stderr) => {
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

  it('needs no daemon for a token', async () => {
    expect(await start('id', 'encode', '--host', '42', '--gpu', '3')).toEqual({
      exit: 0,
      stdout: '458RV\n',
      stderr: '',
    });
  });
});

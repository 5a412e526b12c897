import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { status } from './fake-host.ts';

const MAIN = new URL('../../../../daemon/main.ts', import.meta.url).pathname;
/** Far more than any pipe or socket holds by itself. */
const PATCH = 'x'.repeat(2_000_000);
const READER_LATE_MS = 500;

let folder = '';
let server: Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cooee-stdout-'));
  server = createServer(({ url }, response) => {
    const { slurp, ...rest } = status();
    const leaderless = { ...rest, slurp: { ...slurp, leader: null } };
    response.end(JSON.stringify(url === '/v1/status' ? leaderless : { patch: PATCH }));
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

/** A command with a long answer; `sh` has it as "$@". */
const patchCommand = (): string[] => [
  ...[process.execPath, MAIN, 'submissions', 'any', '--patch'],
  ...['--socket', join(folder, 's')],
];

async function runShell(
  script: string,
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn('sh', ['-c', script, 'sh', ...patchCommand()], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stderr };
}

describe('stdout', () => {
  it('reaches a reader that is slow as a whole', async () => {
    const [command = '', ...args] = patchCommand();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    await new Promise((resolve) => child.stdout.once('readable', resolve));
    await sleep(READER_LATE_MS);
    let length = 0;
    for await (const chunk of child.stdout) length += (chunk as Buffer).length;
    expect([length, await ended]).toEqual([PATCH.length, 0]);
  });

  it('is not cut in silence by a disk that is full', async () => {
    const file = join(folder, 'patch');
    // A file that may not become larger takes what has room and refuses the next write, too.
    const { code, stderr } = await runShell(`ulimit -f 64; exec "$@" > '${file}'`);
    expect((await stat(file)).size).toBeLessThan(PATCH.length);
    expect([code, stderr]).toEqual([1, 'cooee: cannot write to stdout (EFBIG)\n']);
  });

  it('that nobody reads any more leaves the exit code as it is', async () => {
    const args = [MAIN, 'status', '--ready', '--json', '--socket', join(folder, 's')];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.destroy();
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(1);
  });

  it('that cannot be written is told in one line, exit 1', () => {
    // Open for reading alone, so that every write fails.
    const stdout = openSync(import.meta.filename, 'r');
    const ended = spawnSync(process.execPath, [MAIN, 'id', 'decode', '458RV'], {
      stdio: ['ignore', stdout, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(stdout);
    const told = 'cooee: cannot write to stdout (EBADF)\n';
    expect([ended.status, ended.stderr]).toEqual([1, told]);
  });
});

describe('stderr', () => {
  it('that cannot be written leaves the exit code as it is', () => {
    const stderr = openSync(import.meta.filename, 'r');
    const ended = spawnSync(process.execPath, [MAIN, 'status', '--home', folder], {
      stdio: ['ignore', 'ignore', stderr],
    });
    closeSync(stderr);
    expect(ended.status).toBe(5);
  });
});

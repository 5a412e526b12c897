// Goal: the socket file is the boundary (STACK: node cannot ask who is at the other end): mode,
// place, life.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CooeeClient } from '../../../../daemon/client/index.ts';
import { request, startBench, tempFolder } from './fixture.ts';

const modeOf = async (path: string): Promise<string> =>
  ((await stat(path)).mode & 0o777).toString(8);

/** A listening socket whose process was killed: the file stays. */
async function leaveSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log(1))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('socket', () => {
  it.each([
    [0o600, '600'],
    [0o660, '660'],
  ])('has mode %o whatever the umask is, which stays', async (mode, expected) => {
    const before = process.umask(0);
    try {
      const { socketPath } = await startBench({ mode });
      expect(await modeOf(socketPath)).toBe(expected);
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(before);
    }
  });

  it('belongs to the group that is named', async () => {
    const { stdout } = await promisify(execFile)('id', ['-gn']);
    const { socketPath } = await startBench({ mode: 0o660, group: stdout.trim() });
    expect((await stat(socketPath)).gid).toBe(process.getgid?.());
    expect(await modeOf(socketPath)).toBe('660');
  });

  it('leaves nothing behind when the group is not there', async () => {
    const folder = await tempFolder();
    const init = { socketPath: join(folder, 's.sock'), mode: 0o660, group: 'no-such-group-at-all' };
    await expect(startBench(init)).rejects.toMatchObject({
      code: 'ERR_API_USAGE',
      message: 'The group no-such-group-at-all cannot have the agent socket.',
      remedy: expect.stringContaining('--agent-group'),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('tells of a folder that is not there', async () => {
    const socketPath = join(await tempFolder(), 'none', 's.sock');
    await expect(startBench({ socketPath })).rejects.toMatchObject({
      code: 'ERR_API_USAGE',
      message: expect.stringMatching(/^There is no folder .*\/none for the socket/u),
    });
  });

  it('is gone after a clean stop, and may be opened again', async () => {
    const bench = await startBench();
    await bench.stop();
    await bench.stop();
    await expect(lstat(bench.socketPath)).rejects.toMatchObject({ code: 'ENOENT' });
    await bench.restart();
    expect((await request(bench.socketPath, 'GET /v1/status')).status).toBe(200);
  });

  it('replaces what a killed daemon left', async () => {
    const socketPath = join(await tempFolder(), 's.sock');
    await leaveSocket(socketPath);
    expect((await lstat(socketPath)).isSocket()).toBe(true);
    await startBench({ socketPath });
    expect((await request(socketPath, 'GET /v1/status')).status).toBe(200);
  });

  it.each(['file', 'folder', 'link', 'live socket'])('leaves a %s alone', async (what) => {
    const folder = await tempFolder();
    const socketPath = join(folder, 's.sock');
    if (what === 'file') await writeFile(socketPath, 'mine');
    if (what === 'folder') await mkdir(socketPath);
    if (what === 'link') await symlink(join(folder, 'elsewhere'), socketPath);
    if (what === 'live socket') await startBench({ socketPath });
    const before = await lstat(socketPath);
    await expect(startBench({ socketPath })).rejects.toMatchObject({
      code: 'ERR_API_SOCKET_TAKEN',
    });
    expect((await lstat(socketPath)).ino).toBe(before.ino);
    if (what === 'live socket') {
      expect((await request(socketPath, 'GET /v1/status')).status).toBe(200);
    }
  });

  it('says so when the path is too long, on either side', async () => {
    const folder = await tempFolder();
    const longest = join(folder, 'x'.repeat(103 - folder.length - 1));
    await startBench({ socketPath: longest });
    const expected = { code: 'ERR_API_SOCKET_PATH' };
    await expect(startBench({ socketPath: `${longest}x` })).rejects.toMatchObject(expected);
    expect(() => new CooeeClient({ socketPath: `${longest}x` })).toThrow(
      expect.objectContaining(expected),
    );
  });

  it('reports a folder that is not there', async () => {
    const socketPath = join(await tempFolder(), 'none', 's.sock');
    await expect(startBench({ socketPath })).rejects.toThrow();
  });

  it('reports a folder that may not be written', async (context) => {
    if (process.getuid?.() === 0) context.skip('root may do everything');
    const folder = await tempFolder();
    await chmod(folder, 0o500);
    await expect(startBench({ socketPath: join(folder, 's.sock') })).rejects.toThrow();
    await chmod(folder, 0o700);
  });

  it('lets an open request finish before it stops, for a moment', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let begun = false;
    const bench = await startBench({
      stopGraceMs: 60_000,
      services: {
        leave: async () => {
          begun = true;
          await promise;
          return { mesh: 'm', peer: 'p' };
        },
      },
    });
    const answer = bench.client.call('leaveMesh');
    await expect.poll(() => begun).toBe(true);
    const stopped = bench.stop();
    resolve();
    expect(await answer).toEqual({ mesh: 'm', peer: 'p' });
    await stopped;
  });

  it('cuts an open request that does not finish', async () => {
    let begun = false;
    const bench = await startBench({
      stopGraceMs: 50,
      services: {
        leave: () => {
          begun = true;
          return new Promise(() => undefined);
        },
      },
    });
    const answer = bench.client.call('leaveMesh');
    answer.catch(() => undefined);
    await expect.poll(() => begun).toBe(true);
    await bench.stop();
    await expect(answer).rejects.toMatchObject({ code: 'ERR_API_DAEMON_NOT_RUNNING' });
  });
});

// The lock with real processes: the second fails at once and names the first; a killed holder
// leaves nothing behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../protocols/interface/index.ts';
import { openHome } from '../../../storage/home.ts';
import { takeRightsOf } from '../../../storage/home-folder.ts';
import { lockHolder, lockHome } from '../../../storage/lock.ts';
import { temporaryFolders } from './temporary-folder.ts';

const temporaryFolder = temporaryFolders();
const PROGRAM = fileURLToPath(new URL('./hold-home.ts', import.meta.url));
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
});

async function hold(home: string): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, [PROGRAM, home], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
  return { child, line };
}

describe('the lock of a home', () => {
  it('tells why it could not be made', async () => {
    const home = await temporaryFolder();
    await chmod(home, 0o511);
    const giveBack = takeRightsOf(65_534);
    try {
      await expect(lockHome(home)).rejects.toMatchObject({
        code: 'ERR_STORAGE_IO',
        details: { system: 'EACCES' },
      });
    } finally {
      giveBack();
    }
  });

  it('refuses a second daemon, naming the process that holds it', async () => {
    const home = join(await temporaryFolder(), 'home');
    const first = await hold(home);
    expect(first.line).toBe('open');
    const second = await hold(home);
    expect(JSON.parse(second.line)).toEqual({
      code: 'ERR_STORAGE_HOME_LOCKED',
      message: `Process ${first.child.pid} holds the home ${home}.`,
      details: { home, pid: first.child.pid },
    });
    // The refused one has not taken the lock or the name of the holder with it.
    expect(await lockHolder(home)).toBe(first.child.pid);
    await expect(openHome(home, { logger: silentLogger })).rejects.toMatchObject({
      code: 'ERR_STORAGE_HOME_LOCKED',
    });
  });

  it('dies with its holder, also by kill -9, again and again', async () => {
    const home = join(await temporaryFolder(), 'home');
    for (let round = 0; round < 3; round += 1) {
      const { child, line } = await hold(home);
      expect(line).toBe('open');
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    const after = await openHome(home, { logger: silentLogger });
    expect(await lockHolder(home)).toBe(process.pid);
    await after.close();
  });

  it('is given back by a clean stop', async () => {
    const home = join(await temporaryFolder(), 'home');
    const { child } = await hold(home);
    const exited = once(child, 'exit');
    child.stdin!.end();
    await exited;
    expect(await readdir(home)).not.toContain('pid');
    await (await openHome(home, { logger: silentLogger })).close();
  });

  it('is exclusive within one process too', async () => {
    const home = await temporaryFolder();
    const lock = await lockHome(home);
    await expect(lockHome(home)).rejects.toMatchObject({
      code: 'ERR_STORAGE_HOME_LOCKED',
      details: { pid: process.pid },
    });
    await lock.release();
    await lock.release();
    await (await lockHome(home)).release();
  });

  it('is taken although a power cut has damaged its files', async () => {
    const home = await temporaryFolder();
    await (await lockHome(home)).release();
    const names = (await readdir(join(home, 'lock'))).filter((name) => name !== 'LOCK');
    expect(names).toContain('CURRENT');
    for (const name of names) await writeFile(join(home, 'lock', name), 'garbage');
    await (await lockHome(home)).release();
  });

  it('does not trust a garbled pid file', async () => {
    const home = await temporaryFolder();
    await writeFile(join(home, 'pid'), 'kill -9 1\n');
    expect(await lockHolder(home)).toBeUndefined();
  });
});

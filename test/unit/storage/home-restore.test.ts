import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../protocols/interface/index.ts';
import { openHome } from '../../../storage/home.ts';
import { completeRestore, finishRestore, removeCopy } from '../../../storage/home-restore.ts';
import { lockHome } from '../../../storage/lock.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cooee-home-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const marks = async () => [{ source: 'environment' as const, id: 'a'.repeat(64) }];
const put = (path: string, text: string): void => {
  mkdirSync(join(home, path, '..'), { recursive: true });
  writeFileSync(join(home, path), text);
};

describe('a copy for a backup', () => {
  const ID = '0b9f6ae8-5a3f-4a52-9f0b-0d6a1c1c7e55';

  it('is removed, and nothing else that a daemon names', () => {
    put(`staging/${ID}/node.key`, 'secret');
    put(`staging/other/node.key`, 'secret');
    put(`elsewhere/${ID}/mine`, 'mine');
    symlinkSync(join(home, 'elsewhere'), join(home, 'elsewhere', 'staging'));
    for (const named of [
      ...[home, join(home, 'staging'), join(home, 'staging', 'other'), '/', '', 'staging'],
      ...[join(home, 'elsewhere', ID), join(home, 'elsewhere', 'staging', ID)],
      `${home}/elsewhere/staging/../${ID}`,
    ]) {
      expect(() => removeCopy(named), named).toThrow(
        expect.objectContaining({ code: 'ERR_BACKUP_NO_HOME' }),
      );
    }
    expect(readFileSync(join(home, 'elsewhere', ID, 'mine'), 'utf8')).toBe('mine');
    removeCopy(join(home, 'staging', ID));
    expect(readdirSync(join(home, 'staging'))).toEqual(['other']);
    // One that is gone already is no fault.
    removeCopy(join(home, 'staging', ID));
  });

  it('is removed with the rights of whoever owns it', (context) => {
    if (process.getuid?.() !== 0) return context.skip('only root can give a folder away');
    put(`staging/${ID}/node.key`, 'secret');
    for (const path of ['staging', `staging/${ID}`]) chownSync(join(home, path), 65534, 65534);
    // Its owner cannot get there: the home is root's.
    expect(() => removeCopy(join(home, 'staging', ID))).toThrow(/EACCES|EPERM/);
    expect(process.geteuid?.()).toBe(0);
    chownSync(home, 65534, 65534);
    removeCopy(join(home, 'staging', ID));
    expect(readdirSync(join(home, 'staging'))).toEqual([]);
    expect(process.geteuid?.()).toBe(0);
  });
});

describe('a restore that was killed', () => {
  it('after its last step but the moving is finished by the next start', async () => {
    // The half of it was moved.
    put('restored-files/FORMAT', 'cooee home 1\n');
    put('restored-files/mesh/mesh.json', '{}');
    put('node.key', 'secret');
    const opened = await openHome(home, { logger: silentLogger, marks });
    expect(opened.fresh).toBe(false);
    await opened.close();
    expect(readdirSync(home).sort()).toEqual(['FORMAT', 'lock', 'machine', 'mesh', 'node.key']);
    expect(readFileSync(join(home, 'mesh', 'mesh.json'), 'utf8')).toBe('{}');
    await finishRestore(home);
  });

  it('is finished before anything of the home is read', async () => {
    await completeRestore(home);
    expect(readdirSync(home)).toEqual([]);
    put('restored-files/config.json', '{}');
    const lock = await lockHome(home);
    await expect(completeRestore(home)).rejects.toMatchObject({ code: 'ERR_STORAGE_HOME_LOCKED' });
    await lock.release();
    await completeRestore(home);
    expect(readdirSync(home).sort()).toEqual(['config.json', 'lock']);
    await (await lockHome(home)).release();
  });

  it('before that leaves nothing, and so do copies for a backup', async () => {
    put('restoring/FORMAT', 'cooee home 1\n');
    put('staging/x/node.key', 'secret');
    const opened = await openHome(home, { logger: silentLogger, marks });
    expect(opened.fresh).toBe(true);
    await opened.close();
    expect(readdirSync(home).sort()).toEqual(['FORMAT', 'lock', 'machine']);
  });
});

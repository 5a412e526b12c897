import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupTools } from '../../../../daemon/backup/index.ts';
import { folderError } from '../../../../daemon/backup/make-backup.ts';
import { takeRightsOf } from '../../../../storage/home-folder.ts';

// Goal: a backup takes the place of a regular file at most, and of nothing that other programs use.

let root: string;
let source: string;
let file: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cooee-target-'));
  source = join(root, 'source');
  file = join(root, 'target');
  mkdirSync(source);
  writeFileSync(join(source, 'FORMAT'), 'cooee home 1\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const pipe = (path: string) => execFileSync('mkfifo', [path]);
const requestOf = (isForced: boolean) => ({
  ...{ source, isHome: false, file, passphrase: 'five random words', isForced },
  ...{ program: '0.1.0', name: 'alpha', nowMs: 1_782_000_000_000, workFactor: 10 },
});

describe('a backup', () => {
  it.each([true, false])('replaces no pipe, forced: %s', async (isForced) => {
    pipe(file);
    const refusal = { code: 'ERR_API_USAGE', message: `${file} is there, and is no regular file` };
    await expect(backupTools.checkTarget(file, isForced)).rejects.toMatchObject(refusal);
    await expect(backupTools.makeBackup(requestOf(isForced))).rejects.toMatchObject(refusal);
    expect(lstatSync(file).isFIFO()).toBe(true);
  });

  it.each([
    ['EACCES', 'ERR_API_USAGE'],
    ['EROFS', 'ERR_API_USAGE'],
    ['EIO', 'ERR_STORAGE_IO'],
  ])('tells a folder that is not for this user from a disk that fails: %s', (system, code) => {
    const thrown = Object.assign(new Error('no'), { code: system });
    expect(folderError(thrown, '/media')).toMatchObject({ code });
  });

  it('is not begun in a folder that is closed to this user', async () => {
    chmodSync(root, 0);
    const giveBack = takeRightsOf(65_534);
    try {
      await expect(backupTools.checkTarget(file, false)).rejects.toMatchObject({
        code: 'ERR_API_USAGE',
        message: `This user may not write into ${root} (EACCES).`,
      });
    } finally {
      giveBack();
      chmodSync(root, 0o700);
    }
  });

  it('leaves nothing of root in a home of another user', async (context) => {
    if (process.getuid?.() !== 0) return context.skip('only root can give a folder away');
    chmodSync(root, 0o755);
    for (const path of [source, join(source, 'FORMAT')]) chownSync(path, 65534, 65534);
    await backupTools.makeBackup({ ...requestOf(false), isHome: true });
    const paths = readdirSync(source, { recursive: true, encoding: 'utf8' });
    expect(paths).toContain('lock/LOCK');
    expect(paths.filter((path) => statSync(join(source, path)).uid !== 65534)).toEqual([]);
    expect([statSync(file).uid, process.geteuid?.()]).toEqual([0, 0]);
  });

  it('leaves no part of it when its program is ended', async () => {
    writeFileSync(join(source, 'large'), randomBytes(8 * 1024 * 1024));
    let end = (): void => undefined;
    const onEnd = (task: () => void) => {
      end = task;
      return () => undefined;
    };
    const made = backupTools.makeBackup({ ...requestOf(false), onEnd });
    made.catch(() => undefined);
    const parts = () => readdirSync(root).filter((name) => name.endsWith('.tmp'));
    await expect.poll(parts, { interval: 1 }).toHaveLength(1);
    end();
    expect(parts()).toEqual([]);
    await expect(made).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
  });

  it('replaces no pipe that came while it was made', async () => {
    const request = {
      ...requestOf(true),
      // Asked for when the target was looked at already.
      get passphrase() {
        pipe(file);
        return 'five random words';
      },
    };
    await expect(backupTools.makeBackup(request)).rejects.toMatchObject({ code: 'ERR_API_USAGE' });
    expect(lstatSync(file).isFIFO()).toBe(true);
    expect(readdirSync(root).sort()).toEqual(['source', 'target']);
  });
});

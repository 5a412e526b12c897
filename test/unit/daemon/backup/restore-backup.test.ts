import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backupTools } from '../../../../daemon/backup/index.ts';
import { readRestoredMark } from '../../../../daemon/backup/restored-mark.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { openHome } from '../../../../storage/home.ts';
import { lockHome } from '../../../../storage/lock.ts';

// Goal: what was backed up stands in the home again, and no failure leaves anything half-done: of a
// backup no file, of a restore no home.

const PASSPHRASE = 'five random words are enough';
const NOW_MS = 1_800_000_000_000;
const root = mkdtempSync(join(tmpdir(), 'cooee-restore-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const source = join(root, 'source');
const file = join(root, 'home.cooee');
const FILES: Readonly<Record<string, string>> = {
  FORMAT: 'cooee home 1\n',
  boot: '17\n',
  'config.json': '{}\n',
  'node.key': 'secret',
  'mesh/mesh.json': '{}',
  'mesh/log/0000000001.log': '\0'.repeat(9_000),
};
/** All that has no place in a backup. */
const LEFT_OUT = [
  'pid',
  'machine',
  'cooee.sock',
  'boot.1-2.tmp',
  'old/x/y',
  'mesh/damaged/z',
  'mesh/store/LOG',
];

function put(home: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(home, path, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(join(home, path), text);
  }
}

const requestOf = (changes: Partial<Parameters<typeof backupTools.makeBackup>[0]> = {}) => ({
  ...{ source, isHome: true, file, passphrase: PASSPHRASE, isForced: false },
  ...{ program: '0.1.0', name: 'alpha', nowMs: NOW_MS, workFactor: 10, ...changes },
});
const restore = (
  home: string,
  changes: Partial<Parameters<typeof backupTools.restoreBackup>[0]> = {},
) =>
  backupTools.restoreBackup({
    file,
    home,
    passphrase: PASSPHRASE,
    isLead: false,
    nowMs: NOW_MS,
    ...changes,
  });
const codeOf = (task: Promise<unknown>): Promise<string> =>
  task.then(
    () => 'none',
    (error) => (error as { code: string }).code,
  );

beforeAll(async () => {
  put(source, { ...FILES, ...Object.fromEntries(LEFT_OUT.map((path) => [path, 'x'])) });
  symlinkSync('/etc/hostname', join(source, 'link'));
  const made = await backupTools.makeBackup(requestOf());
  expect(made).toMatchObject({ file, files: Object.keys(FILES).length, skipped: ['link'] });
});

describe('a backup', () => {
  it('is for its owner alone, small, and says nothing of what is in it', () => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(file);
    expect(bytes.length).toBeLessThan(4_000);
    expect(bytes.includes('secret')).toBe(false);
    expect(readdirSync(root).sort()).toEqual(['home.cooee', 'source']);
  });

  it('replaces no file unless it is told to', async () => {
    const taken = join(root, 'taken');
    writeFileSync(taken, 'mine');
    expect(await codeOf(backupTools.makeBackup(requestOf({ file: taken })))).toBe(
      'ERR_BACKUP_EXISTS',
    );
    expect(readFileSync(taken, 'utf8')).toBe('mine');
    await backupTools.makeBackup(requestOf({ file: taken, isForced: true }));
    expect(readFileSync(taken, 'latin1')).toContain('age-encryption.org');
    rmSync(taken);
  });

  it('needs a home that nobody uses, and a folder that is there', async () => {
    const none = requestOf({ file: join(root, 'none'), source: join(root, 'nowhere') });
    expect(await codeOf(backupTools.makeBackup(none))).toBe('ERR_BACKUP_NO_HOME');
    const nowhere = requestOf({ file: join(root, 'no', 'where') });
    expect(await codeOf(backupTools.makeBackup(nowhere))).toBe('ERR_BACKUP_NO_FOLDER');
    const lock = await lockHome(source);
    const used = requestOf({ file: join(root, 'used') });
    expect(await codeOf(backupTools.makeBackup(used))).toBe('ERR_STORAGE_HOME_LOCKED');
    await lock.release();
    expect(readdirSync(root).sort()).toEqual(['home.cooee', 'source']);
  });

  it('of a home that cannot be read leaves no file', async () => {
    const broken = join(root, 'broken');
    put(broken, { FORMAT: FILES['FORMAT'] ?? '' });
    // A folder that stands where a file was found a moment ago.
    const made = backupTools.makeBackup(
      requestOf({ source: broken, isHome: false, file: '/dev/full/x' }),
    );
    expect(await codeOf(made)).toBe('ERR_STORAGE_IO');
    rmSync(broken, { recursive: true });
  });
});

describe('a restored home', () => {
  it('has the files, a later start than any before, and the mark of its restore', async () => {
    const home = join(root, 'restored');
    expect(await restore(home)).toEqual({
      ...{ home, files: 6, name: 'alpha' },
      made: new Date(NOW_MS).toISOString(),
    });
    for (const [path, text] of Object.entries(FILES)) {
      if (path !== 'boot') expect(readFileSync(join(home, path), 'utf8')).toBe(text);
      expect(statSync(join(home, path)).mode & 0o777).toBe(0o600);
    }
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(home, 'boot'), 'utf8')).toBe(`${NOW_MS / 1_000}\n`);
    expect(await readRestoredMark(home)).toMatchObject({ madeMs: NOW_MS, lead: false });
    // On any machine, and a second restore into it is none.
    const opened = await openHome(home, {
      logger: silentLogger,
      marks: async () => [{ source: 'environment', id: 'a'.repeat(64) }],
    });
    expect(opened.fresh).toBe(false);
    await opened.close();
    expect(await codeOf(restore(home))).toBe('ERR_BACKUP_HOME_NOT_EMPTY');
    expect(readFileSync(join(home, 'node.key'), 'utf8')).toBe('secret');
  });

  it('is not made of a folder with other things, which is left as it is', async () => {
    for (const name of ['of-another', 'FORMAT']) {
      const home = join(root, `full-${name}`);
      mkdirSync(home);
      writeFileSync(join(home, name), 'cooee home 1\n');
      chmodSync(home, 0o755);
      expect(await codeOf(restore(home))).toBe('ERR_BACKUP_HOME_NOT_EMPTY');
      expect(readdirSync(home)).toEqual([name]);
      expect(statSync(home).mode & 0o777).toBe(0o755);
    }
  });

  it('may be a disk of its own, whose folder belongs into no backup', async () => {
    const home = join(root, 'disk');
    put(home, { 'lost+found/#12': 'a piece' });
    await restore(home);
    expect(readFileSync(join(home, 'node.key'), 'utf8')).toBe('secret');
    const copy = join(root, 'disk.cooee');
    const made = await backupTools.makeBackup(requestOf({ source: home, file: copy }));
    // And the mark of the restore.
    expect(made).toMatchObject({ files: Object.keys(FILES).length + 1, skipped: [] });
    rmSync(copy);
  });

  it('is as empty as before when it was none', async () => {
    const home = join(root, 'empty');
    expect(await codeOf(restore(home, { passphrase: 'wrong' }))).toBe('ERR_BACKUP_PASSPHRASE');
    expect(await codeOf(restore(home, { file: join(root, 'none') }))).toBe('ERR_BACKUP_FOREIGN');
    expect(await codeOf(restore(home, { file: source }))).toBe('ERR_BACKUP_FOREIGN');
    const cut = join(root, 'cut');
    const whole = readFileSync(file);
    writeFileSync(cut, whole.subarray(0, whole.length - 20));
    expect(await codeOf(restore(home, { file: cut }))).toBe('ERR_BACKUP_DAMAGED');
    expect(existsSync(home)).toBe(false);
    mkdirSync(home);
    expect(await codeOf(restore(home, { file: cut }))).toBe('ERR_BACKUP_DAMAGED');
    expect(readdirSync(home)).toEqual([]);
    // What a killed attempt left does not stand in the way.
    mkdirSync(join(home, 'restoring'));
    writeFileSync(join(home, 'restoring', 'node.key'), 'half');
    await restore(home, { isLead: true });
    expect(readFileSync(join(home, 'node.key'), 'utf8')).toBe('secret');
    expect(await readRestoredMark(home)).toMatchObject({ lead: true });
  });

  it('whose restore was cut off at any step is backed up whole, or started whole', async () => {
    const names = Object.keys(FILES).map((path) => path.split('/')[0] as string);
    const steps = new Set(names).size;
    for (let moved = 0; moved <= steps; moved++) {
      const home = join(root, `half-${moved}`);
      put(join(home, 'restored-files'), FILES);
      for (const name of readdirSync(join(home, 'restored-files')).sort().slice(0, moved)) {
        renameSync(join(home, 'restored-files', name), join(home, name));
      }
      const copy = join(root, `half-${moved}.cooee`);
      const made = await backupTools.makeBackup(requestOf({ source: home, file: copy }));
      expect(made.files).toBe(Object.keys(FILES).length);
      expect(existsSync(join(home, 'restored-files'))).toBe(false);
      expect(readFileSync(join(home, 'node.key'), 'utf8')).toBe('secret');
      rmSync(home, { recursive: true });
      rmSync(copy);
    }
  });

  it('is not made of a backup without a key, nor of a newer format', async () => {
    for (const [files, code] of [
      [{ FORMAT: 'cooee home 1\n' }, 'ERR_BACKUP_DAMAGED'],
      [{ FORMAT: 'cooee home 9\n', 'node.key': 'x' }, 'ERR_STORAGE_FORMAT_NEWER'],
    ] as const) {
      const odd = join(root, 'odd');
      put(odd, files);
      await backupTools.makeBackup(requestOf({ source: odd, file: join(root, 'odd.cooee') }));
      expect(await codeOf(restore(join(root, 'from-odd'), { file: join(root, 'odd.cooee') }))).toBe(
        code,
      );
      expect(existsSync(join(root, 'from-odd'))).toBe(false);
      rmSync(odd, { recursive: true });
      rmSync(join(root, 'odd.cooee'));
    }
  });
});

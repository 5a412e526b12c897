// The home of a node, on a real disk: who may use it, what it remembers, what a start changes
// (docs/operations.md).
import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Random, silentLogger } from '../../../protocols/interface/index.ts';
import { openHome } from '../../../storage/home.ts';
import { takeRightsOf } from '../../../storage/home-folder.ts';
import type { MachineMark } from '../../../storage/home-machine.ts';
import { recordLogger } from './record-logger.ts';
import { temporaryFolders } from './temporary-folder.ts';

const temporaryFolder = temporaryFolders();
const random: Random = { bytes: (count) => new Uint8Array(count).fill(7), fraction: () => 0 };
const machine = (digit: string, source: MachineMark['source'] = 'machine-id') => ({
  source,
  id: digit.repeat(64),
});
const here = { logger: silentLogger, marks: async () => [machine('a')] };
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('openHome', () => {
  it('makes a home with mode 0700 and says that it is fresh, once', async () => {
    const path = join(await temporaryFolder(), 'a', 'b', 'home');
    const home = await openHome(path, here);
    expect(home).toMatchObject({ path, fresh: true, adopted: false });
    expect(await modeOf(path)).toBe(0o700);
    await home.close();
    await home.close();
    const again = await openHome(path, here);
    expect(again).toMatchObject({ fresh: false, adopted: false });
    await again.close();
  });

  it('keeps each of its files to the owner', async () => {
    const path = join(await temporaryFolder(), 'home');
    const home = await openHome(path, here);
    await home.nextBoot(random);
    for (const name of ['FORMAT', 'machine', 'boot', 'pid']) {
      expect(await modeOf(join(path, name)), name).toBe(0o600);
    }
    await home.close();
    expect(await readdir(path)).not.toContain('pid');
  });

  it.each([0o755, 0o770, 0o777, 0o701])('tightens mode %o with a log line', async (mode) => {
    const path = join(await temporaryFolder(), 'home');
    await mkdir(path);
    await chmod(path, mode);
    const logger = recordLogger();
    await (await openHome(path, { ...here, logger })).close();
    expect(await modeOf(path)).toBe(0o700);
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { home: path, was: mode.toString(8), now: '700' } },
    ]);
  });

  it('does not close a folder of others to them, such as /tmp', async () => {
    const path = join(await temporaryFolder(), 'shared');
    await mkdir(path);
    await writeFile(join(path, 'of-another'), '');
    await chmod(path, 0o1777);
    await expect(openHome(path, here)).rejects.toMatchObject({
      code: 'ERR_API_USAGE',
      message: expect.stringContaining(path),
      remedy: expect.stringContaining('--home'),
    });
    expect((await stat(path)).mode & 0o7777).toBe(0o1777);
    expect(await readdir(path)).toEqual(['of-another']);
  });

  it.each([
    ['a new disk', ['lost+found']],
    ['one that its settings were put into', ['config.json', 'webhook-secret']],
    ['one of ours', ['FORMAT', 'mine.txt']],
  ])('closes %s', async (_, names) => {
    const path = join(await temporaryFolder(), 'home');
    await mkdir(path);
    for (const name of names) await writeFile(join(path, name), 'cooee home 1\n');
    await chmod(path, 0o755);
    await (await openHome(path, here)).close();
    expect(await modeOf(path)).toBe(0o700);
  });

  it('tells that the path is wrong, not the disk', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    const tried = [
      [join(file, 'home'), /There can be no home at .*: ENOTDIR/u],
      [join(file, '..', 'x'.repeat(300)), /ENAMETOOLONG/u],
    ] as const;
    for (const [path, message] of tried) {
      await expect(openHome(path, here)).rejects.toMatchObject({
        code: 'ERR_API_USAGE',
        message: expect.stringMatching(message),
        remedy: expect.stringContaining('--home'),
      });
    }
  });

  it('refuses the home of another user', async (context) => {
    if (process.getuid?.() !== 0) return context.skip('only root can give a folder away');
    const path = join(await temporaryFolder(), 'home');
    await mkdir(path);
    await chown(path, 65534, 65534);
    await expect(openHome(path, here)).rejects.toMatchObject({
      code: 'ERR_STORAGE_HOME_FOREIGN',
      details: { home: path, owner: 65534, uid: 0 },
    });
    expect(await readdir(path)).toEqual([]);
  });

  it('refuses a home that another user id was expected to own', async () => {
    const path = join(await temporaryFolder(), 'home');
    const uid = (process.getuid?.() ?? 0) + 1;
    await mkdir(path);
    const error = {
      code: 'ERR_STORAGE_HOME_FOREIGN',
      message: `The home ${path} belongs to user ${uid - 1}, not to user ${uid}.`,
    };
    await expect(openHome(path, { ...here, uid })).rejects.toMatchObject(error);
    // Nor may that user look into it.
    await chmod(dirname(path), 0o711);
    await chmod(path, 0);
    const giveBack = takeRightsOf(65_534);
    try {
      await expect(openHome(path, { ...here, uid })).rejects.toMatchObject(error);
    } finally {
      giveBack();
    }
  });

  it.each(['', '/', '/.'])('refuses a symbolic link, written with "%s" behind it', async (end) => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'real'));
    await symlink(join(folder, 'real'), join(folder, 'link'));
    await expect(openHome(`${join(folder, 'link')}${end}`, here)).rejects.toMatchObject({
      code: 'ERR_STORAGE_HOME_SYMLINK',
    });
    expect(await readdir(join(folder, 'real'))).toEqual([]);
  });

  it('refuses a link that leads nowhere, and a file', async () => {
    const folder = await temporaryFolder();
    await symlink(join(folder, 'nowhere'), join(folder, 'link'));
    await writeFile(join(folder, 'file'), '');
    await expect(openHome(join(folder, 'link'), here)).rejects.toMatchObject({
      code: 'ERR_STORAGE_HOME_SYMLINK',
    });
    await expect(openHome(join(folder, 'file'), here)).rejects.toMatchObject({
      code: 'ERR_API_USAGE',
    });
  });

  it('removes what interrupted writes left, and nothing else', async () => {
    const path = join(await temporaryFolder(), 'home');
    await (await openHome(path, here)).close();
    await writeFile(join(path, 'boot.999-1.tmp'), 'half');
    await writeFile(join(path, 'mine.txt'), 'kept');
    await mkdir(join(path, 'mine.tmp'));
    await mkdir(join(path, 'mesh'));
    await writeFile(join(path, 'mesh', 'mesh.json.999-2.tmp'), '{"invite":"a secret"}');
    await (await openHome(path, here)).close();
    const names = await readdir(path);
    expect(names).toEqual(expect.arrayContaining(['mine.txt', 'mine.tmp']));
    expect(names).not.toContain('boot.999-1.tmp');
    expect(await readdir(join(path, 'mesh'))).toEqual([]);
  });
});

describe('the format', () => {
  it('of a newer program is refused with both numbers, and the lock is given back', async () => {
    const path = join(await temporaryFolder(), 'home');
    await (await openHome(path, here)).close();
    await writeFile(join(path, 'FORMAT'), 'cooee home 2\n');
    for (let n = 0; n < 2; n += 1) {
      await expect(openHome(path, here)).rejects.toMatchObject({
        code: 'ERR_STORAGE_FORMAT_NEWER',
        details: { format: 2, known: 1 },
      });
    }
    expect(await readFile(join(path, 'FORMAT'), 'utf8')).toBe('cooee home 2\n');
  });

  it.each(['', 'cooee home 0\n', 'cooee home one\n', 'x'.repeat(5_000)])(
    'that is garbage is damage',
    async (text) => {
      const path = join(await temporaryFolder(), 'home');
      await (await openHome(path, here)).close();
      await writeFile(join(path, 'FORMAT'), text);
      await expect(openHome(path, here)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
    },
  );
});

describe('the machine', () => {
  const there = { logger: silentLogger, marks: async () => [machine('b')] };

  it('must be the one that the home was made on', async () => {
    const path = join(await temporaryFolder(), 'home');
    await (await openHome(path, here)).close();
    await expect(openHome(path, there)).rejects.toMatchObject({ code: 'ERR_STORAGE_HOME_MACHINE' });
    await (await openHome(path, here)).close();
  });

  it('may change with adopt, which stays to be finished over a crash', async () => {
    const path = join(await temporaryFolder(), 'home');
    await (await openHome(path, here)).close();
    const adopted = await openHome(path, { ...there, adopt: true });
    expect(adopted.adopted).toBe(true);
    await adopted.close();
    const unfinished = await openHome(path, there);
    expect(unfinished.adopted).toBe(true);
    await unfinished.finishAdoption();
    expect(unfinished.adopted).toBe(false);
    await unfinished.close();
    const after = await openHome(path, { ...there, adopt: true });
    expect(after.adopted).toBe(false);
    await after.close();
    await expect(openHome(path, here)).rejects.toMatchObject({ code: 'ERR_STORAGE_HOME_MACHINE' });
  });

  it('is known by a mark that is no longer the best one', async () => {
    const path = join(await temporaryFolder(), 'home');
    await (await openHome(path, { ...here, marks: async () => [machine('c', 'host')] })).close();
    const marks = async () => [machine('a'), machine('c', 'host')];
    const opened = await openHome(path, { ...here, marks });
    expect(opened.path).toBe(path);
    await opened.close();
  });

  it('is not known by the same id of another kind', async () => {
    const path = join(await temporaryFolder(), 'home');
    await (await openHome(path, here)).close();
    const marks = async () => [machine('a', 'host')];
    await expect(openHome(path, { ...here, marks })).rejects.toMatchObject({
      code: 'ERR_STORAGE_HOME_MACHINE',
    });
  });

  it.each(['{', '{}', '{"v":2}', 'null'])('record %s is damage', async (text) => {
    const path = join(await temporaryFolder(), 'home');
    await (await openHome(path, here)).close();
    await writeFile(join(path, 'machine'), text);
    await expect(openHome(path, here)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
  });
});

describe('the boot counter', () => {
  it('counts every start, over restarts', async () => {
    const path = join(await temporaryFolder(), 'home');
    for (const boot of [1, 2, 3]) {
      const home = await openHome(path, here);
      expect(await home.nextBoot(random)).toEqual({ boot, nonce: new Uint8Array(16).fill(7) });
      await home.close();
    }
  });

  it('goes on behind a number that the mesh knows, and never back', async () => {
    const home = await openHome(join(await temporaryFolder(), 'home'), here);
    await home.nextBoot(random);
    await home.noteBoot(7);
    await home.noteBoot(3);
    await home.noteBoot(Number.MAX_SAFE_INTEGER);
    expect(await home.nextBoot(random)).toMatchObject({ boot: 8 });
    await home.close();
  });

  it.each(['', '0\n', '-1\n', '1e3\n', '12', '99999999999999999999\n'])(
    'never goes back: %j is damage',
    async (text) => {
      const home = await openHome(join(await temporaryFolder(), 'home'), here);
      await writeFile(home.file('boot'), text);
      await expect(home.nextBoot(random)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
      await home.close();
    },
  );
});

import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../../daemon/settings.ts';
import { takeRightsOf } from '../../../storage/home-folder.ts';
import { temporaryFolders } from '../storage/temporary-folder.ts';

const temporaryFolder = temporaryFolders();

describe('loadSettings', () => {
  it('takes the defaults where there is no file, or no folder to hold one', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), '');
    expect((await loadSettings(join(folder, 'config.json'))).mdns).toBe(true);
    expect((await loadSettings(join(folder, 'file', 'config.json'))).mdns).toBe(true);
  });

  it('leaves it to the opening of the home to tell that this user may not use it', async () => {
    const home = await temporaryFolder();
    const file = join(home, 'config.json');
    await writeFile(file, '{"mdns": false}');
    await chmod(home, 0);
    const giveBack = takeRightsOf(65_534);
    try {
      expect((await loadSettings(file)).mdns).toBe(true);
      await expect(loadSettings(file, true)).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    } finally {
      giveBack();
      await chmod(home, 0o700);
    }
  });

  it('takes no defaults in the place of a file that this user may not read', async () => {
    const home = await temporaryFolder();
    const file = join(home, 'config.json');
    await writeFile(file, '{"mdns": false}', { mode: 0 });
    await chmod(home, 0o711);
    const giveBack = takeRightsOf(65_534);
    try {
      await expect(loadSettings(file)).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    } finally {
      giveBack();
    }
  });

  it('wants the file that was named', async () => {
    const file = join(await temporaryFolder(), 'mine.json');
    await expect(loadSettings(file, true)).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: `there is no configuration ${file}`,
      remedy: expect.stringContaining('--config'),
    });
    await writeFile(file, '{"mdns": false}');
    expect((await loadSettings(file, true)).mdns).toBe(false);
  });

  it.each([
    ['a folder', 'folder', /EISDIR/u],
    ['too large', 'large', /is longer than 65536 bytes/u],
    ['endless', '/dev/zero', /is longer than 65536 bytes/u],
    ['no text', 'bytes', /is not text/u],
    ['behind a file', 'bytes/x', /ENOTDIR/u],
  ])('is not told to restore the home when the file is %s', async (_name, path, why) => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'folder'));
    await writeFile(join(folder, 'large'), ' '.repeat(70_000));
    await writeFile(join(folder, 'bytes'), Uint8Array.of(0xff, 0xfe));
    const file = path.startsWith('/') ? path : join(folder, path);
    await expect(loadSettings(file, true)).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringMatching(why),
      details: { file },
      remedy: expect.stringContaining('JSON file of at most 64 KiB'),
    });
  });
});

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isFileThere } from '../../../../../daemon/cli/input/target-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'cooee-target-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('isFileThere', () => {
  it('tells a file from nothing', async () => {
    const file = join(folder, 'file');
    expect(await isFileThere(file)).toBe(false);
    writeFileSync(file, '');
    expect(await isFileThere(file)).toBe(true);
  });

  it('refuses a link, also one to nothing, and passes on what the system says', async () => {
    const link = join(folder, 'link');
    symlinkSync(join(folder, 'nowhere'), link);
    await expect(isFileThere(link)).rejects.toMatchObject({ code: 'ERR_API_USAGE' });
    await expect(isFileThere(join(folder, 'file', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

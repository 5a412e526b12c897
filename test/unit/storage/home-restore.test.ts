import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../protocols/interface/index.ts';
import { openHome } from '../../../storage/home.ts';
import { finishRestore } from '../../../storage/home-restore.ts';

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

  it('before that leaves nothing, and so do copies for a backup', async () => {
    put('restoring/FORMAT', 'cooee home 1\n');
    put('staging/x/node.key', 'secret');
    const opened = await openHome(home, { logger: silentLogger, marks });
    expect(opened.fresh).toBe(true);
    await opened.close();
    expect(readdirSync(home).sort()).toEqual(['FORMAT', 'lock', 'machine']);
  });
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { keepOld } from '../../../../storage/migrations/keep-old.ts';

const root = mkdtempSync(join(tmpdir(), 'cooee-keep-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('keeps a whole copy once, and nothing of one that failed', async () => {
  const folder = join(root, 'mesh');
  mkdirSync(join(folder, 'log'), { recursive: true });
  writeFileSync(join(folder, 'log', '1'), 'first');
  const target = join(root, 'old', 'before');
  await keepOld(folder, target);
  writeFileSync(join(folder, 'log', '1'), 'changed');
  await keepOld(folder, target);
  expect(readFileSync(join(target, 'log', '1'), 'utf8')).toBe('first');
  await expect(keepOld(join(root, 'nowhere'), join(root, 'old', 'other'))).rejects.toMatchObject({
    code: 'ERR_STORAGE_IO',
  });
  expect(readdirSync(join(root, 'old'))).toEqual(['before']);
});

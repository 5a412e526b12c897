import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assertSound, markDamage } from '../../../../storage/disk/check-journals.ts';
import { temporaryFolders } from '../temporary-folder.ts';
import { changed, keysIn, writeJournal } from './written-journal.ts';

// Goal: a LevelDB whose journals lost records is never taken for sound.

const newFolder = temporaryFolders();
const SIZES = [500, 100_000, 30, 20_000, 3, 70_000, 900, 600] as const;
const written = async () => await writeJournal(join(await newFolder(), 'store'), SIZES);

const codeOf = async (directory: string): Promise<string> =>
  await assertSound(directory).then(
    () => 'sound',
    (error: { readonly code: string }) => error.code,
  );

it('finds nothing wrong in what LevelDB wrote, or where nothing is', async () => {
  const { directory } = await written();
  expect(await codeOf(directory)).toBe('sound');
  expect(await codeOf(join(directory, 'absent'))).toBe('sound');
  expect(await keysIn(directory)).toHaveLength(SIZES.length);
  expect(await codeOf(directory)).toBe('sound');
});

it('finds what LevelDB passes over without an error, and leaves it to be found again', async () => {
  const { directory, path, bytes } = await written();
  const damaged = changed(bytes, bytes.length >> 1, Array(8).fill(0xff));
  writeFileSync(path, damaged);
  for (const _ of ['first', 'again']) {
    await expect(assertSound(directory)).rejects.toMatchObject({
      code: 'ERR_STORAGE_DAMAGED',
      message: expect.stringContaining(path),
      details: { file: path, offset: expect.any(Number) },
    });
  }
  expect(readFileSync(path).equals(damaged)).toBe(true);
  const { length: left } = await keysIn(directory);
  expect([left > 0, left < SIZES.length]).toEqual([true, true]);
});

it('finds what is missing between two journals, in the order of their numbers', async () => {
  const { directory, path, bytes, ends } = await writeJournal(
    join(await newFolder(), 'store'),
    [40, 700, 1_300, 90],
  );
  const [, second = 0, third = 0] = ends;
  await rm(path);
  // Nothing in it says more than a new store does.
  await rm(join(directory, 'CURRENT'));
  const codeWith = async (first: Uint8Array, then: Uint8Array): Promise<string> => {
    writeFileSync(join(directory, '999999.log'), first);
    writeFileSync(join(directory, '1000000.log'), then);
    return await codeOf(directory);
  };
  expect(await codeWith(bytes.subarray(0, third), bytes.subarray(third))).toBe('sound');
  // Cut off, and written by the process that came then.
  expect(await codeWith(bytes.subarray(0, third - 1), bytes.subarray(second))).toBe('sound');
  for (const end of [third - 1, second]) {
    const code = await codeWith(bytes.subarray(0, end), bytes.subarray(third));
    expect([end, code]).toEqual([end, 'ERR_STORAGE_DAMAGED']);
  }
  renameSync(join(directory, '1000000.log'), join(directory, '3.log'));
  expect(await codeOf(directory)).toBe('sound');
});

it('lets nothing pass that leaves a hole: the rest is the store of a moment before', async () => {
  const { bytes, ends } = await written();
  const lastBlock = Math.floor(bytes.length / 32_768) * 32_768;
  const end = ends.at(-2) ?? 0;
  let passed = 0;
  for (let at = lastBlock; at < end; at += 512 * 7) {
    const { directory, path } = await written();
    writeFileSync(path, changed(bytes, at, Array(512).fill(0)));
    if ((await codeOf(directory)) !== 'sound') continue;
    passed++;
    const keys = await keysIn(directory);
    expect(keys).toEqual(keys.map((_, i) => `k${i}`));
  }
  expect(passed).toBeGreaterThan(0);
});

it('finds a journal that is gone', async () => {
  const { directory, path } = await written();
  await rm(path);
  await expect(assertSound(directory)).rejects.toMatchObject({
    code: 'ERR_STORAGE_DAMAGED',
    details: { file: directory },
  });
});

it('remembers damage that LevelDB has forgotten, and only that', async () => {
  const { directory, path, bytes } = await written();
  await markDamage(directory);
  expect(await codeOf(directory)).toBe('sound');
  writeFileSync(path, changed(bytes, 60, [0xff, 0xff]));
  await markDamage(directory);
  await keysIn(directory);
  await markDamage(directory);
  await expect(assertSound(directory)).rejects.toMatchObject({
    code: 'ERR_STORAGE_DAMAGED',
    message: `records of the store are lost in ${path} at offset 0`,
    details: { file: join(directory, 'DAMAGED') },
  });
  expect(readdirSync(directory)).toContain('DAMAGED');
});

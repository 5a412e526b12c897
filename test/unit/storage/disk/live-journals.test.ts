import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { expect, it } from 'vitest';
import { assertSound } from '../../../../storage/disk/check-journals.ts';
import { readManifest } from '../../../../storage/disk/live-journals.ts';
import { temporaryFolders } from '../temporary-folder.ts';
import { keysIn, writeJournal } from './written-journal.ts';

// Goal: the journals that are checked are those that LevelDB reads.

const newFolder = temporaryFolders();
const firstJournal = async (directory: string): Promise<number> =>
  (await readManifest(directory)).firstJournal;
const journalsIn = (directory: string): readonly string[] =>
  readdirSync(directory).filter((name) => name.endsWith('.log'));

it('knows from the manifest which journals count, however long it is', async () => {
  const directory = join(await newFolder(), 'store');
  const options = { valueEncoding: 'view', writeBufferSize: 64 * 1024 } as const;
  const database = new ClassicLevel<string, Uint8Array>(directory, options);
  // Long keys make long edits: the manifest gets a second block, and a record over two.
  const value = new Uint8Array(40_000).fill(0x40);
  for (let i = 0; i < 60; i++) await database.put(`${i}-${'k'.repeat(900)}`, value);
  await database.close();
  const manifest = readdirSync(directory).find((name) => name.startsWith('MANIFEST')) ?? '';
  const bytes = readFileSync(join(directory, manifest));
  expect(bytes.length).toBeGreaterThan(32 * 1024);
  const numbers = journalsIn(directory).map((name) => Number(name.split('.')[0]));
  expect(await firstJournal(directory)).toBe(Math.min(...numbers));
  expect(Math.min(...numbers)).toBeGreaterThan(3);
  await assertSound(directory);
  // Not in the last edit: that is what a loss of power leaves.
  for (let at = 0; at < bytes.length / 2; at += 512) {
    writeFileSync(join(directory, manifest), Buffer.from(bytes).fill(0, at, at + 512));
    await expect(assertSound(directory)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
  }
});

it('does not look at one that is back after its rows went into tables', async () => {
  const { directory, path, bytes } = await writeJournal(
    join(await newFolder(), 'store'),
    [9, 9, 9],
  );
  expect(await firstJournal(directory)).toBe(3);
  expect(await keysIn(directory)).toHaveLength(3);
  const [live = ''] = journalsIn(directory);
  expect(await firstJournal(directory)).toBe(Number(live.split('.')[0]));
  writeFileSync(path, bytes.fill(0xff, 30, 32));
  await assertSound(directory);
  copyFileSync(path, join(directory, live));
  expect(journalsIn(directory).length).toBe(2);
  await expect(assertSound(directory)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
});

it('takes all for journals that count when the manifest says nothing', async () => {
  const { directory } = await writeJournal(join(await newFolder(), 'store'), [9]);
  await keysIn(directory);
  const manifest = readdirSync(directory).find((name) => name.startsWith('MANIFEST')) ?? '';
  for (const content of [[], [1, 2, 3], Array(40).fill(0xff), Array(40).fill(1)]) {
    writeFileSync(join(directory, manifest), new Uint8Array(content));
    expect(await firstJournal(directory)).toBe(0);
  }
  writeFileSync(join(directory, 'CURRENT'), '../x\n');
  expect(await firstJournal(directory)).toBe(0);
  expect(await firstJournal(join(directory, 'absent'))).toBe(0);
});

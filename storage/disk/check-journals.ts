import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CooeeError, isCooeeError } from '../../protocols/interface/index.ts';
import { damaged, readTextBounded, systemCode, writeDurable } from '../durable-file.ts';
import { readFully } from '../log/segment-file.ts';
import { damagedError, withIoError } from './io-error.ts';
import { JOURNAL_BLOCK_BYTES, JournalReader } from './journal-reader.ts';
import { type Manifest, readManifest } from './live-journals.ts';

const JOURNAL_NAME = /^(\d+)\.log$/;

/** Stands beside LevelDB's files in a store that lost records, and says which. */
const MARK_NAME = 'DAMAGED';
const MARK_BYTES_MAX = 4 * 1024;

/**
 * Makes sure that a store that nobody has open has lost no records. @throws CooeeError
 * ERR_STORAGE_DAMAGED, ERR_STORAGE_IO
 */
export async function assertSound(directory: string): Promise<void> {
  const file = join(directory, MARK_NAME);
  const said = await readTextBounded(file, MARK_BYTES_MAX);
  if (said === undefined) return await checkJournals(directory);
  throw new CooeeError('ERR_STORAGE_DAMAGED', said.trim(), { details: { file } });
}

/**
 * Notes durably in a store that lost records that it did: when LevelDB has opened it, nothing else
 * tells. @throws CooeeError ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO
 */
export async function markDamage(directory: string): Promise<void> {
  try {
    await assertSound(directory);
  } catch (error) {
    if (!isCooeeError(error, 'ERR_STORAGE_DAMAGED')) throw error;
    await writeDurable(join(directory, MARK_NAME), `${error.message}\n`);
  }
}

/**
 * Checks the journals (`*.log`) and the manifest of a LevelDB that nobody has open. LevelDB passes
 * over damaged records of its journals, and over those behind a header of zeros in both, goes on
 * with the next one, and removes the file: to be called before it does.
 *
 * The end of what a process wrote that was killed, or that lost power, is no damage: nothing comes
 * behind it, so what LevelDB makes of the rest is the store of some moment before.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED with file and offset when records are lost that others
 * came after, or that were written whole; ERR_STORAGE_IO
 */
async function checkJournals(directory: string): Promise<void> {
  const manifest = await readManifest(directory);
  if (manifest.name !== undefined) await checkFile(join(directory, manifest.name), null);
  let next: bigint | undefined;
  for (const name of await journalsIn(directory, manifest)) {
    next = await checkFile(join(directory, name), next);
  }
}

/** Those that LevelDB reads, in the order in which they were written. */
async function journalsIn(
  directory: string,
  { firstJournal }: Manifest,
): Promise<readonly string[]> {
  const operation = { operation: 'reading the store', file: directory };
  const names = await withIoError(operation, () => readdir(directory).catch(unlessAbsent([])));
  const numberOf = (name: string): number => Number(JOURNAL_NAME.exec(name)?.[1]);
  const live = names.filter((it) => numberOf(it) >= firstJournal);
  // LevelDB makes it before the manifest names it, and takes one that is gone for an empty one.
  if (firstJournal > 0 && !live.some((it) => numberOf(it) === firstJournal)) {
    throw damaged(directory, `has lost its journal ${firstJournal}`);
  }
  return live.sort((a, b) => numberOf(a) - numberOf(b));
}

/** @returns the sequence of the next record, when that is known */
async function checkFile(
  path: string,
  next: bigint | null | undefined,
): Promise<bigint | undefined> {
  return await withIoError({ operation: 'reading the store', file: path }, async () => {
    // A process that still has it open may remove it: LevelDB refuses to be opened then.
    const file = await open(path, 'r').catch(unlessAbsent(undefined));
    if (file === undefined) return next ?? undefined;
    try {
      return await checkBlocks(file, path, new JournalReader(next));
    } finally {
      await file.close();
    }
  });
}

async function checkBlocks(
  file: FileHandle,
  path: string,
  reader: JournalReader,
): Promise<bigint | undefined> {
  for (let at = 0; ; at += JOURNAL_BLOCK_BYTES) {
    const block = await readFully(file, JOURNAL_BLOCK_BYTES, at);
    reader.read(block);
    if (block.length === JOURNAL_BLOCK_BYTES && reader.lostAt === undefined) continue;
    const lostAt = reader.lostAt ?? reader.end();
    if (lostAt === undefined) return reader.next;
    throw damagedError(path, lostAt, 'records of the store are lost');
  }
}

function unlessAbsent<T>(instead: T): (thrown: unknown) => T {
  return (thrown) => {
    if (systemCode(thrown) === 'ENOENT') return instead;
    throw thrown;
  };
}

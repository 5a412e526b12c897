import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { damaged, readTextBounded, syncFolder, writeDurable } from '../../storage/durable-file.ts';

const MARK_FILE = 'restored';
const MARK_BYTES_MAX = 1024;

const schema = z.strictObject({
  v: z.literal(1),
  madeMs: z.int().min(0),
  restoredMs: z.int().min(0),
  lead: z.boolean(),
  index: z.int().min(0).nullable(),
});

/** Says that a home was put back from a backup, until its node has taken that in. */
export interface RestoredMark {
  /** When the backup was made. */
  readonly madeMs: number;
  readonly restoredMs: number;
  /** See {@link RestoreRequest.isLead}. */
  readonly lead: boolean;
  /** The last committed index that the copy had; null when nothing was added to its log since. */
  readonly index: number | null;
}

/** On the disk when it resolves. @throws CooeeError ERR_STORAGE_* */
export async function writeRestoredMark(home: string, mark: RestoredMark): Promise<void> {
  await writeDurable(join(home, MARK_FILE), `${JSON.stringify({ v: 1, ...mark })}\n`);
}

/**
 * Marks a home that turned out to be an older copy, put back by hand.
 *
 * @param index - the last committed index that it had when it was started
 * @throws CooeeError ERR_STORAGE_*
 */
export async function markStale(home: string, nowMs: number, index: number): Promise<void> {
  await writeRestoredMark(home, { madeMs: nowMs, restoredMs: nowMs, lead: false, index });
}

/**
 * The mark, or undefined in a home that was not restored. @throws CooeeError ERR_STORAGE_DAMAGED
 */
export async function readRestoredMark(home: string): Promise<RestoredMark | undefined> {
  const file = join(home, MARK_FILE);
  const text = await readTextBounded(file, MARK_BYTES_MAX);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw damaged(file, 'does not say when this home was restored', cause);
  }
}

/** Gone from the disk when it resolves. */
export async function removeRestoredMark(home: string): Promise<void> {
  await rm(join(home, MARK_FILE), { force: true });
  await syncFolder(home);
}

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';

/** A store with one journal that LevelDB has not taken into tables yet. */
export interface WrittenJournal {
  readonly directory: string;
  readonly path: string;
  readonly bytes: Buffer;
  /** Where each batch ends. */
  readonly ends: readonly number[];
}

const options = { valueEncoding: 'view' } as const;

/** Has LevelDB write a value of each of these sizes, one by one. */
export async function writeJournal(
  directory: string,
  sizes: readonly number[],
): Promise<WrittenJournal> {
  const database = new ClassicLevel<string, Uint8Array>(directory, options);
  await database.open();
  const path = join(directory, '000003.log');
  const ends: number[] = [];
  for (const [i, size] of sizes.entries()) {
    // No zeros, which tell what did not reach the disk, and nothing that looks like a record.
    await database.put(`k${i}`, new Uint8Array(size).fill(0x40 + i));
    ends.push(statSync(path).size);
  }
  await database.close();
  return { directory, path, bytes: readFileSync(path), ends };
}

/** How many keys LevelDB finds; its journals are gone then. */
export async function keysIn(directory: string): Promise<number> {
  const database = new ClassicLevel<string, Uint8Array>(directory, options);
  const keys = await database.keys().all();
  await database.close();
  return keys.length;
}

/** A copy with other bytes at a place. */
export function changed(bytes: Buffer, at: number, by: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(by, at);
  return copy;
}

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

/** Has LevelDB write a value of each of these sizes, one by one, each made of that pattern. */
export async function writeJournal(
  directory: string,
  sizes: readonly number[],
  pattern?: Uint8Array,
): Promise<WrittenJournal> {
  const database = new ClassicLevel<string, Uint8Array>(directory, options);
  await database.open();
  const path = join(directory, '000003.log');
  const ends: number[] = [];
  for (const [i, size] of sizes.entries()) {
    // No zeros, which tell what did not reach the disk, and nothing that looks like a record.
    const value = Buffer.alloc(size, pattern ?? Uint8Array.of(0x40 + i));
    await database.put(`k${i}`, value);
    ends.push(statSync(path).size);
  }
  await database.close();
  return { directory, path, bytes: readFileSync(path), ends };
}

/** The keys that LevelDB finds; its journals are gone then. */
export async function keysIn(directory: string): Promise<string[]> {
  const database = new ClassicLevel<string, Uint8Array>(directory, options);
  const keys = await database.keys().all();
  await database.close();
  return keys;
}

/** A copy with other bytes at a place. */
export function changed(bytes: Buffer, at: number, by: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(by, at);
  return copy;
}

import type { ClassicLevel } from 'classic-level';
import { FORMAT_KEY, type Migration } from '../disk/store-format.ts';
import { storedBounds, storedKey } from '../disk/store-keys.ts';

/** The database that a migration works on. */
export type StoreDatabase = ClassicLevel<string, Uint8Array>;

/**
 * Every step from an older layout of the key-value store to the next one. A step stays as long as
 * a home of its layout may turn up; each has a home of that layout in test/data/homes, and a test
 * that a daemon starts on it.
 *
 * | from | to | what changed |
 * |---|---|---|
 * | 1 | 2 | the keys of the state: it is built anew from the log |
 */
export const STORE_MIGRATIONS: readonly Migration<StoreDatabase>[] = [
  { from: 1, run: forgetState },
];

/** Where the format record stands in the database. */
export const FORMAT_RECORD = storedKey('meta', FORMAT_KEY);

/**
 * Format 2 has other keys for the state. It is all in the log, which was never compacted before:
 * the next start applies it anew.
 */
async function forgetState(database: StoreDatabase): Promise<void> {
  // First: without it what is left of the state is not read.
  await database.del(storedKey('meta', 'applied'), { sync: true });
  await database.clear(storedBounds('state', {}));
}

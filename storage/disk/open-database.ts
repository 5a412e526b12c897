import { ClassicLevel } from 'classic-level';
import { CooeeError } from '../../protocols/interface/index.ts';
import {
  FORMAT_RECORD,
  STORE_MIGRATIONS,
  type StoreDatabase,
} from '../migrations/store-migrations.ts';
import { assertSound, markDamage } from './check-journals.ts';
import { levelError } from './level-error.ts';
import {
  decodeFormat,
  encodeFormat,
  planMigrations,
  STORE_FORMAT_VERSION,
} from './store-format.ts';

/** What LevelDB gathers in memory before it writes a table: twice its default, to write fewer. */
const MEMTABLE_BYTES = 8 * 1024 * 1024;

/**
 * What LevelDB reads and packs as one: eight times its default. It keeps an index of all of them in
 * memory, which is an eighth as large for that.
 */
const BLOCK_BYTES = 32 * 1024;

/** How {@link openDatabase} opens. */
export interface OpenInit {
  /**
   * Called with the format that was found, while nobody has it open; when it fails, nothing is
   * changed.
   */
  readonly beforeMigration: (found: number) => Promise<void>;
  /** Whether records may be lost: see `LevelStoreInit`. */
  readonly isSalvage: boolean;
}

/**
 * Opens LevelDB in a directory, makes it when it is not there, and brings one of an older format up
 * to this program's.
 *
 * @throws CooeeError ERR_STORAGE_HOME_LOCKED, ERR_STORAGE_FORMAT_NEWER, ERR_STORAGE_DAMAGED,
 * ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO
 */
export async function openDatabase(
  directory: string,
  { beforeMigration, isSalvage }: OpenInit,
): Promise<StoreDatabase> {
  // LevelDB takes what is left of its journals into tables, and then nothing tells of the rest.
  await (isSalvage ? markDamage(directory) : assertSound(directory));
  const options = {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    writeBufferSize: MEMTABLE_BYTES,
    blockSize: BLOCK_BYTES,
  };
  const database: StoreDatabase = new ClassicLevel<string, Uint8Array>(directory, options);
  try {
    await database.open();
    const found = await checkFormat(database);
    if (found === STORE_FORMAT_VERSION) return database;
    await database.close();
    await beforeMigration(found);
    await database.open();
    await migrate(database, found);
    return database;
  } catch (cause) {
    await database.close().catch(() => undefined);
    throw levelError(cause, { operation: 'opening the store', file: directory });
  }
}

/**
 * The format of a store, written into a new one. A store without a format record must be empty: the
 * record is the first thing ever written.
 */
async function checkFormat(database: StoreDatabase): Promise<number> {
  const bytes = await database.get(FORMAT_RECORD);
  if (bytes === undefined) {
    for await (const _ of database.keys({ limit: 1 })) {
      throw new CooeeError('ERR_STORAGE_DAMAGED', 'the store has lost its format record', {
        details: { file: database.location },
      });
    }
    await database.put(FORMAT_RECORD, encodeFormat(STORE_FORMAT_VERSION), { sync: true });
    return STORE_FORMAT_VERSION;
  }
  const found = decodeFormat(bytes);
  planMigrations(found, STORE_MIGRATIONS);
  return found;
}

async function migrate(database: StoreDatabase, found: number): Promise<void> {
  for (const step of planMigrations(found, STORE_MIGRATIONS)) {
    await step.run(database);
    await database.put(FORMAT_RECORD, encodeFormat(step.from + 1), { sync: true });
  }
}

import { z } from 'zod';
import { CooeeError } from '../../protocols/interface/index.ts';
import { decodeCanonical, encodeCanonical } from '../../protocols/wire/index.ts';

/** Version of the key-value store's layout that this program writes. */
export const STORE_FORMAT_VERSION = 2;

/** Where the format record stands: namespace `meta`. */
export const FORMAT_KEY = 'format';

const FORMAT_BYTES_MAX = 256;
const formatSchema = z.object({ version: z.int().min(1) });

/** One step of a migration: from the layout `from` to `from + 1`. */
export interface Migration<Database> {
  readonly from: number;
  /** Must come to the same end when it is run again after a crash in its middle. */
  run(database: Database): Promise<void>;
}

/**
 * The format record's bytes. Fields of newer versions are not refused, so that they can say what
 * they are.
 */
export function encodeFormat(version: number): Uint8Array {
  return encodeCanonical({ version });
}

/**
 * The version in a format record.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED when the bytes are no format record
 */
export function decodeFormat(bytes: Uint8Array): number {
  try {
    return formatSchema.parse(decodeCanonical(bytes, FORMAT_BYTES_MAX)).version;
  } catch (cause) {
    throw new CooeeError('ERR_STORAGE_DAMAGED', 'the format record of the store is damaged', {
      cause,
    });
  }
}

/**
 * The steps from `found` to the version of this program, in order.
 *
 * @throws CooeeError ERR_STORAGE_FORMAT_NEWER
 */
export function planMigrations<Database>(
  found: number,
  migrations: readonly Migration<Database>[],
  supported = STORE_FORMAT_VERSION,
): readonly Migration<Database>[] {
  if (found > supported) {
    const message = `the store has format ${found}; this program knows ${supported}`;
    throw new CooeeError('ERR_STORAGE_FORMAT_NEWER', message, { details: { found, supported } });
  }
  const steps: Migration<Database>[] = [];
  for (let from = found; from < supported; from++) {
    const step = migrations.find((migration) => migration.from === from);
    if (step === undefined) {
      const message = `the store has format ${found}, which this program can no longer read`;
      throw new CooeeError('ERR_STORAGE_DAMAGED', message, { details: { found, supported } });
    }
    steps.push(step);
  }
  return steps;
}

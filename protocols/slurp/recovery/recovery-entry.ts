import type { LogRecord } from '../../interface/index.ts';
import { isCooeeError } from '../../interface/index.ts';
import { decodeBatch, decodeEntry } from '../machine/codec.ts';

const ENTRY_BYTES_MAX = 128 * 1024;

/**
 * The recovery in the entry at an index, as the operator signed it.
 *
 * @returns undefined when that entry is compacted, or another one
 * @throws CooeeError ERR_WIRE_*, ERR_STORAGE_*
 */
export async function recoveryIn(
  log: { read(from: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> },
  index: number,
): Promise<Uint8Array | undefined> {
  try {
    const [record] = await log.read(index, 1, ENTRY_BYTES_MAX);
    if (record === undefined) return undefined;
    const [command] = decodeBatch(decodeEntry(record.bytes).batch).value.commands;
    const link = command?.body['link'];
    return command?.kind === 'mesh.recover' && link instanceof Uint8Array ? link : undefined;
  } catch (error) {
    if (isCooeeError(error, 'ERR_STORAGE_COMPACTED')) return undefined;
    throw error;
  }
}

import { CooeeError, revisionAt, type StateReader } from '../../interface/index.ts';
import type { VersionedRecord } from '../record.ts';

/**
 * A record whose reducers keep its versions by `revise`.
 *
 * @param present - what the last version shows, where the record also changes between versions
 * @returns undefined when it has no version
 */
export function revisedRecord(
  state: StateReader,
  address: string,
  present?: unknown,
): VersionedRecord | undefined {
  const versions = state.get('revised', address);
  if (versions === undefined) return undefined;
  return {
    address,
    versions,
    at: (n) => {
      const revision = revisionAt(state, address, n);
      if (revision === undefined) throw lost(address, n);
      const { version, index, timeMs, cause, value } = revision;
      const isPresent = n === versions && present !== undefined;
      return { version, index, timeMs, cause, value: isPresent ? present : value };
    },
  };
}

/** What is to be thrown when a version that was counted is not there. */
export function lost(address: string, version: number): CooeeError {
  return new CooeeError('ERR_STORAGE_DAMAGED', 'a version of a record is missing', {
    details: { address, version },
  });
}

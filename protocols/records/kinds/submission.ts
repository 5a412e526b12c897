import { type StateReader, versionKey } from '../../interface/index.ts';
import { formatAddress, MESH_PROJECT, type RecordAddress } from '../../ucxl/index.ts';
import type { RecordKind, RecordVersion } from '../record.ts';
import { lost } from './revised.ts';

/** What was handed in: at every address that is not of the mesh's own project. */
export const submissionKind: RecordKind = {
  find: (state, named: RecordAddress) => {
    if (named.project === MESH_PROJECT) return undefined;
    const address = formatAddress(named);
    const there = state.get('addressed', address);
    if (there === undefined) return undefined;
    const { versions, id: lastId } = there;
    return {
      address,
      versions,
      at: (n) => {
        const id = n === versions ? lastId : state.get('version', versionKey(address, n));
        const version = id === undefined ? undefined : versionOf(state, id);
        if (version === undefined) throw lost(address, n);
        return version;
      },
    };
  },
};

function versionOf(state: StateReader, id: string): RecordVersion | undefined {
  const record = state.get('submission', id);
  if (record === undefined) return undefined;
  const { version, index, timeMs, title } = record;
  return { version, index, timeMs, cause: 'submission:commit', id, title, value: record };
}

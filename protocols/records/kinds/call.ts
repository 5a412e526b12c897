import { callAddress, callRecordOf } from '../../ucxl/index.ts';
import type { RecordKind } from '../record.ts';
import { revisedRecord } from './revised.ts';

/** Calls for human help: a version for each step of its life. */
export const callKind: RecordKind = {
  find: (state, address) => {
    const id = callRecordOf(address);
    return id === null ? undefined : revisedRecord(state, callAddress(id));
  },
};

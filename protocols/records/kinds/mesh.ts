import { isLeaderRecord, leaderAddress, memberAddress, memberRecordOf } from '../../ucxl/index.ts';
import type { RecordKind } from '../record.ts';
import { revisedRecord } from './revised.ts';

/**
 * Members, also removed ones. The last version shows the member as it is now, with the start and
 * the addresses that it registered since: a start makes no version.
 */
export const memberKind: RecordKind = {
  find: (state, address) => {
    const peer = memberRecordOf(address);
    if (peer === null) return undefined;
    return revisedRecord(state, memberAddress(peer), state.get('member', peer));
  },
};

/** The leader's recipient: a version a term. */
export const leaderKind: RecordKind = {
  find: (state, address) =>
    isLeaderRecord(address) ? revisedRecord(state, leaderAddress()) : undefined,
};

import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import {
  type LeaderRecord,
  type MemberRecord,
  revise,
  type SubmissionRecord,
  versionKey,
} from '../../../protocols/interface/index.ts';
import type { RecordSource } from '../../../protocols/records/index.ts';
import { leaderAddress, memberAddress } from '../../../protocols/ucxl/index.ts';
import { World } from '../enrolment/fixtures.ts';

export const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
export const PLACE = 'ucxl://any:architect@shop:checkout';
/** The present address of a submission called so. */
export const at = (name: string): string => `${PLACE}/#/${name}`;

export const member = (change: Partial<MemberRecord> = {}): MemberRecord => ({
  ...{ peer: PEER, name: 'alpha', role: 'member', addresses: [], addedIndex: 3, invite: null },
  ...{ removedIndex: null, boot: 1, bootNonce: '', isCloned: false, levels: [1, 1] },
  ...change,
});

/** A state that records are put into as their reducers do it. */
export class RecordWorld extends World {
  get source(): RecordSource {
    return { state: this.state, sha256: nodeCrypto.sha256 };
  }

  /** The next version at the address of that name; its id is `<name>-<version>`. */
  submit(name: string, index: number): string {
    let id = '';
    this.write((state) => {
      const address = at(name);
      const before = state.get('addressed', address);
      const version = (before?.versions ?? 0) + 1;
      id = `${name}-${version}`;
      const record: SubmissionRecord = {
        ...{ kind: 'dr', address, title: `Title ${id}`, author: { peer: PEER } },
        ...{ index, timeMs: index * 1_000, acceptedMs: 0, version },
      };
      if (before !== undefined) {
        state.put('version', versionKey(address, before.versions), before.id);
      }
      state.put('submission', id, record);
      state.put('addressed', address, { versions: version, id });
    });
    return id;
  }

  member(index: number, cause: string, change: Partial<MemberRecord> = {}): void {
    this.write((state) => {
      const record = member(change);
      state.put('member', PEER, record);
      revise(state, memberAddress(PEER), { index, timeMs: index * 1_000, cause }, record);
    });
  }

  announce(term: number): void {
    this.write((state) => {
      const leader: LeaderRecord = { peer: PEER, term, recipient: `age1${term}`, index: term };
      revise(state, leaderAddress(), { index: term, timeMs: 0, cause: 'leader:change' }, leader);
    });
  }
}

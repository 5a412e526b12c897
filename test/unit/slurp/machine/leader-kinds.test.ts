import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../daemon/system/crypto.ts';
import { type ApplyContext, revisionAt } from '../../../../protocols/interface/index.ts';
import { MeshState, StateOverlay } from '../../../../protocols/slurp/index.ts';
import { reduceAnnounce } from '../../../../protocols/slurp/machine/leader-kinds.ts';
import { leaderAddress } from '../../../../protocols/ucxl/index.ts';

// Goal: each term that had a leader is a version of the leader's recipient, and no refusal is.

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const ADDRESS = leaderAddress();

const contextOf = (term: number, origin = PEER): ApplyContext => ({
  ...{ index: term * 10, term, timeMs: term * 1_000, actor: { peer: origin }, origin },
  ...{ commandMs: 0, meshId: 'm', crypto: nodeCrypto },
});

describe('leader.announce', () => {
  it('makes a version a term', () => {
    const state = new StateOverlay(new MeshState());
    const mesh = { id: 'm', name: 'm', recovery: new Uint8Array(32), level: 1, learners: [] };
    state.put('mesh', 'mesh', { ...mesh, voters: [PEER], votersTarget: 'auto', createdMs: 0 });
    for (const term of [1, 4]) {
      const body = { term, recipient: `age1${term}` };
      expect(reduceAnnounce(state, body, contextOf(term))).toMatchObject({
        events: [{ type: 'leader:change', address: ADDRESS, data: { peer: PEER, term } }],
      });
    }
    reduceAnnounce(state, { term: 9, recipient: 'age1x' }, contextOf(5));
    reduceAnnounce(state, { term: 5, recipient: 'age1x' }, contextOf(5, `${PEER}x`));
    expect(state.get('revised', ADDRESS)).toBe(2);
    expect(revisionAt(state, ADDRESS, 1)).toMatchObject({
      index: 10,
      value: { recipient: 'age11' },
    });
    expect(revisionAt(state, ADDRESS, 2)).toMatchObject({ timeMs: 4_000, value: { term: 4 } });
  });
});

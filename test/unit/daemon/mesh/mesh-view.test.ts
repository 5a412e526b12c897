import { expect, it } from 'vitest';
import { MeshView, type MeshViewComponents } from '../../../../daemon/mesh/mesh-view.ts';
import { ADMIN, MEMBER, TestMesh } from '../../membership/mesh-fixture.ts';

/** What ADMIN sees of who leads, with those connections. */
function leaderNow(raft: string | undefined | null, connected: readonly string[]) {
  const view = new MeshView({
    ...{ state: new TestMesh().state, self: ADMIN, vouched: [], voters: [] },
    network: { isConnected: (peer: string) => connected.includes(peer) },
    raftLeader: () => raft,
  } as unknown as MeshViewComponents);
  return view.leaderNow();
}

it('names a leader as long as it can be reached, or is this node', () => {
  expect(leaderNow(MEMBER, [MEMBER])).toBe(MEMBER);
  expect(leaderNow(MEMBER, [])).toBeUndefined();
  expect(leaderNow(ADMIN, [])).toBe(ADMIN);
  expect(leaderNow(undefined, [MEMBER])).toBeUndefined();
});

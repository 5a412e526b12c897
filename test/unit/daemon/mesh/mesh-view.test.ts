import { describe, expect, it } from 'vitest';
import { bestFirst, MeshView, type MeshViewComponents } from '../../../../daemon/mesh/mesh-view.ts';
import { MeshState } from '../../../../protocols/slurp/index.ts';
import { ADMIN, CURATOR, MEMBER, TestMesh } from '../../membership/mesh-fixture.ts';

/** What ADMIN sees of who leads, with those connections. */
function leaderNow(
  raft: string | undefined | null,
  connected: readonly string[],
  isHalted = false,
) {
  const view = new MeshView({
    ...{ state: new TestMesh().state, self: ADMIN, vouched: [], voters: [] },
    network: { isConnected: (peer: string) => connected.includes(peer) },
    raftLeader: () => raft,
    isHalted: () => isHalted,
  } as unknown as MeshViewComponents);
  return view.leaderNow();
}

it('names a leader as long as it can be reached, or is this node', () => {
  expect(leaderNow(MEMBER, [MEMBER])).toBe(MEMBER);
  expect(leaderNow(MEMBER, [])).toBeUndefined();
  expect(leaderNow(ADMIN, [])).toBe(ADMIN);
  expect(leaderNow(undefined, [MEMBER])).toBeUndefined();
  // The log still has the one that led before the mesh was recovered twice.
  expect(leaderNow(MEMBER, [MEMBER], true)).toBeUndefined();
});

describe('where a member can be reached', () => {
  const NEW = '/ip4/198.51.100.7/tcp/26633';
  const mesh = new TestMesh();
  const view = new MeshView({
    ...{ state: mesh.state, self: ADMIN, vouched: [], voters: [] },
  } as unknown as MeshViewComponents);
  const logged = ['/ip4/192.0.2.1/tcp/26633'];
  mesh.put(MEMBER, 'member', { addresses: logged });
  const dialled = () => view.dialAddresses(MEMBER);

  it('is as it said itself, and then as the log has it', () => {
    expect(dialled()).toEqual(logged);
    view.heard(MEMBER, [`${NEW}/p2p/${MEMBER}`, ...logged]);
    expect(dialled()).toEqual([NEW, ...logged]);
    view.heard(MEMBER, []);
    expect(dialled()).toEqual(logged);
    view.heard(MEMBER, [NEW]);
    view.forget(MEMBER);
    expect(dialled()).toEqual(logged);
  });

  it('is as the invite names it before there is a member list, with all addresses', () => {
    const [first, second] = ['/ip4/198.51.100.7/tcp/1', '/ip4/127.0.0.1/tcp/1'] as const;
    const vouched = [
      { peer: MEMBER, address: first },
      { peer: MEMBER, address: second },
      { peer: CURATOR, address: NEW },
    ];
    const state = new MeshState();
    const joiner = new MeshView({
      ...{ state, self: ADMIN, vouched, voters: [] },
    } as unknown as MeshViewComponents);
    expect(joiner.dialTargets()).toEqual([MEMBER, CURATOR]);
    expect(joiner.dialAddresses(MEMBER)).toEqual([first, second]);
    expect(joiner.dialAddresses(CURATOR)).toEqual([NEW]);
  });

  it('has bounds, and what only the own host can dial comes last', () => {
    const relayed = `/ip4/203.0.113.1/tcp/1/p2p/${ADMIN}/p2p-circuit`;
    const long = `/dns4/${'a'.repeat(300)}/tcp/1`;
    expect(bestFirst(['/ip4/127.0.0.1/tcp/1', long, `${relayed}/p2p/${MEMBER}`, NEW, NEW])).toEqual(
      [relayed, NEW, '/ip4/127.0.0.1/tcp/1'],
    );
    const many = Array.from({ length: 99 }, (_, i) => `/ip4/10.0.0.${i}/tcp/1`);
    expect(bestFirst(many)).toEqual(many.slice(0, 16));
  });
});

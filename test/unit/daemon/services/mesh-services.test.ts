import { expect, it } from 'vitest';
import { MeshServices, type MeshServicesInit } from '../../../../daemon/services/mesh-services.ts';
import { HealthBook } from '../../../../daemon/system/health.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { MEMBER, MESH, TestMesh } from '../../membership/mesh-fixture.ts';

/** The status of a member with so much of the log. */
function slurpOf(log: { commitIndex: number; appliedIndex: number }, knownIndex?: number) {
  const parts = {
    ...{ meshLog: log, state: new TestMesh().state, outbox: { waitingCount: 0 }, guard: {} },
    consensus: {
      ...{ isLeader: false, term: 1 },
      replica: knownIndex === undefined ? undefined : { knownIndex },
    },
    network: { node: { getMultiaddrs: () => [] } },
    trust: { epochs: { current: { epoch: 0 } } },
    view: {
      ...{ leaderNow: () => undefined, leaderRecord: () => undefined },
      ...{ voters: () => [], connected: () => [] },
    },
  };
  const daemon = {
    phase: 'member',
    components: {
      health: new HealthBook(silentLogger),
      signer: { peer: MEMBER },
      clock: { monotonicMs: () => 1_000 },
    },
    node: { parts, init: { meshId: MESH } },
  };
  return new MeshServices({ daemon } as unknown as MeshServicesInit).status().slurp;
}

it('a replica that catches up shows how far the mesh is, as far as voters have signed', () => {
  const log = { commitIndex: 4, appliedIndex: 4 };
  expect(slurpOf(log, 2_000)).toMatchObject({ commitIndex: 2_000, appliedIndex: 4 });
  expect(slurpOf(log, 4)).toMatchObject({ commitIndex: 4, appliedIndex: 4 });
  expect(slurpOf(log, 0)).toMatchObject({ commitIndex: 4, appliedIndex: 4 });
});

it('a voter shows what is committed in its own log', () => {
  const log = { commitIndex: 9, appliedIndex: 7 };
  expect(slurpOf(log)).toMatchObject({ commitIndex: 9, appliedIndex: 7 });
});

it.each(['ERR_MEMBERSHIP_CLONE', 'ERR_MEMBERSHIP_REMOVED'])(
  'a mesh is not recovered on a node that is shut: %s',
  async (verdict) => {
    const parts = { guard: { verdict }, recovery: {}, trust: { voters: () => [] } };
    const init = { daemon: { memberNode: { parts } } } as unknown as MeshServicesInit;
    for (const dryRun of [true, false]) {
      const recovered = new MeshServices(init).recover({ lost: [], dryRun, key: 'x' });
      await expect(recovered).rejects.toMatchObject({ code: verdict });
    }
  },
);

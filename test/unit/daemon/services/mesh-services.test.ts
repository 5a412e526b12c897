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

it('an invite that the log has not taken was not made, and says so', async () => {
  const write = async () => ({ id: 'bafyrei1', state: 'accepted' });
  const parts = { writer: { write }, calls: { logTimeMs: 0 } };
  const daemon = {
    memberNode: { parts, init: { meshId: MESH } },
    components: { clock: { nowMs: () => 0 } },
  };
  const init = { daemon, random: { bytes: (count: number) => new Uint8Array(count) } };
  const services = new MeshServices(init as unknown as MeshServicesInit);
  const issued = services.issueInvite({ uses: 1, ttlMs: 1_000, role: 'member' });
  await expect(issued).rejects.toMatchObject({
    code: 'ERR_SLURP_NO_LEADER',
    message: expect.stringContaining('no invite was made'),
    remedy: expect.stringContaining('nobody can use it'),
  });
});

it('an invite is good for its time by the log, also one ahead of a clock set back', async () => {
  const asked: { readonly expiresMs: number }[] = [];
  const parts = {
    writer: {
      write: async (_kind: string, body: { readonly expiresMs: number }) => {
        asked.push(body);
        return { id: 'bafyrei1', state: 'accepted' };
      },
    },
    calls: { logTimeMs: 9_000_000 },
  };
  const daemon = {
    memberNode: { parts, init: { meshId: MESH } },
    components: { clock: { nowMs: () => 1_000 } },
  };
  const init = { daemon, random: { bytes: (count: number) => new Uint8Array(count) } };
  const services = new MeshServices(init as unknown as MeshServicesInit);
  const input = { uses: 1, ttlMs: 500, role: 'member' } as const;
  await expect(services.issueInvite(input)).rejects.toMatchObject({ code: 'ERR_SLURP_NO_LEADER' });
  expect(asked.map(({ expiresMs }) => expiresMs)).toEqual([9_000_500]);
});

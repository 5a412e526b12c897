import { expect, it } from 'vitest';
import { InviteServices } from '../../../../daemon/services/invite-services.ts';
import type { MeshServicesInit } from '../../../../daemon/services/mesh-services.ts';
import { nodeCrypto } from '../../../../daemon/system/crypto.ts';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { parseInvite, reduceRevoke } from '../../../../protocols/membership/index.ts';
import { toHex } from '../../../../protocols/wire/index.ts';
import { ADMIN, keyOf, MESH, peerOf, TestMesh } from '../../membership/mesh-fixture.ts';

it('an invite that the log has not taken was not made, and says so', async () => {
  const write = async () => ({ id: 'bafyrei1', state: 'accepted' });
  const parts = { writer: { write }, calls: { logTimeMs: 0 } };
  const daemon = {
    memberNode: { parts, init: { meshId: MESH } },
    components: { clock: { nowMs: () => 0 } },
  };
  const init = { daemon, random: { bytes: (count: number) => new Uint8Array(count) } };
  const services = new InviteServices(init as unknown as MeshServicesInit);
  const issued = services.issue({ uses: 1, ttlMs: 1_000, role: 'member' });
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
  const services = new InviteServices(init as unknown as MeshServicesInit);
  const input = { uses: 1, ttlMs: 500, role: 'member' } as const;
  await expect(services.issue(input)).rejects.toMatchObject({ code: 'ERR_SLURP_NO_LEADER' });
  expect(asked.map(({ expiresMs }) => expiresMs)).toEqual([9_000_500]);
});

/** Services on a state, whose log takes what is written as told. */
function servicesOn(mesh: TestMesh, write: (...args: readonly unknown[]) => Promise<unknown>) {
  const parts = {
    ...{ state: mesh.state, writer: { write }, calls: { logTimeMs: mesh.timeMs } },
    meshLog: { appliedIndex: 1, appliedRoot: () => new Uint8Array(32) },
    view: { voters: () => [ADMIN], connected: () => [] },
  };
  const node = {
    ...{ parts, self: ADMIN, init: { meshId: MESH } },
    addresses: () => ['/ip4/192.0.2.1/tcp/1'],
  };
  const daemon = {
    ...{ memberNode: node, soundNode: node },
    components: { clock: { nowMs: () => mesh.timeMs } },
  };
  const random = { bytes: (count: number) => new Uint8Array(count).fill(7) };
  const init = { daemon, random, crypto: nodeCrypto };
  return new InviteServices(init as unknown as MeshServicesInit);
}

const idOf = (key: number): string => toHex(keyOf(key).publicKey);

it('an invite is named by the public half of its key', async () => {
  const services = servicesOn(new TestMesh(), async () => ({ id: 'c', state: 'committed' }));
  const { id, invite } = await services.issue({ uses: 1, ttlMs: 1_000, role: 'member' });
  expect(id).toBe(idOf(7));
  expect(parseInvite(nodeCrypto.sha256, invite).seed).toEqual(new Uint8Array(32).fill(7));
});

it('those are listed that still let somebody in, without a secret', () => {
  const mesh = new TestMesh();
  const laterMs = mesh.timeMs + 9_000;
  mesh.issue(10, { uses: 3, expiresMs: laterMs });
  mesh.issue(11, { role: 'curator' });
  mesh.issue(12);
  mesh.issue(13);
  mesh.issue(14, { expiresMs: mesh.timeMs });
  mesh.add(peerOf(20), 10);
  mesh.add(peerOf(21), 12);
  reduceRevoke(mesh.state, { key: keyOf(13).publicKey }, mesh.by(ADMIN));
  const issuer = { peer: ADMIN, name: 'host' };
  const listed = servicesOn(mesh, async () => undefined).list();
  expect(listed).toEqual([
    {
      ...{ id: idOf(11), role: 'curator', usesLeft: 1, issuer, joined: [] },
      expiresAt: new Date(mesh.timeMs + 1_000).toISOString(),
    },
    {
      ...{ id: idOf(10), role: 'member', usesLeft: 2, issuer },
      expiresAt: new Date(laterMs).toISOString(),
      joined: [{ peer: peerOf(20), name: mesh.member(peerOf(20)).name }],
    },
  ]);
});

it('one is taken back by its id; that there is none is told with where to look', async () => {
  const asked: unknown[] = [];
  const done = servicesOn(new TestMesh(), async (...args) => {
    asked.push(args);
    return { id: 'c', state: 'committed', index: 9 };
  });
  const wait = { committed: true, timeoutMs: 50 };
  expect(await done.revoke(idOf(10), wait)).toEqual({ id: 'c', state: 'committed', index: 9 });
  expect(asked).toEqual([['invite.revoke', { key: keyOf(10).publicKey }, { timeoutMs: 50 }]]);
  const refusing = servicesOn(new TestMesh(), async () => {
    throw new CooeeError('ERR_MEMBERSHIP_INVITE_UNKNOWN', undefined, { details: { index: 9 } });
  });
  await expect(refusing.revoke(idOf(10), wait)).rejects.toMatchObject({
    code: 'ERR_MEMBERSHIP_INVITE_UNKNOWN',
    details: { index: 9 },
    remedy: 'cooee invites lists those that are good.',
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeProof, reduceRemove, reduceRevoke } from '../../../protocols/membership/index.ts';
import {
  ADMIN,
  addBodyOf,
  codeOf,
  keyOf,
  MEMBER,
  nonceOf,
  OTHER_MESH,
  peerOf,
  STRANGER,
  TestMesh,
} from './mesh-fixture.ts';

const INVITE = 50;

const meshWith = (changes: Parameters<TestMesh['issue']>[1] = {}): TestMesh => {
  const mesh = new TestMesh();
  mesh.issue(INVITE, changes);
  return mesh;
};

describe('member.add', () => {
  it('admits the holder of an invite with the role in it, and spends a use', () => {
    const mesh = meshWith({ role: 'curator', uses: 2 });
    const outcome = mesh.add(STRANGER, INVITE);
    expect(outcome).toMatchObject({
      ok: true,
      value: { index: mesh.index },
      events: [{ type: 'member:join', data: { peer: STRANGER, role: 'curator' } }],
    });
    expect(mesh.member(STRANGER)).toMatchObject({
      role: 'curator',
      name: 'joiner',
      addedIndex: mesh.index,
      removedIndex: null,
      boot: 0,
    });
    expect(mesh.invite(INVITE).usesLeft).toBe(1);
  });

  it('lets one of two in that race for a single use', () => {
    const mesh = meshWith();
    const codes = [peerOf(10), peerOf(11)].map((peer) => codeOf(mesh.add(peer, INVITE)));
    expect(codes).toEqual(['ok', 'ERR_MEMBERSHIP_INVITE_USED']);
    expect(mesh.state.get('member', peerOf(11))).toBeUndefined();
  });

  it('says yes again to the same peer with the same invite, and spends nothing', () => {
    const mesh = meshWith({ uses: 3 });
    mesh.add(STRANGER, INVITE);
    const before = mesh.dump();
    const index = mesh.index;
    mesh.timeMs += 1_000_000;
    expect(mesh.add(STRANGER, INVITE)).toEqual({ ok: true, value: { index } });
    expect(mesh.dump()).toBe(before);
  });

  it('spends nothing of a second invite on a member', () => {
    const mesh = meshWith();
    mesh.issue(51, { role: 'admin' });
    mesh.add(STRANGER, INVITE);
    const index = mesh.index;
    expect(mesh.add(STRANGER, 51)).toEqual({ ok: true, value: { index } });
    expect(mesh.invite(51).usesLeft).toBe(1);
    expect(mesh.member(STRANGER).role).toBe('member');
  });

  it.each<[string, (mesh: TestMesh) => ReturnType<TestMesh['add']>, string]>([
    ['an unknown invite', (mesh) => mesh.add(STRANGER, 99), 'ERR_MEMBERSHIP_INVITE_UNKNOWN'],
    [
      'an invite at its last millisecond',
      (mesh) => {
        mesh.timeMs += 1000;
        return mesh.add(STRANGER, INVITE);
      },
      'ERR_MEMBERSHIP_INVITE_EXPIRED',
    ],
    [
      'a revoked invite',
      (mesh) => {
        reduceRevoke(mesh.state, { key: keyOf(INVITE).publicKey }, mesh.by(ADMIN));
        return mesh.add(STRANGER, INVITE);
      },
      'ERR_MEMBERSHIP_INVITE_UNKNOWN',
    ],
    [
      'a proof for another mesh',
      (mesh) => mesh.add(STRANGER, INVITE, { proof: { mesh: OTHER_MESH } }),
      'ERR_MEMBERSHIP_INVITE_FOREIGN',
    ],
    [
      'the proof of another peer',
      (mesh) => mesh.add(peerOf(20), INVITE, { proof: { peer: STRANGER } }),
      'ERR_MEMBERSHIP_PROOF',
    ],
    [
      'a proof of another invite',
      (mesh) => {
        const proof = encodeProof(keyOf(51), {
          mesh: mesh.mesh().id,
          peer: STRANGER,
          expiresMs: 9e12,
        });
        return mesh.add(STRANGER, INVITE, { proofBytes: proof });
      },
      'ERR_MEMBERSHIP_PROOF',
    ],
    [
      'a proof that has expired',
      (mesh) => mesh.add(STRANGER, INVITE, { proof: { expiresMs: mesh.timeMs } }),
      'ERR_MEMBERSHIP_INVITE_EXPIRED',
    ],
    [
      'no proof',
      (mesh) => mesh.add(STRANGER, INVITE, { proofBytes: new Uint8Array(0) }),
      'ERR_MEMBERSHIP_PROOF',
    ],
    [
      'a program of a later level',
      (mesh) => mesh.add(STRANGER, INVITE, { levels: [2, 3] }),
      'ERR_SLURP_LEVEL',
    ],
  ])('refuses %s and changes nothing', (_what, add, code) => {
    const mesh = meshWith();
    expect(codeOf(add(mesh))).toBe(code);
    expect(mesh.state.get('member', STRANGER)).toBeUndefined();
    expect(mesh.invite(INVITE).usesLeft).toBe(1);
  });

  it('refuses a proof with one bit flipped anywhere', () => {
    const mesh = meshWith();
    const { proof } = addBodyOf(STRANGER, INVITE);
    const before = mesh.dump();
    for (let bit = 0; bit < proof.length * 8; bit += 3) {
      const changed = proof.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expect(codeOf(mesh.add(STRANGER, INVITE, { proofBytes: changed }))).not.toBe('ok');
    }
    expect(mesh.dump()).toBe(before);
    expect(codeOf(mesh.add(STRANGER, INVITE, { proofBytes: proof }))).toBe('ok');
  });

  it('is of no use to the member that carries it', () => {
    const mesh = meshWith();
    const stolen = addBodyOf(STRANGER, INVITE).proof;
    const second = peerOf(21);
    expect(codeOf(mesh.add(second, INVITE, { proofBytes: stolen }))).toBe('ERR_MEMBERSHIP_PROOF');
    // Signed again by the thief itself: the invite's key is not its own.
    expect(codeOf(mesh.add(second, INVITE, { signedWith: 21 }))).toBe('ERR_MEMBERSHIP_PROOF');
    expect(codeOf(mesh.add(STRANGER, INVITE, { proofBytes: stolen }))).toBe('ok');
  });

  it('does not let a removed member in with its old invite, but with a new one', () => {
    const mesh = meshWith({ uses: 5 });
    mesh.add(STRANGER, INVITE);
    mesh.put(STRANGER, 'member', { ...mesh.member(STRANGER), boot: 4, bootNonce: nonceOf('b') });
    reduceRemove(mesh.state, { peer: STRANGER }, mesh.by(ADMIN));
    expect(codeOf(mesh.add(STRANGER, INVITE))).toBe('ERR_MEMBERSHIP_REMOVED');
    expect(mesh.invite(INVITE).usesLeft).toBe(4);
    mesh.issue(51);
    expect(codeOf(mesh.add(STRANGER, 51))).toBe('ok');
    // The last start is still known, so that the same start is no clone of itself.
    expect(mesh.member(STRANGER)).toMatchObject({
      removedIndex: null,
      addedIndex: mesh.index,
      boot: 4,
      bootNonce: nonceOf('b'),
    });
  });

  it('never admits more than an invite has uses, whatever happens', () => {
    const key = fc.constantFrom(50, 51);
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), peer: fc.integer({ min: 10, max: 16 }), key }),
      fc.record({ kind: fc.constant('remove' as const), peer: fc.integer({ min: 10, max: 16 }) }),
      fc.record({ kind: fc.constant('revoke' as const), key }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400) }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 25 }),
        (uses, steps) => {
          const mesh = meshWith({ uses });
          mesh.issue(51, { uses });
          const joins = new Map([
            [50, 0],
            [51, 0],
          ]);
          for (const next of steps) {
            if (next.kind === 'add') {
              const outcome = mesh.add(peerOf(next.peer), next.key);
              const isJoin = outcome.ok && (outcome.events?.length ?? 0) > 0;
              if (isJoin) joins.set(next.key, (joins.get(next.key) ?? 0) + 1);
            } else if (next.kind === 'remove') {
              reduceRemove(mesh.state, { peer: peerOf(next.peer) }, mesh.by(ADMIN));
            } else if (next.kind === 'revoke') {
              reduceRevoke(mesh.state, { key: keyOf(next.key).publicKey }, mesh.by(ADMIN));
            } else {
              mesh.timeMs += next.ms;
            }
            for (const [invite, count] of joins) {
              expect(mesh.invite(invite).usesLeft).toBe(uses - count);
              expect(mesh.invite(invite).usesLeft).toBeGreaterThanOrEqual(0);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('needs no particular carrier', () => {
    expect(codeOf(meshWith().add(STRANGER, INVITE, { carrier: MEMBER }))).toBe('ok');
    expect(codeOf(meshWith().add(STRANGER, INVITE, { carrier: ADMIN }))).toBe('ok');
  });
});

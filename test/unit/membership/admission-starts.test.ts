import { beforeEach, describe, expect, it } from 'vitest';
import {
  encodeJoinRequest,
  reduceRemove,
  type SignedStart,
} from '../../../protocols/membership/index.ts';
import { Bench, signedStart } from './admission-bench.ts';
import { ADMIN, MEMBER, MESH, nonceOf, OTHER_MESH, STRANGER } from './mesh-fixture.ts';

// Goal: two starts of one member that cannot stand beside each other are both told, with proof; and
// the one that is new is told whether the other one runs, which is asked for that.

describe('Admission of a member that presents itself', () => {
  it('knows it, and refuses strangers and removed ones', async () => {
    const bench = new Bench();
    expect(await bench.present(MEMBER, 1, 'a')).toBe(1);
    expect(await bench.present(STRANGER, 1, 'a', 0)).toBe('ERR_MEMBERSHIP_NOT_MEMBER');
    reduceRemove(bench.mesh.state, { peer: MEMBER }, bench.mesh.by(ADMIN));
    expect(await bench.present(MEMBER, 1, 'a')).toBe('ERR_MEMBERSHIP_REMOVED');
    expect(bench.followed).toEqual([]);
  });

  it('pulls before it refuses one that it has not heard of', async () => {
    const bench: Bench = new Bench({
      follow: async (index) => {
        bench.followed.push(index);
        bench.mesh.put(STRANGER, 'member', { addedIndex: index });
      },
    });
    expect(await bench.present(STRANGER, 1, 'a', 44)).toBe(44);
    expect(await bench.present(STRANGER, 1, 'a', 44)).toBe(44);
    expect(bench.followed).toEqual([44]);
  });

  it('refuses a start that it did not sign, and does not follow the log for it', async () => {
    const bench = new Bench();
    const start = { boot: 3, bootNonce: nonceOf('a') };
    const request = { v: 1, kind: 'present', mesh: MESH, addedIndex: 44 } as const;
    const forged: SignedStart[] = [
      signedStart(ADMIN, start),
      signedStart(MEMBER, start, OTHER_MESH),
      { ...signedStart(MEMBER, start), boot: 4 },
      { ...signedStart(MEMBER, start), bootNonce: nonceOf('b') },
      { ...start, signature: new Uint8Array(64) },
    ];
    for (const it of forged) {
      const answer = await bench.ask(MEMBER, encodeJoinRequest({ ...request, ...it }));
      expect(answer).toBe('ERR_SLURP_SIGNATURE');
    }
    expect(bench.refused('ERR_SLURP_SIGNATURE')).toBe(forged.length);
    expect(bench.followed).toEqual([]);
    expect(await bench.present(MEMBER, 3, 'c')).toBe(1);
  });

  it('tells both of two starts with one number, with proof, until a later start', async () => {
    const bench = new Bench();
    expect(await bench.present(MEMBER, 3, 'a')).toBe(1);
    expect(await bench.present(MEMBER, 3, 'a')).toBe(1);
    expect(await bench.proof(MEMBER, 3, 'b')).toBe('3 a');
    expect(bench.clones).toEqual([`${MEMBER} 3`]);
    expect(await bench.proof(MEMBER, 3, 'a')).toBe('3 b');
    expect(await bench.proof(MEMBER, 3, 'b')).toBe('3 a');
    expect(await bench.proof(MEMBER, 3, 'c')).toBe('3 a');
    expect(bench.clones).toEqual([`${MEMBER} 3`]);
    expect(await bench.present(MEMBER, 4, 'a')).toBe(1);
    expect(await bench.present(ADMIN, 3, 'b')).toBe(1);
  });

  it('remembers by the log which start is registered, and tells again with proof', async () => {
    const bench = new Bench();
    bench.mesh.put(MEMBER, 'member', { boot: 3, bootNonce: nonceOf('a') });
    // The log is no proof that can be handed on.
    expect(await bench.proof(MEMBER, 3, 'b')).toBe('only the log');
    expect(bench.clones).toEqual([`${MEMBER} 3`]);
    expect(await bench.proof(MEMBER, 3, 'a')).toBe('3 b');
    expect(bench.clones).toEqual([`${MEMBER} 3`, `${MEMBER} 3`]);
    expect(await bench.proof(MEMBER, 3, 'b')).toBe('3 a');
    expect(bench.clones).toEqual([`${MEMBER} 3`, `${MEMBER} 3`]);
    expect(await bench.proof(MEMBER, 2, 'c')).toBe('3 b');
  });

  it('forgets what it saw of a start when the log has a later one', async () => {
    const bench = new Bench();
    expect(await bench.present(MEMBER, 3, 'a')).toBe(1);
    bench.mesh.put(MEMBER, 'member', { boot: 5, bootNonce: nonceOf('b') });
    expect(await bench.proof(MEMBER, 4, 'a')).toBe('only the log');
    expect(await bench.present(MEMBER, 5, 'b')).toBe(1);
    expect(await bench.proof(MEMBER, 5, 'c')).toBe('5 b');
  });

  it('refuses a start that is older than the last, and does not forget that one', async () => {
    const bench = new Bench();
    expect(await bench.present(MEMBER, 5, 'a')).toBe(1);
    expect(await bench.proof(MEMBER, 4, 'b')).toBe('5 a');
    expect(bench.clones).toEqual([]);
    expect(await bench.present(MEMBER, 5, 'a')).toBe(1);
    expect(await bench.proof(MEMBER, 5, 'b')).toBe('5 a');
    expect(bench.clones).toEqual([`${MEMBER} 5`]);
  });

  describe('of which another one is known', () => {
    let bench: Bench;
    const isLive = async (boot: number, nonce: string): Promise<unknown> =>
      (await bench.proof(MEMBER, boot, nonce)) && bench.refusal?.details['isLive'];

    beforeEach(async () => {
      bench = new Bench();
      bench.mesh.put(MEMBER, 'member');
      await bench.present(MEMBER, 3, 'a');
    });

    it('is told that nobody met that one when its connection is gone', async () => {
      bench.admission.closed('a');
      expect([await isLive(2, 'b'), await isLive(3, 'c')]).toEqual([false, false]);
      bench.admission.disconnected(MEMBER);
      expect(await isLive(2, 'd')).toBe(false);
      // The lower one does not stand in the way of the higher.
      expect(bench.asked).toEqual([]);
    });

    it('is told that it was met when it answers, and so are both from then on', async () => {
      expect([await isLive(2, 'b'), await isLive(3, 'c')]).toEqual([true, true]);
      expect(bench.asked).toEqual(['a']);
      for (const it of ['a', 'b', 'c']) bench.admission.closed(it);
      expect([await isLive(3, 'a'), await isLive(3, 'c')]).toEqual([true, true]);
      expect(await bench.present(MEMBER, 4, 'd')).toBe(1);
      bench.admission.disconnected(MEMBER);
      expect(await isLive(4, 'e')).toBe(false);
    });

    it('is told that nobody met it when its connection is open and nobody answers', async () => {
      bench.dead.add('a');
      expect([await isLive(2, 'b'), await isLive(3, 'c')]).toEqual([false, false]);
      // Once: its connection was ended.
      expect(bench.asked).toEqual(['a']);
    });

    it('is not kept waiting when it is the later one', async () => {
      expect(await bench.present(MEMBER, 4, 'b')).toBe(1);
      expect(bench.asked).toEqual([]);
      expect(await isLive(3, 'a')).toBe(true);
      expect(bench.asked).toEqual(['b']);
    });

    it('is met when both come in the same moment', async () => {
      bench.admission.closed('a');
      const both = [4, 4].map((boot, i) => bench.present(MEMBER, boot, ['b', 'c'][i] ?? ''));
      expect(await Promise.all(both)).toContain('ERR_MEMBERSHIP_CLONE');
      expect([await isLive(4, 'b'), await isLive(4, 'c')]).toEqual([true, true]);
    });
  });
});

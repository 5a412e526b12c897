import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import { CooeeError, isCooeeError, silentLogger } from '../../../protocols/interface/index.ts';
import {
  Admission,
  type AdmissionComponents,
  decodeJoinResponse,
  encodeJoinRequest,
  isStartOf,
  reduceAdd,
  reduceRemove,
  reduceRevoke,
  type SignedStart,
  type Start,
  signStart,
  startIn,
} from '../../../protocols/membership/index.ts';
import { encodeCanonical } from '../../../protocols/wire/index.ts';
import { CountingMetrics } from '../wire/gossip-fixture.ts';
import { ManualClock } from '../wire/manual-clock.ts';
import {
  ADMIN,
  type AddChanges,
  addBodyOf,
  keyOf,
  MEMBER,
  MESH,
  nonceOf,
  OTHER_MESH,
  peerOf,
  STRANGER,
  TestMesh,
} from './mesh-fixture.ts';

const INVITE = 50;

const KEYS = new Map([1, 2, 3, 4].map((number) => [peerOf(number), keyOf(number)]));

function signedStart(peer: string, start: Start, mesh = MESH): SignedStart {
  const key = KEYS.get(peer);
  if (key === undefined) throw new Error('no key for that peer');
  return signStart(key, mesh, start);
}

/** A member's door with a log that decides at once, and a record of what it was asked. */
class Bench {
  readonly mesh = new TestMesh();
  readonly clock = new ManualClock();
  readonly metrics = new CountingMetrics();
  readonly admitted: string[] = [];
  readonly followed: number[] = [];
  readonly clones: string[] = [];
  refusal: CooeeError | undefined;
  readonly admission: Admission;

  constructor(changes: Partial<AdmissionComponents> = {}) {
    this.mesh.timeMs = this.clock.nowMs();
    this.admission = new Admission({
      state: this.mesh.state,
      crypto: nodeCrypto,
      clock: this.clock,
      metrics: this.metrics,
      logger: silentLogger,
      meshId: MESH,
      admit: async (body) => {
        this.admitted.push(body.peer);
        const context = this.mesh.by(MEMBER);
        const parsed = { ...body, addresses: [...body.addresses] };
        return { index: context.index, outcome: reduceAdd(this.mesh.state, parsed, context) };
      },
      follow: async (index) => {
        this.followed.push(index);
      },
      onClone: (peer, boot) => this.clones.push(`${peer} ${boot}`),
      ...changes,
    });
  }

  async redeem(peer: string, key: number, changes: AddChanges & { mesh?: string } = {}) {
    const { peer: _peer, ...body } = addBodyOf(peer, key, changes);
    const mesh = changes.mesh ?? MESH;
    const request = { v: 1, kind: 'redeem', mesh, logIndex: 30, ...body } as const;
    return await this.ask(peer, encodeJoinRequest(request));
  }

  async present(peer: string, boot: number, nonce: string, addedIndex = 1) {
    const request = { v: 1, kind: 'present', mesh: MESH, addedIndex } as const;
    const start = signedStart(peer, { boot, bootNonce: nonceOf(nonce) });
    return await this.ask(peer, encodeJoinRequest({ ...request, ...start }));
  }

  /** The other start that comes with the refusal of a start, by its number and nonce. */
  async proof(peer: string, boot: number, nonce: string): Promise<string> {
    this.refusal = undefined;
    expect(await this.present(peer, boot, nonce)).toBe('ERR_MEMBERSHIP_CLONE');
    const details = (this.refusal as CooeeError | undefined)?.details ?? {};
    const start = startIn(details);
    if (start === undefined) return 'only the log';
    expect(isStartOf(nodeCrypto.verify, { peer, mesh: MESH }, start)).toBe(true);
    return `${start.boot} ${start.bootNonce[0]}`;
  }

  /** The index of the answer, or the code of the refusal. */
  async ask(peer: string, bytes: Uint8Array): Promise<number | string> {
    try {
      return decodeJoinResponse(await this.admission.handle(peer, bytes)).index;
    } catch (error) {
      if (!isCooeeError(error)) return String(error);
      this.refusal = error;
      return error.code;
    }
  }

  refused(code: string): number {
    return this.metrics.read('cooee_membership_joins_refused_total', { code });
  }
}

describe('Admission of a guest with an invite', () => {
  it('asks the log and answers with the index', async () => {
    const bench = new Bench();
    bench.mesh.issue(INVITE);
    const index = await bench.redeem(STRANGER, INVITE);
    expect(index).toBe(bench.mesh.member(STRANGER).addedIndex);
    expect(bench.followed).toEqual([]);
  });

  it('answers a second time without the log', async () => {
    const bench = new Bench();
    bench.mesh.issue(INVITE);
    const index = await bench.redeem(STRANGER, INVITE);
    bench.mesh.timeMs += 1_000_000;
    await bench.clock.advance(1_000_000);
    expect(await bench.redeem(STRANGER, INVITE)).toBe(index);
    expect(bench.admitted).toEqual([STRANGER]);
  });

  it('gives a member with a second invite the index of its admission', async () => {
    const bench = new Bench();
    bench.mesh.issue(INVITE);
    bench.mesh.issue(51);
    const index = await bench.redeem(STRANGER, INVITE);
    expect(await bench.redeem(STRANGER, 51)).toBe(index);
    expect(bench.mesh.invite(51).usesLeft).toBe(1);
  });

  it.each<[string, (bench: Bench) => Promise<number | string>, string]>([
    [
      'another mesh',
      (b) => b.redeem(STRANGER, INVITE, { mesh: OTHER_MESH }),
      'ERR_MEMBERSHIP_INVITE_FOREIGN',
    ],
    [
      'a proof for another mesh',
      (b) => b.redeem(STRANGER, INVITE, { proof: { mesh: OTHER_MESH } }),
      'ERR_MEMBERSHIP_INVITE_FOREIGN',
    ],
    [
      "another peer's proof",
      (b) => b.redeem(STRANGER, INVITE, { proof: { peer: MEMBER } }),
      'ERR_MEMBERSHIP_PROOF',
    ],
    [
      'a proof by another key',
      (b) => b.redeem(STRANGER, INVITE, { signedWith: 4 }),
      'ERR_MEMBERSHIP_PROOF',
    ],
    [
      'an expired proof',
      (b) => b.redeem(STRANGER, INVITE, { proof: { expiresMs: 1000 } }),
      'ERR_MEMBERSHIP_INVITE_EXPIRED',
    ],
    ['an invite that nobody knows', (b) => b.redeem(STRANGER, 99), 'ERR_MEMBERSHIP_INVITE_UNKNOWN'],
    [
      'another version of the mesh',
      (b) => b.redeem(STRANGER, INVITE, { levels: [2, 2] }),
      'ERR_SLURP_LEVEL',
    ],
    ['garbage', (b) => b.ask(STRANGER, Uint8Array.of(0xff)), 'ERR_WIRE_MALFORMED'],
    [
      'a later version of the protocol',
      (b) => b.ask(STRANGER, encodeCanonical({ v: 2 })),
      'ERR_WIRE_VERSION',
    ],
    ['too many bytes', (b) => b.ask(STRANGER, new Uint8Array(8193)), 'ERR_WIRE_TOO_LARGE'],
    [
      'a used invite',
      async (b) => {
        await b.redeem(peerOf(5), INVITE);
        b.admitted.length = 0;
        return await b.redeem(STRANGER, INVITE);
      },
      'ERR_MEMBERSHIP_INVITE_USED',
    ],
    [
      'a revoked invite',
      async (b) => {
        reduceRevoke(b.mesh.state, { key: keyOf(INVITE).publicKey }, b.mesh.by(ADMIN));
        return await b.redeem(STRANGER, INVITE);
      },
      'ERR_MEMBERSHIP_INVITE_UNKNOWN',
    ],
    [
      'an expired invite',
      async (b) => {
        await b.clock.advance(1000);
        return await b.redeem(STRANGER, INVITE);
      },
      'ERR_MEMBERSHIP_INVITE_EXPIRED',
    ],
    [
      'a removed member with its old invite',
      async (b) => {
        await b.redeem(STRANGER, INVITE);
        reduceRemove(b.mesh.state, { peer: STRANGER }, b.mesh.by(ADMIN));
        b.admitted.length = 0;
        return await b.redeem(STRANGER, INVITE);
      },
      'ERR_MEMBERSHIP_REMOVED',
    ],
  ])('refuses %s, counts it, and does not ask the log', async (_what, ask, code) => {
    const bench = new Bench();
    bench.mesh.issue(INVITE);
    expect(await ask(bench)).toBe(code);
    expect(bench.refused(code)).toBe(1);
    expect(bench.admitted).toEqual([]);
  });

  it('catches up before it says that it does not know an invite', async () => {
    const bench: Bench = new Bench({
      follow: async (index) => {
        bench.followed.push(index);
        bench.mesh.issue(INVITE);
      },
    });
    expect(await bench.redeem(STRANGER, INVITE)).toBeTypeOf('number');
    expect(bench.followed).toEqual([30]);
  });

  it('gives up on catching up after five seconds, and ends the attempt', async () => {
    const signals: AbortSignal[] = [];
    const bench = new Bench({
      follow: async (_index, signal) => {
        signals.push(signal);
        await new Promise(() => undefined);
      },
    });
    const answers = [bench.redeem(STRANGER, 99), bench.present(STRANGER, 1, 'a', 2 ** 52)];
    await bench.clock.advance(4_999);
    expect(signals.map((signal) => signal.aborted)).toEqual([false, false]);
    await bench.clock.advance(1);
    expect(await Promise.all(answers)).toEqual(['ERR_SLURP_NO_LEADER', 'ERR_SLURP_NO_LEADER']);
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
  });

  it('says that there is no leader when the log does not decide in time', async () => {
    const bench = new Bench({ admit: () => new Promise(() => undefined) });
    bench.mesh.issue(INVITE, { expiresMs: 9e12 });
    const answer = bench.redeem(STRANGER, INVITE);
    await bench.clock.advance(7_000);
    expect(await answer).toBe('ERR_SLURP_NO_LEADER');
  });

  it('survives a log that fails after the time is up', async () => {
    let fail: (error: Error) => void = () => undefined;
    const admit = () => new Promise<never>((_resolve, reject) => (fail = reject));
    const bench = new Bench({ admit });
    bench.mesh.issue(INVITE, { expiresMs: 9e12 });
    const answer = bench.redeem(STRANGER, INVITE);
    await bench.clock.advance(7_000);
    await answer;
    fail(new Error('too late'));
    await bench.clock.advance(1);
  });

  it.each([
    ['ERR_MEMBERSHIP_REMOVED', 'ERR_SLURP_NO_LEADER'],
    ['ERR_MEMBERSHIP_CLONE', 'ERR_SLURP_NO_LEADER'],
    ['ERR_SLURP_OUTBOX_FULL', 'ERR_SLURP_OUTBOX_FULL'],
  ] as const)("does not take this member's own %s for the guest's", async (own, told) => {
    const bench = new Bench({
      admit: async () => {
        throw new CooeeError(own);
      },
    });
    bench.mesh.issue(INVITE);
    expect(await bench.redeem(STRANGER, INVITE)).toBe(told);
  });

  it("passes the log's refusal on: it decides the race", async () => {
    const bench = new Bench({
      admit: async () => ({
        index: 9,
        outcome: { ok: false, code: 'ERR_MEMBERSHIP_INVITE_USED' },
      }),
    });
    bench.mesh.issue(INVITE);
    expect(await bench.redeem(STRANGER, INVITE)).toBe('ERR_MEMBERSHIP_INVITE_USED');
  });
});

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

  it('says that the other start was met beside it, or that nobody met one', async () => {
    const bench = new Bench();
    bench.mesh.put(MEMBER, 'member');
    const isLive = async (boot: number, nonce: string): Promise<unknown> =>
      (await bench.proof(MEMBER, boot, nonce)) && bench.refusal?.details['isLive'];
    await bench.present(MEMBER, 3, 'a').then(() => bench.admission.disconnected(MEMBER));
    expect([await isLive(2, 'b'), await isLive(3, 'c')]).toEqual([false, false]);
    await bench.present(MEMBER, 4, 'd');
    expect([await isLive(4, 'e'), await isLive(4, 'd')]).toEqual([true, true]);
  });
});

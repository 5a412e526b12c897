import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../protocols/interface/index.ts';
import { reduceRemove, reduceRevoke } from '../../../protocols/membership/index.ts';
import { encodeCanonical } from '../../../protocols/wire/index.ts';
import { Bench } from './admission-bench.ts';
import { ADMIN, keyOf, MEMBER, OTHER_MESH, peerOf, STRANGER } from './mesh-fixture.ts';

const INVITE = 50;

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

  it('goes by the time of the log, however wrong the clock of its host is', async () => {
    const bench = new Bench();
    bench.mesh.issue(INVITE);
    await bench.clock.advance(86_400_000);
    expect(await bench.redeem(STRANGER, INVITE)).toBe(bench.mesh.member(STRANGER).addedIndex);
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
        b.mesh.timeMs += 1000;
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
    expect(await answer).toBe('ERR_SLURP_NO_LEADER');
    // Nobody waits for it any more: what is unhandled would fail the run.
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

import { describe, expect, it } from 'vitest';
import {
  invitersOf,
  JoinHints,
  type RedeemInit,
  redeemInvite,
  vouchedBy,
} from '../../../bootstrap/index.ts';
import { nodeCrypto, peerOfKey, seedKey } from '../../../daemon/system/crypto.ts';
import { CooeeError, type ErrorCode, silentLogger } from '../../../protocols/interface/index.ts';
import {
  decodeJoinRequest,
  encodeJoinResponse,
  type Invite,
  JOIN_PROTOCOL,
  proofProblem,
} from '../../../protocols/membership/index.ts';
import { ManualClock } from '../wire/manual-clock.ts';

const MESH = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
const peerOf = (number: number) => peerOfKey(seedKey(new Uint8Array(32).fill(number)).publicKey);
const addressOf = (number: number) => `/ip4/10.0.0.${number}/tcp/26633/p2p/${peerOf(number)}`;
const refuse = (code: ErrorCode) => async (): Promise<Uint8Array> => {
  throw new CooeeError(code);
};
const admit = async (): Promise<Uint8Array> => encodeJoinResponse(17);
const forever = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });

/** A joiner between fakes; `answers` are given one after the other, the last one for ever. */
class Bench {
  readonly clock = new ManualClock();
  readonly dialled: {
    readonly peer: string;
    readonly addresses: readonly string[];
    atMs: number;
  }[] = [];
  readonly asked: { readonly peer: string; readonly body: Uint8Array; timeoutMs: number }[] = [];
  readonly stop = new AbortController();
  unreachable = 0;
  dial: (signal: AbortSignal) => Promise<void> = async () => undefined;
  answers: ((signal: AbortSignal) => Promise<Uint8Array>)[] = [admit];
  readonly invite: Invite = {
    mesh: MESH,
    addresses: [addressOf(1)],
    anchor: { index: 12, root: new Uint8Array(32), voters: [peerOf(1)] },
    seed: new Uint8Array(32).fill(50),
    expiresMs: 1_000_000,
  };

  run(changes: Partial<RedeemInit> = {}): Promise<number | string> {
    const result = redeemInvite(
      {
        clock: this.clock,
        logger: silentLogger,
        network: {
          dial: async (peer, addresses, signal) => {
            this.dialled.push({ peer, addresses, atMs: this.clock.monotonicMs() - 1000 });
            await this.dial(signal);
          },
          ask: async (peer, protocol, body, { timeoutMs, signal }) => {
            expect(protocol).toBe(JOIN_PROTOCOL);
            this.asked.push({ peer, body, timeoutMs });
            const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
            return await (answer ?? admit)(signal);
          },
        },
      },
      {
        invite: this.invite,
        key: seedKey(this.invite.seed),
        peer: peerOf(9),
        name: 'joiner',
        addresses: ['/ip4/10.0.0.9/tcp/1'],
        levels: [1, 1],
        signal: this.stop.signal,
        onUnreachable: () => this.unreachable++,
        ...changes,
      },
    );
    return result.catch((error: unknown) => (error as CooeeError).code ?? String(error));
  }
}

describe('redeemInvite', () => {
  it('asks with a proof for this very peer, and gives the index', async () => {
    const bench = new Bench();
    expect(await bench.run()).toBe(17);
    expect(bench.dialled).toEqual([{ peer: peerOf(1), addresses: [addressOf(1)], atMs: 0 }]);
    const request = decodeJoinRequest(bench.asked[0]?.body as Uint8Array);
    expect(request).toMatchObject({ kind: 'redeem', mesh: MESH, name: 'joiner', logIndex: 12 });
    if (request.kind !== 'redeem') expect.unreachable();
    const context = { crypto: nodeCrypto, meshId: MESH, timeMs: 999_999 };
    expect(proofProblem({ ...request, peer: peerOf(9) }, context)).toBeUndefined();
    expect(proofProblem({ ...request, peer: peerOf(1) }, context)).toMatchObject({ ok: false });
    expect(bench.unreachable).toBe(0);
  });

  it('asks the next member when one does not answer', async () => {
    const bench = new Bench();
    const invite = {
      ...bench.invite,
      addresses: [addressOf(1), '/ip4/10.0.0.7/tcp/1', addressOf(2)],
    };
    bench.answers = [refuse('ERR_SLURP_NO_LEADER'), admit];
    expect(await bench.run({ invite })).toBe(17);
    expect(bench.asked.map(({ peer }) => peer)).toEqual([peerOf(1), peerOf(2)]);
    expect(bench.unreachable).toBe(0);
  });

  it('tries again with growing pauses of at most five seconds', async () => {
    const bench = new Bench();
    bench.answers = [refuse('ERR_API_BUSY')];
    const result = bench.run();
    await bench.clock.advance(20_000);
    expect(bench.dialled.map(({ atMs }) => atMs)).toEqual([
      0, 250, 750, 1750, 3750, 7750, 12_750, 17_750,
    ]);
    expect(bench.unreachable).toBe(1);
    bench.answers = [admit];
    await bench.clock.advance(5_000);
    expect(await result).toBe(17);
  });

  it('is in at the second attempt when the first answer was lost', async () => {
    const bench = new Bench();
    bench.answers = [refuse('ERR_WIRE_STREAM'), admit];
    const result = bench.run();
    await bench.clock.advance(250);
    expect(await result).toBe(17);
    expect(bench.asked[0]?.body).toEqual(bench.asked[1]?.body);
  });

  it.each<ErrorCode>([
    'ERR_MEMBERSHIP_INVITE_USED',
    'ERR_MEMBERSHIP_INVITE_EXPIRED',
    'ERR_MEMBERSHIP_INVITE_FOREIGN',
    'ERR_MEMBERSHIP_INVITE_UNKNOWN',
    'ERR_MEMBERSHIP_PROOF',
    'ERR_MEMBERSHIP_REMOVED',
    'ERR_SLURP_LEVEL',
  ])('takes %s for the last word', async (code) => {
    const bench = new Bench();
    bench.answers = [refuse(code)];
    const invite = { ...bench.invite, addresses: [addressOf(1), addressOf(2)] };
    expect(await bench.run({ invite })).toBe(code);
    expect(bench.asked).toHaveLength(1);
  });

  it.each<[string, () => Promise<Uint8Array>]>([
    ['garbage', async () => Uint8Array.of(0xff)],
    ['the request back', async () => encodeJoinResponse(1).slice(1)],
    ['a bug', async () => Promise.reject(new TypeError('x'))],
    ['an event', async () => Promise.reject({ type: 'close' })],
    ['nothing in time', refuse('ERR_WIRE_TIMEOUT')],
  ])('goes on after %s', async (_what, answer) => {
    const bench = new Bench();
    bench.answers = [answer, admit];
    const result = bench.run();
    await bench.clock.advance(250);
    expect(await result).toBe(17);
  });

  it('ends a dial that hangs after five seconds', async () => {
    const bench = new Bench();
    bench.dial = (signal) => forever(signal);
    const result = bench.run();
    await bench.clock.advance(5_249);
    expect(bench.dialled).toHaveLength(1);
    await bench.clock.advance(1);
    expect(bench.dialled).toHaveLength(2);
    bench.dial = async () => undefined;
    await bench.clock.advance(6_000);
    expect(await result).toBe(17);
  });

  it('gives up when its patience ends, with every address hanging too', async () => {
    const bench = new Bench();
    bench.dial = (signal) => forever(signal);
    const addresses = Array.from({ length: 16 }, (_, i) => addressOf(i + 1));
    const result = bench.run({ invite: { ...bench.invite, addresses }, patienceMs: 30_000 });
    await bench.clock.advance(30_000);
    expect(await result).toBe('ERR_BOOTSTRAP_INVITER_UNREACHABLE');
    expect(bench.dialled).toHaveLength(6);
  });

  it('waits for an answer within its patience only', async () => {
    const bench = new Bench();
    await bench.run();
    await bench.run({ patienceMs: 3_000 });
    expect(bench.asked.map(({ timeoutMs }) => timeoutMs)).toEqual([9_000, 3_000]);
  });

  it('gives up when the invite expires', async () => {
    const bench = new Bench();
    bench.answers = [refuse('ERR_SLURP_NO_LEADER')];
    const result = bench.run({ invite: { ...bench.invite, expiresMs: 11_000 } });
    await bench.clock.advance(20_000);
    expect(await result).toBe('ERR_MEMBERSHIP_INVITE_EXPIRED');
    const late = await bench.run({ invite: { ...bench.invite, expiresMs: 11_000 } });
    expect(late).toBe('ERR_MEMBERSHIP_INVITE_EXPIRED');
  });

  it('gives up a dial when the member is heard of elsewhere', async () => {
    const bench = new Bench();
    bench.dial = (signal) => forever(signal);
    const hints = new JoinHints([peerOf(1)]);
    const result = bench.run({ hints });
    await bench.clock.advance(700);
    bench.dial = async () => undefined;
    hints.add(peerOf(1), ['/ip4/10.0.0.77/tcp/26633']);
    await bench.clock.advance(0);
    expect(await result).toBe(17);
    expect(bench.dialled).toEqual([
      { peer: peerOf(1), addresses: [addressOf(1)], atMs: 0 },
      { peer: peerOf(1), addresses: ['/ip4/10.0.0.77/tcp/26633'], atMs: 700 },
    ]);
  });

  it('is not kept from the addresses of the invite by hints that are made up', async () => {
    const bench = new Bench();
    const named = { addresses: [addressOf(1), addressOf(2)] };
    const hints = new JoinHints([peerOf(1), peerOf(2)]);
    for (let number = 1; number <= 100; number++) {
      hints.add(peerOf(1), [`/ip4/10.9.9.${number}/tcp/1`]);
      hints.add(peerOf(2), [`/ip4/10.9.9.${number}/tcp/1`]);
    }
    // Only the second address of the invite answers.
    bench.dial = (signal) =>
      bench.dialled.at(-1)?.addresses[0] === addressOf(2) ? Promise.resolve() : forever(signal);
    const result = bench.run({ hints, invite: { ...bench.invite, ...named }, patienceMs: 30_000 });
    await bench.clock.advance(10_000);
    expect(await result).toBe(17);
    expect(bench.dialled.map(({ addresses: [it] }) => it)).toEqual([
      '/ip4/10.9.9.100/tcp/1',
      addressOf(1),
      '/ip4/10.9.9.100/tcp/1',
      addressOf(2),
    ]);
  });

  it('follows 16 hints in a round at the most', async () => {
    const bench = new Bench();
    const voters = [1, 2, 3, 4].map(peerOf);
    const hints = new JoinHints(voters);
    for (const peer of voters) {
      for (let port = 1; port <= 16; port++) hints.add(peer, [`/ip4/10.9.9.9/tcp/${port}`]);
    }
    bench.dial = async () => {
      throw new Error('refused');
    };
    const result = bench.run({ hints, patienceMs: 200 });
    await bench.clock.advance(1_000);
    expect(await result).toBe('ERR_BOOTSTRAP_INVITER_UNREACHABLE');
    expect(bench.dialled).toHaveLength(16 + 1);
  });

  it('does not give up a dial to where a member is heard of for another hint', async () => {
    const bench = new Bench();
    const hints = new JoinHints([peerOf(1), peerOf(2)]);
    hints.add(peerOf(1), ['/ip4/10.0.0.77/tcp/26633']);
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.dial = (signal) => Promise.race([promise, forever(signal)]);
    const result = bench.run({ hints });
    await bench.clock.advance(100);
    hints.add(peerOf(2), ['/ip4/10.0.0.78/tcp/26633']);
    await bench.clock.advance(100);
    resolve();
    await bench.clock.advance(0);
    expect(await result).toBe(17);
    expect(bench.dialled).toHaveLength(1);
  });

  it('asks who is heard of while it waits, at once', async () => {
    const bench = new Bench();
    bench.answers = [refuse('ERR_SLURP_NO_LEADER'), admit];
    const hints = new JoinHints([peerOf(1)]);
    const result = bench.run({ hints });
    await bench.clock.advance(1);
    hints.add(peerOf(1), ['/ip4/10.0.0.77/tcp/26633']);
    await bench.clock.advance(0);
    expect(await result).toBe(17);
  });

  it.each([
    ['while it waits', 100],
    ['while it dials', 300],
  ])('stops at once when it is told to %s', async (_what, atMs) => {
    const bench = new Bench();
    bench.answers = [refuse('ERR_SLURP_NO_LEADER')];
    const result = bench.run();
    await bench.clock.advance(1);
    bench.dial = (signal) => forever(signal);
    await bench.clock.advance(atMs);
    bench.stop.abort(new CooeeError('ERR_API_STARTING'));
    await bench.clock.advance(0);
    expect(await result).toBe('ERR_API_STARTING');
    const { length } = bench.dialled;
    await bench.clock.advance(60_000);
    expect(bench.dialled).toHaveLength(length);
  });
});

describe('invitersOf', () => {
  it('takes the last peer id of an address, and no address without one', () => {
    const relayed = `${addressOf(1)}/p2p-circuit/p2p/${peerOf(2)}`;
    const addresses = [addressOf(1), relayed, '/ip4/10.0.0.1/tcp/1', `${addressOf(1)}/x`];
    expect(invitersOf({ addresses })).toEqual([
      { peer: peerOf(1), address: addressOf(1) },
      { peer: peerOf(2), address: relayed },
    ]);
  });
});

describe('vouchedBy', () => {
  it('names each member of the invite once, also who only signed the log', () => {
    const anchor = { index: 1, root: new Uint8Array(32), voters: [peerOf(1), peerOf(3)] };
    const addresses = [addressOf(1), addressOf(2)];
    expect(vouchedBy({ addresses, anchor })).toEqual([peerOf(1), peerOf(2), peerOf(3)]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCanonical } from '../../../protocols/wire/canonical.ts';
import { encodeSigned } from '../../../protocols/wire/signed.ts';
import { envelopeOf, GossipBench, OTHER_MESH, signerOf } from './gossip-fixture.ts';

const MINUTE_MS = 60_000;

describe('GossipService takes in', () => {
  it("a member's message, once, with what was signed", async () => {
    const bench = await new GossipBench().start();
    const bytes = encodeSigned(bench.friend, 'gossip', envelopeOf(bench.clock, bench.friend.peer));
    expect(bench.take(bytes)).toBe('accept');
    expect(bench.take(bytes)).toBe('ignore');
    const [message, ...rest] = bench.heard;
    expect(rest).toEqual([]);
    expect(message).toMatchObject({ origin: bench.friend.peer, boot: 1, seq: 1 });
    expect(message?.body).toEqual(Uint8Array.of(1, 2, 3));
    expect(message?.original).toEqual(bytes);
    expect(bench.gossip.open(message?.original as Uint8Array)).toEqual(message);
  });

  it('a copy of the message, not the frame that it came in', async () => {
    const bench = await new GossipBench().start();
    const bytes = encodeSigned(bench.friend, 'gossip', envelopeOf(bench.clock, bench.friend.peer));
    const frame = new Uint8Array(1_000_000);
    frame.set(bytes, 500);
    bench.take(frame.subarray(500, 500 + bytes.length));
    expect(bench.heard[0]?.original.buffer.byteLength).toBe(bytes.length);
  });

  it.each<[string, Record<string, unknown>, string, number]>([
    ['a message of another mesh', { mesh: OTHER_MESH }, 'mesh', 0],
    ['a message of another topic', { topic: 'help' }, 'topic', 0],
    ['a message of a stranger', { origin: signerOf(3).peer }, 'origin', 0],
    ['its own message', { origin: signerOf(1).peer }, 'own', 0],
    ['a message of the past', { timeMs: 1000 - 5 * MINUTE_MS - 1 + 10 * MINUTE_MS }, 'time', 0],
    ['a message of the future', { timeMs: 1000 + 15 * MINUTE_MS + 1 }, 'time', 0],
    ['a later version', { v: 2, more: true }, 'version', 0],
  ])(
    '%s never: ignored and counted before the signature',
    async (_what, changes, reason, checks) => {
      const bench = await new GossipBench().start();
      await bench.clock.advance(10 * MINUTE_MS);
      expect(bench.hear(changes)).toBe('ignore');
      expect(bench.dropped(reason)).toBe(1);
      expect(bench.verifications).toBe(checks);
      expect(bench.heard).toEqual([]);
    },
  );

  it.each([
    ['five minutes before', -5 * MINUTE_MS],
    ['five minutes ahead', 5 * MINUTE_MS],
  ])('a message whose clock is %s', async (_what, skewMs) => {
    const bench = await new GossipBench().start();
    await bench.clock.advance(10 * MINUTE_MS);
    expect(bench.hear({ timeMs: bench.clock.nowMs() + skewMs })).toBe('accept');
  });

  it.each<[string, Record<string, unknown>]>([
    ['an unknown topic', { topic: 'gossip' }],
    ['an unknown field', { more: 1 }],
    ['number 0', { seq: 0 }],
    ['start 0', { boot: 0 }],
    ['a negative number', { seq: -1 }],
    ['a body that is a text', { body: 'abc' }],
    ['an origin that is no peer', { origin: 'me' }],
    ['version 0', { v: 0 }],
  ])('no message with %s: rejected', async (_what, changes) => {
    const bench = await new GossipBench().start();
    expect(bench.hear(changes)).toBe('reject');
    expect(bench.dropped('malformed')).toBe(1);
    expect(bench.verifications).toBe(0);
  });

  it('no garbage, whatever it is', async () => {
    const bench = await new GossipBench().start();
    const wrap = (body: unknown) =>
      encodeCanonical({ b: encodeCanonical(body), s: new Uint8Array(64) });
    const odd = [new Uint8Array(0), Uint8Array.of(0xff), wrap(1), wrap(null), wrap([]), wrap({})];
    for (const data of odd) expect(bench.take(data)).toBe('reject');
    expect(bench.take(new Uint8Array(70_000).fill(0x80))).toBe('reject');
    const counted = odd.length + 1;
    expect(bench.dropped('malformed')).toBe(counted);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        expect(bench.take(data, 'another')).toBe('reject');
      }),
      { numRuns: 200 },
    );
  });

  it('no forgery: rejected, and the number stays free for the true one', async () => {
    const bench = await new GossipBench().start();
    expect(bench.hear({}, bench.stranger)).toBe('reject');
    expect(bench.dropped('signature')).toBe(1);
    expect(bench.hear()).toBe('accept');
    expect(bench.dropped('replay')).toBe(0);
  });

  it('numbers in any order, each once, and none of an earlier start', async () => {
    const bench = await new GossipBench().start();
    const verdicts = [3, 1, 2, 3, 1].map((seq) => bench.hear({ seq }));
    expect(verdicts).toEqual(['accept', 'accept', 'accept', 'ignore', 'ignore']);
    expect(bench.hear({ boot: 2, seq: 1 })).toBe('accept');
    expect(bench.hear({ boot: 1, seq: 4 })).toBe('ignore');
    expect(bench.dropped('replay')).toBe(3);
    expect(bench.verifications).toBe(4);
  });

  it('one number for all topics', async () => {
    const bench = await new GossipBench().start();
    bench.hear({ seq: 5 });
    const envelope = { ...envelopeOf(bench.clock, bench.friend.peer), topic: 'help', seq: 5 };
    expect(bench.take(encodeSigned(bench.friend, 'gossip', envelope), 'n', 'help')).toBe('ignore');
    expect(bench.dropped('replay', 'help')).toBe(1);
  });

  it('nothing of a member that was removed meanwhile', async () => {
    const bench = await new GossipBench().start();
    expect(bench.hear({ seq: 1 })).toBe('accept');
    bench.members.delete(bench.friend.peer);
    expect(bench.hear({ seq: 2 })).toBe('ignore');
    expect(bench.dropped('origin')).toBe(1);
  });

  it('no more of a neighbour than its budget, counted before anything is looked at', async () => {
    const bench = await new GossipBench().start();
    const verdicts = Array.from({ length: 1_100 }, () =>
      bench.take(Uint8Array.of(0xff), 'flooder'),
    );
    expect(verdicts.filter((verdict) => verdict === 'reject')).toHaveLength(1_000);
    expect(bench.dropped('rate')).toBe(100);
    expect(bench.hear()).toBe('accept');
    await bench.clock.advance(1_000);
    expect(bench.take(Uint8Array.of(0xff), 'flooder')).toBe('reject');
  });

  it('nothing of a neighbour over its budget until that is whole: graylisted', async () => {
    const bench = await new GossipBench().start();
    const score = () => bench.gossip.scoreOf('flooder');
    const flood = (count: number) => {
      for (let i = 0; i < count; i++) bench.take(Uint8Array.of(0xff), 'flooder');
    };
    flood(1_000);
    expect(score()).toBe(0);
    flood(1);
    expect(score()).toBeLessThan(-80);
    await bench.clock.advance(4_000);
    // What was on its way when gossipsub last asked: the wait is longer by as much.
    flood(10);
    await bench.clock.advance(1_000);
    expect(score()).toBeLessThan(-80);
    expect(bench.gossip.scoreOf('neighbour')).toBe(0);
    await bench.clock.advance(50);
    expect(score()).toBe(0);
    flood(1);
    expect(score()).toBe(0);
  });

  it('no more of an origin than a member may publish, over whatever neighbours', async () => {
    const bench = await new GossipBench().start();
    const verdicts = Array.from({ length: 100 }, (_, i) => bench.hear({ seq: i + 1 }));
    const accepted = verdicts.filter((verdict) => verdict === 'accept').length;
    expect(accepted).toBe(64);
    expect(bench.dropped('flood')).toBe(36);
    await bench.clock.advance(1_000);
    const later = Array.from({ length: 20 }, (_, i) => bench.hear({ seq: 200 + i }));
    expect(later.filter((verdict) => verdict === 'accept')).toHaveLength(10);
  });

  it('what is too much, and says whose it was', async () => {
    const bench = await new GossipBench().start();
    for (let seq = 1; seq <= 65; seq++) bench.hear({ seq });
    expect(bench.floods).toEqual([`${bench.friend.peer}: gossip on capability`]);
    for (let i = 0; i < 3; i++) bench.take(Uint8Array.of(0xff), 'scribbler');
    expect(bench.floods.slice(1)).toEqual(['scribbler: junk on capability']);
    for (let i = 0; i < 998; i++) bench.take(Uint8Array.of(0xff), 'scribbler');
    expect(bench.floods.at(-1)).toBe('scribbler: gossip');
  });

  it("no forgery into another's budget", async () => {
    const bench = await new GossipBench().start();
    for (let seq = 1; seq <= 200; seq++) bench.hear({ seq }, bench.stranger);
    expect(bench.hear({ seq: 300 })).toBe('accept');
  });

  it('what its handler says no to: counted, and passed on as the verdict', async () => {
    const bench = await new GossipBench().start();
    bench.gossip.handle('capability', () => 'reject');
    expect(bench.hear({ seq: 1 })).toBe('reject');
    bench.gossip.handle('capability', () => 'ignore');
    expect(bench.hear({ seq: 2 })).toBe('ignore');
    expect(bench.dropped('handler')).toBe(2);
  });

  it('what its handler breaks on: ignored and counted, nothing thrown', async () => {
    const bench = await new GossipBench().start();
    bench.gossip.handle('capability', () => {
      throw new TypeError('a bug');
    });
    expect(bench.hear()).toBe('ignore');
    expect(bench.dropped('fault')).toBe(1);
  });

  it('nothing again after a restart, from the marks on the disk', async () => {
    const first = await new GossipBench().start();
    const bytes = encodeSigned(first.friend, 'gossip', {
      ...envelopeOf(first.clock, first.friend.peer),
      seq: 7,
    });
    expect(first.take(bytes)).toBe('accept');
    await first.gossip.stop();
    const second = await new GossipBench(2, first.store).start();
    expect(second.take(bytes)).toBe('ignore');
    expect(second.dropped('replay')).toBe(1);
    expect(second.hear({ seq: 8 })).toBe('accept');
  });

  it('nothing again after a crash, once thirty seconds have passed', async () => {
    const first = await new GossipBench().start();
    expect(first.hear({ seq: 7 })).toBe('accept');
    await first.clock.advance(30_000);
    const second = await new GossipBench(2, first.store).start();
    expect(second.hear({ seq: 7 })).toBe('ignore');
    expect(second.dropped('replay')).toBe(1);
  });

  it('no message that was captured six hours ago, by its time and by its number', async () => {
    const bench = await new GossipBench().start();
    const captured = encodeSigned(
      bench.friend,
      'gossip',
      envelopeOf(bench.clock, bench.friend.peer),
    );
    const unseen = encodeSigned(bench.friend, 'gossip', {
      ...envelopeOf(bench.clock, bench.friend.peer),
      seq: 2,
    });
    expect(bench.take(captured)).toBe('accept');
    await bench.clock.advance(6 * 60 * MINUTE_MS);
    expect(bench.take(captured)).toBe('ignore');
    expect(bench.take(unseen)).toBe('ignore');
    expect(bench.dropped('time')).toBe(2);
  });

  it('marks that could not be saved are saved in the next round', async () => {
    const bench = await new GossipBench().start();
    expect(bench.hear({ seq: 9 })).toBe('accept');
    await bench.store.close();
    await bench.clock.advance(30_000);
    await bench.store.open();
    await bench.clock.advance(30_000);
    const second = await new GossipBench(2, bench.store).start();
    expect(
      second.take(
        encodeSigned(second.friend, 'gossip', {
          ...envelopeOf(second.clock, second.friend.peer),
          seq: 9,
        }),
      ),
    ).toBe('ignore');
  });
});

describe('GossipService.open', () => {
  it('checks form, mesh, membership and signature, and neither time nor number', async () => {
    const bench = await new GossipBench().start();
    const open = (changes: Record<string, unknown>, signer = bench.friend) => {
      const envelope = { ...envelopeOf(bench.clock, bench.friend.peer), ...changes };
      return bench.gossip.open(encodeSigned(signer, 'gossip', envelope));
    };
    await bench.clock.advance(60 * MINUTE_MS);
    expect(open({ timeMs: 0 }).seq).toBe(1);
    expect(open({ timeMs: 0 }).seq).toBe(1);
    const refused: [Record<string, unknown>, string][] = [
      [{ mesh: OTHER_MESH }, 'ERR_WIRE_MALFORMED'],
      [{ origin: bench.stranger.peer }, 'ERR_MEMBERSHIP_NOT_MEMBER'],
      [{ v: 2 }, 'ERR_WIRE_VERSION'],
      [{ seq: 0 }, 'ERR_WIRE_MALFORMED'],
    ];
    for (const [changes, code] of refused) {
      expect(() => open(changes)).toThrow(expect.objectContaining({ code }));
    }
    expect(() => open({}, bench.stranger)).toThrow(
      expect.objectContaining({ code: 'ERR_SLURP_SIGNATURE' }),
    );
  });
});

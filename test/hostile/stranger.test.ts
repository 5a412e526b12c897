import { randomBytes } from 'node:crypto';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { IdentifyResult, Stream } from '@libp2p/interface';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto, seedKey } from '../../daemon/system/crypto.ts';
import { LIMITS } from '../../protocols/interface/index.ts';
import { encodeProof, JOIN_PROTOCOL, parseInvite } from '../../protocols/membership/index.ts';
import { encodeCanonical, encodeFrame, FRAME_KIND } from '../../protocols/wire/index.ts';
import { type TestHost, TestMesh, until } from '../mesh/harness.ts';
import { Stopwatch } from '../mesh/stopwatch.ts';
import { bytesOn, Rogue, type RogueInit } from './rogue.ts';

// Goal: whoever is not in the member list gets nothing of the mesh but identify and the join
// protocol, whatever it sends, and is counted. Method: real daemons, and a peer that is plain
// libp2p with every protocol that exists here.

const REFUSALS = 'cooee_membership_refusals_total';
const JOINS_REFUSED = 'cooee_membership_joins_refused_total';

let mesh: TestMesh;
let alpha: TestHost;
let beta: TestHost;
let alphaPeer: string;
let meshId: string;
let rogues: Rogue[] = [];

beforeAll(async () => {
  mesh = new TestMesh();
  [alpha, beta] = (await mesh.start('alpha', 'beta')) as [TestHost, TestHost];
  await alpha.votesAlone();
  const status = await alpha.client.call('getStatus', {});
  alphaPeer = status.node.peer;
  meshId = status.mesh.id;
});
afterEach(async () => {
  await Promise.all(rogues.map((rogue) => rogue.stop()));
  rogues = [];
});
afterAll(async () => {
  await mesh.close();
});

const rogue = async (init: Omit<RogueInit, 'mesh'> = {}): Promise<Rogue> => {
  const made = await Rogue.create({ mesh: meshId, ...init });
  rogues.push(made);
  return made;
};

const stranger = async (init: Omit<RogueInit, 'mesh'> = {}): Promise<Rogue> => {
  const made = await rogue(init);
  expect(await made.connect(alpha)).toBeUndefined();
  return made;
};

const membersOnly = (id: string): readonly string[] => [
  `/cooee/${id}/replica/1`,
  `/cooee/${id}/submit/1`,
  `/cooee/${id}/capability/1`,
  `/cooee/${id}/kad/1.0.0`,
  '/meshsub/1.3.0',
  '/meshsub/1.2.0',
  '/meshsub/1.1.0',
  '/meshsub/1.0.0',
  '/floodsub/1.0.0',
  '/ipfs/ping/1.0.0',
  '/ipfs/id/push/1.0.0',
  '/ipfs/kad/1.0.0',
  '/libp2p/circuit/relay/0.2.0/hop',
  '/cooee/join/2',
  '/',
];

/** Opens a stream of each protocol, says something on it, and tells how many bytes came back. */
const knock = async (from: Rogue, to: string, protocols: readonly string[]) =>
  await Promise.all(
    protocols.map(async (protocol) => {
      const stream = await from.open(to, protocol);
      if (stream === undefined) return [protocol, 0];
      const bytes = bytesOn(stream);
      send(stream, encodeFrame({ kind: FRAME_KIND.request, id: 1, payload: PULL }));
      send(stream, randomBytes(32));
      return [protocol, await bytes];
    }),
  );

const PULL = encodeCanonical({ v: 1, from: 1 });

/** Sends what the stream still takes. */
const send = (stream: Stream, bytes: Uint8Array): void => {
  if (stream.status === 'open' && stream.writeStatus === 'writable') stream.send(bytes);
};

const nothingOf = (protocols: readonly string[]) => protocols.map((protocol) => [protocol, 0]);

describe('a stranger', () => {
  it('gets no byte of any stream but identify and join, and is counted', async () => {
    const before = await alpha.counter(REFUSALS, 'stream-not-member');
    const peer = await stranger();
    const protocols = membersOnly(meshId);
    expect(await knock(peer, alphaPeer, protocols)).toEqual(nothingOf(protocols));
    expect(await alpha.counter(REFUSALS, 'stream-not-member')).toBeGreaterThan(before);
    expect(alpha.stderr).toContain('"reason":"stream-not-member"');
    expect(alpha.stderr).toContain(peer.peer);
  });

  it('hears no gossip and is heard by nobody', async () => {
    const dropped = await alpha.counter('cooee_wire_gossip_dropped_total');
    const peer = await stranger();
    const { pubsub } = peer.node.services;
    await pubsub.publish(`/cooee/${meshId}/slurp/1`, randomBytes(64));
    // Each of these is a new head, shown to all who may hear it.
    for (let i = 0; i < 3; i++) await alpha.invite();
    await until('beta has the invites', async () => {
      const [ours, theirs] = await Promise.all([
        alpha.client.call('getStatus', {}),
        beta.client.call('getStatus', {}),
      ]);
      return theirs.slurp.appliedIndex === ours.slurp.appliedIndex;
    });
    await until('its streams are refused', () =>
      peer.node
        .getConnections()
        .flatMap(({ streams }) => streams)
        .every(({ protocol }) => !protocol.startsWith('/meshsub')),
    );
    expect(peer.heard).toEqual([]);
    expect(pubsub.getSubscribers(`/cooee/${meshId}/slurp/1`)).toEqual([]);
    expect(await alpha.counter('cooee_wire_gossip_dropped_total')).toBe(dropped);
  });

  it('learns nothing from the DHT', async () => {
    const peer = await stranger();
    // FIND_NODE, GET_VALUE and GET_PROVIDERS for a key: kad-dht's protobuf, length first.
    const received = [4, 1, 3].map(async (type) => {
      const stream = await peer.open(alphaPeer, `/cooee/${meshId}/kad/1.0.0`);
      const bytes = bytesOn(stream!);
      send(stream!, Uint8Array.of(36, 8, type, 18, 32, ...randomBytes(32)));
      return await bytes;
    });
    expect(await Promise.all(received)).toEqual([0, 0, 0]);
  });

  it('is told no version and no address of others by identify', async () => {
    const peer = await rogue();
    const identified = Promise.withResolvers<IdentifyResult>();
    peer.node.addEventListener('peer:identify', ({ detail }) => identified.resolve(detail), {
      once: true,
    });
    expect(await peer.connect(alpha)).toBeUndefined();
    const told = await identified.promise;
    expect(told.agentVersion).toBe('cooee');
    expect(told.listenAddrs.map(String).join()).not.toContain(String(beta.port));
  });

  it('with a key that is not Ed25519 is refused before any protocol', async () => {
    const before = await alpha.counter(REFUSALS, 'key-type');
    for (const type of ['secp256k1', 'RSA'] as const) {
      const privateKey =
        type === 'RSA' ? await generateKeyPair('RSA', 2048) : await generateKeyPair('secp256k1');
      const peer = await rogue({ privateKey });
      await peer.connect(alpha);
      await until(`the ${type} peer is out`, () => !peer.isConnected(alphaPeer));
    }
    expect(await alpha.counter(REFUSALS, 'key-type')).toBe(before + 2);
  });
});

describe('the join protocol', () => {
  const refusal = async (work: Promise<unknown>): Promise<unknown> =>
    await work.then(
      () => 'no refusal',
      (error: { code?: unknown }) => error.code,
    );

  it('answers each wrong request with its own code, and counts it', async () => {
    const line = await alpha.invite();
    const invite = parseInvite(nodeCrypto.sha256, line);
    const key = seedKey(invite.seed);
    const other = await alpha.peer();
    const { mesh: ours, expiresMs } = invite;
    const foreign = `bafyrei${'a'.repeat(52)}`;
    const cases: readonly (readonly [string, (peer: Rogue) => Promise<unknown>])[] = [
      ['ERR_WIRE_MALFORMED', (peer) => peer.ask(alphaPeer, randomBytes(100))],
      ['ERR_WIRE_MALFORMED', (peer) => peer.ask(alphaPeer, new Uint8Array())],
      [
        'ERR_WIRE_MALFORMED',
        (peer) => peer.ask(alphaPeer, encodeCanonical({ ...peer.redeem(line), extra: 1 })),
      ],
      [
        'ERR_WIRE_VERSION',
        (peer) => peer.ask(alphaPeer, encodeCanonical({ ...peer.redeem(line), v: 2 })),
      ],
      ['ERR_WIRE_TOO_LARGE', (peer) => peer.ask(alphaPeer, new Uint8Array(64 * 1024))],
      [
        'ERR_MEMBERSHIP_INVITE_FOREIGN',
        (peer) => peer.ask(alphaPeer, peer.redeem(line, { mesh: foreign })),
      ],
      [
        'ERR_MEMBERSHIP_PROOF',
        // A proof that somebody else's request carried.
        (peer) =>
          peer.ask(
            alphaPeer,
            peer.redeem(line, { proof: encodeProof(key, { mesh: ours, peer: other, expiresMs }) }),
          ),
      ],
      [
        'ERR_MEMBERSHIP_INVITE_EXPIRED',
        (peer) =>
          peer.ask(
            alphaPeer,
            peer.redeem(line, {
              proof: encodeProof(key, { mesh: ours, peer: peer.peer, expiresMs: 1 }),
            }),
          ),
      ],
      [
        'ERR_MEMBERSHIP_INVITE_UNKNOWN',
        (peer) => {
          const made = seedKey(randomBytes(32));
          const proof = encodeProof(made, { mesh: ours, peer: peer.peer, expiresMs });
          return peer.ask(alphaPeer, peer.redeem(line, { invite: made.publicKey, proof }));
        },
      ],
    ];
    const before = await alpha.counter(JOINS_REFUSED);
    for (const [code, ask] of cases) {
      const peer = await stranger();
      expect(await refusal(ask(peer))).toBe(code);
      await peer.stop();
    }
    expect(await alpha.counter(JOINS_REFUSED)).toBe(before + cases.length);
    // None of them used the invite up.
    const peer = await stranger();
    expect(await peer.ask(alphaPeer, peer.redeem(line))).toBeGreaterThan(0);
  });

  it('gives no peer a second use of a single-use invite', async () => {
    const line = await alpha.invite();
    const [first, second] = [await stranger(), await stranger()];
    await first.ask(alphaPeer, first.redeem(line));
    expect(await refusal(second.ask(alphaPeer, second.redeem(line)))).toBe(
      'ERR_MEMBERSHIP_INVITE_USED',
    );
  });

  it('lets a guest not send a member after a log index that will never be', async () => {
    const peer = await rogue();
    expect(await peer.connect(beta)).toBeUndefined();
    const present = {
      v: 1,
      kind: 'present',
      mesh: meshId,
      addedIndex: Number.MAX_SAFE_INTEGER,
      ...peer.start(),
    } as const;
    const to = await beta.peer();
    const watch = new Stopwatch();
    expect(await refusal(peer.ask(to, { ...present, boot: 2 }))).toBe('ERR_SLURP_SIGNATURE');
    const code = await refusal(peer.ask(to, present));
    expect(['ERR_MEMBERSHIP_NOT_MEMBER', 'ERR_SLURP_NO_LEADER']).toContain(code);
    // Less than a guest may stay: it is told, not cut off.
    await watch.expectWithin(LIMITS.guestStayMs - 1_000, 'the answer');
  });

  it('answers no flood of requests, and ends streams with frames that are none', async () => {
    const peer = await stranger();
    const requests = peer.requests(alphaPeer, JOIN_PROTOCOL);
    const codes = await Promise.all(
      Array.from({ length: 30 }, () => refusal(requests.request(randomBytes(20)))),
    );
    expect(codes.filter((code) => code === 'ERR_WIRE_RATE').length).toBeGreaterThanOrEqual(15);
    requests.stop();
    const head = (length: number, kind: number): Uint8Array => {
      const bytes = new Uint8Array(9);
      new DataView(bytes.buffer).setUint32(0, length);
      bytes[4] = kind;
      return bytes;
    };
    const broken: readonly Uint8Array[] = [
      head(0xffff_ffff, 1),
      head(LIMITS.streamMessageBytesMax + 6, 1),
      head(0, 1),
      head(5, 77),
      head(5, FRAME_KIND.push),
      randomBytes(4096),
    ];
    for (const bytes of broken) {
      const stream = await peer.open(alphaPeer, JOIN_PROTOCOL);
      const received = bytesOn(stream!);
      send(stream!, bytes);
      expect(await received).toBe(0);
    }
    expect((await alpha.client.call('getStatus', {})).health.ok).toBe(true);
  });
});

describe('the places of guests', () => {
  /** As many as one address may send, and one more. */
  const crowdFrom = async (from: string): Promise<{ guests: Rogue[]; more: Rogue }> => {
    const guests: Rogue[] = [];
    while (guests.length < LIMITS.guestsPerAddressMax) guests.push(await rogue({ from }));
    return { guests, more: await rogue({ from }) };
  };

  it('are few, come back when a guest stalls or trickles, keep no joiner out', async (context) => {
    if (process.platform !== 'linux') context.skip('127.0.0.2 and on are loopback on Linux only');
    const before = await alpha.counter(REFUSALS, 'guest-timeout');
    const stalled: Rogue[] = [];
    // All are made before the first comes in, whose time runs from there.
    const ninth = await rogue({ from: '127.0.0.4' });
    const crowds = [await crowdFrom('127.0.0.2'), await crowdFrom('127.0.0.3')];
    const startMs = performance.now();
    // Two addresses fill all places; the first guest of each sends a byte now and then.
    for (const { guests, more } of crowds) {
      for (const guest of guests) expect(await guest.connect(alpha)).toBeUndefined();
      stalled.push(...guests);
      await more.connect(alpha);
      await until('one more from that address is out', () => !more.isConnected(alphaPeer));
    }
    const streams = await Promise.all(
      [stalled[0]!, stalled[4]!].map((peer) => peer.open(alphaPeer, JOIN_PROTOCOL)),
    );
    const trickle = setInterval(() => {
      for (const stream of streams) send(stream!, Uint8Array.of(0));
    }, 500);
    await ninth.connect(alpha);
    await until('one more from anywhere is out', () => !ninth.isConnected(alphaPeer));
    expect(await alpha.counter(REFUSALS, 'guests-per-address')).toBeGreaterThanOrEqual(1);
    expect(await alpha.counter(REFUSALS, 'guests-full')).toBeGreaterThanOrEqual(2);
    // Members are not guests: the mesh goes on, and a joiner waits for a place.
    expect((await alpha.client.call('getStatus', {})).peers.connected).toBe(1);
    const line = await alpha.invite();
    const gamma = mesh.host('gamma');
    gamma.spawn('--join', line);
    await until('all that stalled are out', () => !stalled.some((it) => it.isConnected(alphaPeer)));
    expect(performance.now() - startMs).toBeGreaterThan(LIMITS.guestStayMs - 100);
    clearInterval(trickle);
    await until(
      'gamma is in',
      async () => (await gamma.client.call('getStatus', {})).role === 'replica',
    );
    expect((await alpha.counter(REFUSALS, 'guest-timeout')) - before).toBe(8);
    // Every place is free again.
    for (let i = 0; i < LIMITS.guestsPerAddressMax; i++) await stranger({ from: '127.0.0.2' });
    await gamma.end();
  });
});

describe('a removed member', () => {
  it('is put out of every node and finds every door closed but the one that says why', async () => {
    const peer = await stranger();
    await peer.ask(alphaPeer, peer.redeem(await alpha.invite()));
    const betaPeer = await beta.peer();
    expect(await peer.connect(beta)).toBeUndefined();
    for (const to of [alphaPeer, betaPeer]) {
      await until('it is served as a member', async () => {
        // Put out once more where it was known too late: its streams had been refused.
        if (!peer.isConnected(to)) await peer.connect(to === alphaPeer ? alpha : beta);
        const stream = peer.requests(to, `/cooee/${meshId}/replica/1`);
        const answer = await stream.request(PULL).finally(() => stream.stop());
        return answer.length > 0;
      });
    }
    const held = peer.node.getConnections();
    expect(held.map(({ remotePeer }) => remotePeer.toString())).toContain(betaPeer);
    await alpha.client.call('removeMember', {
      params: { peer: peer.peer },
      query: { wait: 'committed', timeoutMs: 60_000 },
    });
    // It may come back at once, as a guest: what it had is gone.
    const watch = new Stopwatch();
    await until('both have put it out', () => held.every(({ status }) => status !== 'open'));
    await watch.expectWithin(2_000, 'putting it out');
    const protocols = membersOnly(meshId);
    for (const host of [alpha, beta]) {
      const to = await host.peer();
      peer.heard.length = 0;
      const before = await host.counter(REFUSALS, 'stream-removed');
      expect(await peer.connect(host)).toBeUndefined();
      expect(await knock(peer, to, protocols)).toEqual(nothingOf(protocols));
      expect(await host.counter(REFUSALS, 'stream-removed')).toBeGreaterThan(before);
      const present = {
        v: 1,
        kind: 'present',
        mesh: meshId,
        addedIndex: 1,
        ...peer.start(),
      } as const;
      await expect(peer.ask(to, present)).rejects.toMatchObject({ code: 'ERR_MEMBERSHIP_REMOVED' });
      expect(peer.heard).toEqual([]);
    }
  });
});

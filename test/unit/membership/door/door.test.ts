import { generateKeyPair } from '@libp2p/crypto/keys';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { kadProtocol } from '../../../../daemon/libp2p.ts';
import { encodeFrame, FRAME_KIND } from '../../../../protocols/wire/stream.ts';
import {
  admit,
  connect,
  JOIN,
  MESH,
  OWN,
  type Stranger,
  startMember,
  startStranger,
  stopAll,
  type TestNode,
  TOPIC,
} from './mesh-nodes.ts';

// Goal: with real nodes on loopback, nobody but a member gets a byte of anything but identify and
// join.

const MEMBERS_ONLY = [
  '/meshsub/1.2.0',
  '/meshsub/1.1.0',
  '/meshsub/1.0.0',
  kadProtocol(MESH),
  '/ipfs/ping/1.0.0',
  '/ipfs/id/push/1.0.0',
  OWN,
];
const REQUEST = encodeFrame({ kind: FRAME_KIND.request, id: 1, payload: new Uint8Array(8) });
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Waits for what comes by itself; the time only bounds hanging. */
const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 30_000, interval: 20 });

const visit = async (stranger: Stranger, to: TestNode): Promise<void> => {
  await stranger.node.dial(multiaddr(to.address()), { signal: AbortSignal.timeout(30_000) });
};

const meshPeers = (node: TestNode): number => {
  const pubsub = node.net.node.services.pubsub as unknown as {
    getMeshPeers(topic: string): string[];
  };
  return pubsub.getMeshPeers(TOPIC).length;
};

/**
 * Gossip goes from one to the other; tried until it arrives, since a mesh takes a moment to form.
 */
const hears = async (from: TestNode, to: TestNode, word: string): Promise<void> => {
  await vi.waitFor(
    async () => {
      await from.net.node.services.pubsub.publish(TOPIC, text(word));
      expect(to.heard).toContain(word);
    },
    { timeout: 30_000, interval: 50 },
  );
};

afterEach(stopAll);

describe('a stranger', () => {
  it('gets no byte of gossip, DHT, ping or our protocols, and is counted', async () => {
    const member = await startMember({ pulse: { intervalMs: 50 } });
    const other = await startMember();
    admit(member, other);
    await connect(other, member);
    await eventually(() => expect(member.tableSize()).toBe(1));
    const stranger = await startStranger(MEMBERS_ONLY);
    await visit(stranger, member);
    // Identify has told the member that the stranger claims to speak everything.
    await eventually(async () =>
      expect((await member.net.node.peerStore.get(stranger.node.peerId)).protocols).toContain(OWN),
    );
    const spoken = MEMBERS_ONLY.map((protocol) => stranger.speak(member, protocol, REQUEST));
    await member.net.node.services.pubsub.publish(TOPIC, text('secret'));
    expect(await Promise.all(spoken)).toEqual(MEMBERS_ONLY.map(() => 'ended'));
    await hears(member, other, 'secret');
    expect([...stranger.got]).toEqual([]);
    expect(member.refused('stream-not-member')).toBe(MEMBERS_ONLY.length);
    expect(member.tableSize()).toBe(1);
    await expect(
      member.net.openStream(stranger.peer, OWN, { signal: AbortSignal.timeout(30_000) }),
    ).rejects.toThrow(expect.objectContaining({ code: 'ERR_MEMBERSHIP_NOT_MEMBER' }));
    expect(member.refused('dial-not-member')).toBe(1);
  });

  it('may identify and speak the join protocol', async () => {
    const member = await startMember();
    const stranger = await startStranger([]);
    await visit(stranger, member);
    expect(await stranger.speak(member, JOIN, REQUEST)).toBe('answered');
    await eventually(async () =>
      expect((await stranger.node.peerStore.get(member.net.node.peerId)).protocols).toContain(JOIN),
    );
    expect(member.net.door.guestCount).toBe(1);
  });

  it('is closed when its time is up, and its slot is free again', async () => {
    const member = await startMember({ door: { guestStayMs: 150, guestsMax: 1 } });
    const stranger = await startStranger([]);
    await visit(stranger, member);
    await eventually(() => expect(stranger.node.getConnections()).toEqual([]));
    expect(member.refused('guest-timeout')).toBe(1);
    expect(member.net.door.guestCount).toBe(0);
    await eventually(async () =>
      expect(await member.net.node.peerStore.has(stranger.node.peerId)).toBe(false),
    );
    // It has little time, and is put out again where it is too slow for that.
    await eventually(async () => {
      await visit(stranger, member);
      expect(await stranger.speak(member, JOIN, REQUEST)).toBe('answered');
    });
  });

  it.each([
    ['guests-full', { guestsMax: 1 }],
    ['guests-per-address', { guestsPerAddressMax: 1 }],
    ['address-rate', { addressRate: { ratePerSecond: 0.001, burst: 1 } }],
    ['connections-per-address', { connectionsPerAddressMax: 1 }],
    ['connections-full', { connectionsMax: 1 }],
  ] as const)('is refused when the door is full: %s', async (reason, door) => {
    const member = await startMember({ door });
    const first = await startStranger([]);
    await visit(first, member);
    const second = await startStranger([]);
    // How a refusal at the transport shows varies: a reset, a parse error or a connection that
    // closes.
    await visit(second, member).catch(() => undefined);
    await eventually(() => expect(member.refused(reason)).toBe(1));
    await eventually(() => expect(second.node.getConnections()).toEqual([]));
    expect(await first.speak(member, JOIN, REQUEST)).toBe('answered');
  });

  it('is refused with another key than Ed25519', async () => {
    const member = await startMember();
    const stranger = await startStranger([], { privateKey: await generateKeyPair('secp256k1') });
    await visit(stranger, member).catch(() => undefined);
    await eventually(() => expect(member.refused('key-type')).toBe(1));
    await eventually(() => expect(stranger.node.getConnections()).toEqual([]));
  });
});

describe('a member', () => {
  it('that was a guest on the same connection hears and is heard at once', async () => {
    const [a, b] = [await startMember({ door: { holdMs: 3000 } }), await startMember()];
    await connect(b, a);
    await eventually(async () =>
      expect((await a.net.node.peerStore.get(b.net.node.peerId)).protocols).toContain(OWN),
    );
    const [before] = a.net.node.getConnections();
    // As at a join: one side knows first, and its streams wait at the other.
    b.standing.set(a.peer, 'member');
    await eventually(() =>
      expect(before?.streams.map(({ protocol }) => protocol)).toContain('/meshsub/1.2.0'),
    );
    a.standing.set(b.peer, 'member');
    await hears(a, b, 'from a');
    await hears(b, a, 'from b');
    await eventually(() => expect([a.tableSize(), b.tableSize()]).toEqual([1, 1]));
    expect(a.net.node.getConnections()).toEqual([before]);
    expect(a.net.door.guestCount).toBe(0);
    expect(a.refused('stream-not-member') + b.refused('stream-not-member')).toBe(0);
  });

  it('gets a fresh connection when its streams were refused before it was known', async () => {
    const [a, b] = [await startMember({ door: { holdMs: 10 } }), await startMember()];
    b.standing.set(a.peer, 'member');
    await connect(b, a);
    await eventually(() => expect(a.refused('stream-not-member')).toBeGreaterThan(0));
    a.standing.set(b.peer, 'member');
    await eventually(() => expect(b.net.isConnected(a.peer)).toBe(false));
    await connect(b, a);
    await hears(a, b, 'from a');
    await hears(b, a, 'from b');
  });

  it('gets the answer to its join before its connection is made afresh', async () => {
    const [a, b] = [await startMember({ door: { holdMs: 10 } }), await startMember()];
    await connect(b, a);
    const join = await b.net.node.dialProtocol(a.net.node.peerId, JOIN);
    b.standing.set(a.peer, 'member');
    await eventually(() => expect(a.refused('stream-not-member')).toBeGreaterThan(0));
    a.standing.set(b.peer, 'member');
    const answered = new Promise((resolve) => join.addEventListener('message', resolve));
    join.send(REQUEST);
    await answered;
    expect(b.net.isConnected(a.peer)).toBe(true);
    join.abort(new Error('done'));
    await eventually(() => expect(b.net.isConnected(a.peer)).toBe(false));
  });

  it('that is removed loses its connection, its gossip and its place in the DHT', async () => {
    const [a, b, c] = [await startMember(), await startMember(), await startMember()];
    admit(a, b, c);
    await Promise.all([connect(b, a), connect(c, a), connect(c, b)]);
    await hears(a, c, 'before');
    await hears(b, c, 'before b');
    await eventually(() => expect(a.tableSize()).toBe(2));
    for (const node of [a, b]) node.standing.set(c.peer, 'removed');
    await eventually(() => expect(c.net.node.getConnections()).toEqual([]));
    expect(a.net.isConnected(c.peer)).toBe(false);
    await eventually(() => expect(a.tableSize()).toBe(1));
    await expect(connect(a, c)).rejects.toThrow();
    expect(a.refused('dial-removed')).toBeGreaterThan(0);
    // It comes back as a guest, may ask why, and hears nothing.
    await connect(c, a);
    const join = await c.net.node.dialProtocol(a.net.node.peerId, JOIN);
    const answered = new Promise((resolve) => join.addEventListener('message', resolve));
    join.send(REQUEST);
    await answered;
    await hears(a, b, 'after');
    await hears(b, a, 'after b');
    expect(c.heard).not.toContain('after');
    await eventually(() => expect(a.refused('stream-removed')).toBeGreaterThan(0));
    expect(meshPeers(a)).toBe(1);
  });

  it('reaches our protocols, and no more connections than allowed', async () => {
    const [a, b] = [await startMember({ door: { connectionsPerPeerMax: 2 } }), await startMember()];
    admit(a, b);
    await connect(b, a);
    const address = multiaddr(a.address());
    for (let n = 0; n < 3; n += 1)
      await b.net.node.dial(address, { force: true }).catch(() => undefined);
    await eventually(() => expect(a.refused('connections-per-peer')).toBeGreaterThan(0));
    for (const { net } of [a, b]) {
      await eventually(() => expect(net.node.getConnections().length).toBeLessThanOrEqual(2));
    }
    const stream = await b.net.openStream(a.peer, OWN, { signal: AbortSignal.timeout(30_000) });
    const answered = new Promise((resolve) => stream.addEventListener('message', resolve));
    stream.send(REQUEST);
    await answered;
  });

  it('neither takes nor passes on gossip over the limit or on other topics', async () => {
    const [a, b] = [await startMember(), await startMember()];
    admit(a, b);
    await connect(b, a);
    await hears(a, b, 'small');
    const { pubsub } = a.net.node.services;
    await expect(pubsub.publish(TOPIC, new Uint8Array(64 * 1024 + 1))).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_WIRE_TOO_LARGE' }),
    );
    await pubsub.publish('/cooee/other/1', text('elsewhere'));
    await hears(a, b, 'still here');
    expect(b.heard).not.toContain('elsewhere');
  });

  it('is disconnected when it is frozen', async () => {
    const a = await startMember({ pulse: { intervalMs: 50, timeoutMs: 200 } });
    const silent = await startStranger(['/ipfs/ping/1.0.0']);
    a.standing.set(silent.peer, 'member');
    await visit(silent, a);
    await eventually(() => expect(silent.got.get('/ipfs/ping/1.0.0')).toBeGreaterThan(0));
    await eventually(() => expect(a.net.isConnected(silent.peer)).toBe(false));
  });
});

describe('the DHT of a mesh', () => {
  it('refuses every record until validators are given, and a lonely put ends', async () => {
    const [a, b] = [await startMember(), await startMember()];
    const key = text('/cooee/head/x');
    const drain = async (node: TestNode): Promise<string[]> => {
      const names: string[] = [];
      for await (const event of node.net.node.services.dht.put(key, text('value'), {
        signal: AbortSignal.timeout(30_000),
      })) {
        names.push(event.name);
      }
      return names;
    };
    expect(await drain(a)).not.toContain('PEER_RESPONSE');
    admit(a, b);
    await connect(b, a);
    await eventually(() => expect(a.tableSize()).toBe(1));
    expect(await drain(a)).toContain('QUERY_ERROR');
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { type GossipSub, gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Ed25519PrivateKey, Libp2p } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { afterEach, describe, expect, it } from 'vitest';
import { pubsubOptions } from '../../daemon/libp2p/pubsub.ts';
import { pubSubOf } from '../../daemon/libp2p/pubsub-port.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { nodeCrypto, nodeSigner } from '../../daemon/system/crypto.ts';
import { MetricsBook } from '../../daemon/system/metrics.ts';
import { type GossipMessage, silentLogger } from '../../protocols/interface/index.ts';
import { GossipService, topicName } from '../../protocols/wire/index.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { freePort, until } from '../mesh/harness.ts';

// Goal: a message that somebody captured is worth nothing later, after a restart, or in another
// mesh. Method: real gossipsub between nodes of this process, real stores, clocks that are moved.

const MESH = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
const OTHER_MESH = 'bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua';
const SIX_HOURS_MS = 6 * 60 * 60 * 1_000;
const DROPPED = 'cooee_wire_gossip_dropped_total';

type Node = Libp2p<{ pubsub: GossipSub }>;

let folder = '';
let cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
  folder = '';
});

const networkOf = async (privateKey: Ed25519PrivateKey, mesh: string): Promise<Node> => {
  const options = pubsubOptions({
    topics: [topicName(mesh, 'capability')],
    isMember: () => true,
  });
  const node = (await createLibp2p({
    privateKey,
    addresses: { listen: [`/ip4/127.0.0.1/tcp/${freePort()}`] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), pubsub: gossipsub(options) },
  })) as unknown as Node;
  cleanups.push(async () => await node.stop());
  return node;
};

/** A member's gossip on a real network and a real store, with a wall clock that can be moved. */
class Member {
  readonly metrics: MetricsBook;
  readonly heard: GossipMessage[] = [];
  readonly node: Node;
  readonly gossip: GossipService;
  /** How far its wall clock is ahead. */
  readonly wall: { aheadMs: number };
  readonly #store: LevelStore;

  private constructor(
    parts: Pick<Member, 'metrics' | 'node' | 'gossip' | 'wall'>,
    store: LevelStore,
  ) {
    this.metrics = parts.metrics;
    this.node = parts.node;
    this.gossip = parts.gossip;
    this.wall = parts.wall;
    this.#store = store;
  }

  static async start(init: {
    readonly key: Ed25519PrivateKey;
    readonly mesh: string;
    readonly name: string;
    readonly boot?: number;
    readonly aheadMs?: number;
  }): Promise<Member> {
    const node = await networkOf(init.key, init.mesh);
    const store = new LevelStore({}, { directory: join(folder, init.name) });
    await store.open();
    const metrics = new MetricsBook();
    const wall = { aheadMs: init.aheadMs ?? 0 };
    const clock = {
      nowMs: () => systemClock.nowMs() + wall.aheadMs,
      monotonicMs: () => systemClock.monotonicMs(),
      schedule: systemClock.schedule.bind(systemClock),
    };
    const gossip = new GossipService(
      {
        pubsub: pubSubOf(node.services.pubsub),
        signer: nodeSigner(init.key),
        crypto: nodeCrypto,
        clock,
        store,
        metrics,
        logger: silentLogger,
        isMember: () => true,
      },
      { meshId: init.mesh, boot: init.boot ?? 1 },
    );
    const member = new Member({ metrics, node, gossip, wall }, store);
    gossip.handle('capability', (message) => {
      member.heard.push(message);
      return 'accept';
    });
    await gossip.start();
    cleanups.push(async () => await member.stop());
    return member;
  }

  async stop(): Promise<void> {
    await this.gossip.stop();
    await this.node.stop();
    await this.#store.close();
  }

  dropped(reason: string): number {
    return this.metrics.read(DROPPED, { topic: 'capability', reason });
  }
}

/** Captures what it hears of a mesh, and publishes it as its own whenever it is told to. */
class Parrot {
  readonly captured: Uint8Array[] = [];
  readonly node: Node;

  constructor(node: Node, mesh: string) {
    this.node = node;
    node.services.pubsub.subscribe(topicName(mesh, 'capability'));
    node.services.pubsub.addEventListener('message', ({ detail }) => {
      this.captured.push(detail.data);
    });
  }

  async repeat(mesh: string, data: Uint8Array): Promise<void> {
    await this.node.services.pubsub.publish(topicName(mesh, 'capability'), data);
  }
}

/** Connects two nodes and waits until each knows that the other listens. */
const link = async (a: Node, b: Node, mesh: string): Promise<void> => {
  await a.dial(b.getMultiaddrs());
  const topic = topicName(mesh, 'capability');
  await until('they listen to each other', () =>
    [
      [a, b],
      [b, a],
    ].every(([one, other]) =>
      one!.services.pubsub.getSubscribers(topic).some((peer) => peer.equals(other!.peerId)),
    ),
  );
};

const TEXT = new TextEncoder().encode('what was said');

/** One member says something, another hears it, and a third captures it. */
const capture = async () => {
  folder = mkdtempSync(join(tmpdir(), 'cooee-replay-'));
  const keys = await Promise.all([1, 2, 3].map(() => generateKeyPair('Ed25519')));
  const [speakerKey, listenerKey, parrotKey] = keys as [
    Ed25519PrivateKey,
    Ed25519PrivateKey,
    Ed25519PrivateKey,
  ];
  const speaker = await Member.start({ key: speakerKey, mesh: MESH, name: 'speaker' });
  const listener = await Member.start({ key: listenerKey, mesh: MESH, name: 'listener' });
  const parrot = new Parrot(await networkOf(parrotKey, MESH), MESH);
  await link(listener.node, speaker.node, MESH);
  await link(parrot.node, speaker.node, MESH);
  await link(parrot.node, listener.node, MESH);
  speaker.gossip.publish('capability', TEXT);
  await until('it is heard', () => listener.heard.length > 0);
  await until('it is captured', () => parrot.captured.length > 0);
  expect(listener.heard[0]?.body).toEqual(TEXT);
  const [data] = parrot.captured;
  return { speaker, listener, listenerKey, parrotKey, parrot, data: data! };
};

describe('a captured message', () => {
  it('is ignored and counted at once, and six hours later', async () => {
    const { listener, listenerKey, parrot, data } = await capture();
    await parrot.repeat(MESH, data);
    await until('counted as a replay', () => listener.dropped('replay') === 1);
    expect(listener.heard.length).toBe(1);
    // gossipsub has forgotten it by then; here it carries a new number of gossipsub's anyway.
    listener.wall.aheadMs = SIX_HOURS_MS;
    await parrot.repeat(MESH, data);
    await until('counted as too old', () => listener.dropped('time') === 1);
    await listener.stop();
    const later = await Member.start({
      key: listenerKey,
      mesh: MESH,
      name: 'listener',
      boot: 2,
      aheadMs: SIX_HOURS_MS,
    });
    await link(parrot.node, later.node, MESH);
    await parrot.repeat(MESH, data);
    await until('counted as too old after a restart', () => later.dropped('time') === 1);
    expect([listener.heard.length, later.heard.length]).toEqual([1, 0]);
  });

  it('is ignored by a node that restarted meanwhile, and a new one is heard', async () => {
    const { speaker, listener, listenerKey, parrot, data } = await capture();
    await listener.stop();
    const again = await Member.start({ key: listenerKey, mesh: MESH, name: 'listener', boot: 2 });
    await link(parrot.node, again.node, MESH);
    await parrot.repeat(MESH, data);
    await until('counted as a replay', () => again.dropped('replay') === 1);
    expect(again.heard).toEqual([]);
    await link(again.node, speaker.node, MESH);
    speaker.gossip.publish('capability', TEXT);
    await until('what is new is heard', () => again.heard.length === 1);
    expect(again.heard[0]?.seq).toBe(2);
  });

  it('is heard by a node that never had it: the tests above can fail', async () => {
    const { parrot, data } = await capture();
    const key = await generateKeyPair('Ed25519');
    const fresh = await Member.start({ key, mesh: MESH, name: 'fresh' });
    await link(parrot.node, fresh.node, MESH);
    await parrot.repeat(MESH, data);
    await until('it is heard', () => fresh.heard.length === 1);
  });

  it('is ignored and counted in another mesh, whose member the origin is too', async () => {
    const { parrotKey, data } = await capture();
    const key = await generateKeyPair('Ed25519');
    const other = await Member.start({ key, mesh: OTHER_MESH, name: 'other' });
    const parrot = new Parrot(await networkOf(parrotKey, OTHER_MESH), OTHER_MESH);
    await link(parrot.node, other.node, OTHER_MESH);
    await parrot.repeat(OTHER_MESH, data);
    await until('counted as of another mesh', () => other.dropped('mesh') === 1);
    expect(other.heard).toEqual([]);
  });
});

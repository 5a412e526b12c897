import { nodeCrypto, peerOfKey, seedKey } from '../../../daemon/system/crypto.ts';
import {
  type Crypto,
  type GossipMessage,
  type GossipVerdict,
  type MetricLabels,
  type Metrics,
  type Signer,
  silentLogger,
} from '../../../protocols/interface/index.ts';
import {
  decodeCanonical,
  encodeSigned,
  GossipService,
  type PubSub,
  topicName,
} from '../../../protocols/wire/index.ts';
import { MemoryStore } from '../../../storage/memory-store.ts';
import { ManualClock } from './manual-clock.ts';

export const MESH = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
export const OTHER_MESH = 'bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua';

export function signerOf(number: number): Signer {
  const key = seedKey(new Uint8Array(32).fill(number));
  return { peer: peerOfKey(key.publicKey), sign: key.sign };
}

/** Remembers what was published, and hands messages in. */
export class FakePubSub implements PubSub {
  readonly sent: { readonly topic: string; readonly data: Uint8Array }[] = [];
  readonly subscribed: string[] = [];
  readonly validators = new Map<string, (from: string, data: Uint8Array) => GossipVerdict>();
  fails = false;

  async publish(topic: string, data: Uint8Array): Promise<void> {
    if (this.fails) throw new Error('nobody listens');
    this.sent.push({ topic, data });
  }

  subscribe(topic: string): void {
    this.subscribed.push(topic);
  }

  setValidator(topic: string, validate: (from: string, data: Uint8Array) => GossipVerdict): void {
    this.validators.set(topic, validate);
  }
}

export class CountingMetrics implements Metrics {
  readonly #values = new Map<string, number>();

  count(name: string, labels?: MetricLabels, by = 1): void {
    const key = JSON.stringify([name, labels]);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  gauge(): void {}

  read(name: string, labels?: MetricLabels): number {
    return this.#values.get(JSON.stringify([name, labels])) ?? 0;
  }
}

/** What an envelope says; a test changes what it is about. */
export function envelopeOf(clock: ManualClock, origin: string) {
  return {
    v: 1,
    mesh: MESH,
    topic: 'capability',
    origin,
    boot: 1,
    seq: 1,
    timeMs: clock.nowMs(),
    body: Uint8Array.of(1, 2, 3),
  };
}

/** One node's gossip between fakes; `me` is it, `friend` a member, `stranger` none. */
export class GossipBench {
  readonly clock = new ManualClock();
  readonly me = signerOf(1);
  readonly friend = signerOf(2);
  readonly stranger = signerOf(3);
  readonly pubsub = new FakePubSub();
  readonly metrics = new CountingMetrics();
  readonly store: MemoryStore;
  readonly members = new Set([this.me.peer, this.friend.peer]);
  readonly heard: GossipMessage[] = [];
  /** Who was said to send too much, and of what. */
  readonly floods: string[] = [];
  verifications = 0;
  readonly gossip: GossipService;

  constructor(boot = 1, store = new MemoryStore()) {
    this.store = store;
    const crypto: Crypto = {
      ...nodeCrypto,
      verify: (peer, data, signature) => {
        this.verifications++;
        return nodeCrypto.verify(peer, data, signature);
      },
    };
    this.gossip = new GossipService(
      {
        crypto,
        pubsub: this.pubsub,
        signer: this.me,
        clock: this.clock,
        store,
        metrics: this.metrics,
        logger: silentLogger,
        isMember: (peer) => this.members.has(peer),
        onFlood: (peer, what) => this.floods.push(`${peer}: ${what}`),
      },
      { meshId: MESH, boot },
    );
    this.gossip.handle('capability', (message) => {
      this.heard.push(message);
      return 'accept';
    });
  }

  async start(): Promise<this> {
    if (this.store.status !== 'open') await this.store.open();
    await this.gossip.start();
    return this;
  }

  /** The friend's message with some fields changed, handed in by a neighbour. */
  hear(changes: Record<string, unknown> = {}, signer = this.friend): GossipVerdict {
    const envelope = { ...envelopeOf(this.clock, this.friend.peer), ...changes };
    return this.take(encodeSigned(signer, 'gossip', envelope));
  }

  /** Hands bytes in on a topic. */
  take(data: Uint8Array, from = 'neighbour', topic: 'capability' | 'help' = 'capability') {
    const validate = this.pubsub.validators.get(topicName(MESH, topic));
    if (validate === undefined) throw new Error('nothing validates that topic');
    return validate(from, data);
  }

  dropped(reason: string, topic = 'capability'): number {
    return this.metrics.read('cooee_wire_gossip_dropped_total', { topic, reason });
  }

  /** The envelopes that were published, and the times at which they say they were. */
  published(): { seq: number; boot: number; timeMs: number; topic: string; body: Uint8Array }[] {
    return this.pubsub.sent.map(({ data }) => {
      const { b } = decodeCanonical(data, 100_000) as { b: Uint8Array };
      return decodeCanonical(b, 100_000) as never;
    });
  }
}

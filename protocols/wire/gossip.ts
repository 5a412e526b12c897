import { z } from 'zod';
import {
  type Clock,
  CooeeError,
  type Crypto,
  type Gossip,
  type GossipMessage,
  type GossipVerdict,
  isCooeeError,
  type KeyValueStore,
  LIMITS,
  type Logger,
  type Metrics,
  type Signer,
  type Startable,
  type Timer,
  type TopicName,
  toError,
} from '../interface/index.ts';
import { decodeAs, encodeCanonical } from './canonical.ts';
import { RateLimiter, TokenBucket } from './rate-limit.ts';
import { type ReplayMark, ReplayWindow } from './replay-window.ts';
import { bytesUpTo, cidText, count, peerIdText, timeMs } from './schema.ts';
import { decodeSigned, encodeSigned, isSignedBy } from './signed.ts';

const TOPICS = ['capability', 'submission', 'help', 'enrol', 'slurp'] as const;

/** Room for the envelope around a topic's own message. */
const ENVELOPE_BYTES = 512;

/** Messages that may wait for their turn on one topic. */
const QUEUE_MAX = 64;

/** How often high marks go to the disk: after a crash the time window covers what was lost. */
const SAVE_MS = 30_000;

/** A neighbour forwards for a mesh of about 250 nodes at rest and a burst of all of them. */
const NEIGHBOUR_RATE = { ratePerSecond: 200, burst: 1_000 } as const;

/** Below gossipsub's graylist (-80): nothing of such a neighbour is read. */
const OVER_BUDGET_SCORE = -100;

/**
 * What one member may publish on one topic, doubled, and the backlog that comes at once when a link
 * is back.
 */
const ORIGIN_RATE = {
  ratePerSecond: 2 * LIMITS.gossipMessagesPerSecondMax,
  burst: 64,
  keysMax: 16_384,
} as const;

/**
 * Messages that nobody may forward: two may be a fault, more are ill will. gossipsub's score shuts
 * the door behind about as many.
 */
const JUNK_RATE = { ratePerSecond: 0.1, burst: 2 } as const;

const envelopeSchema = z.strictObject({
  v: z.literal(1),
  mesh: cidText,
  topic: z.enum(TOPICS),
  origin: peerIdText,
  boot: count.min(1),
  seq: count.min(1),
  timeMs,
  body: bytesUpTo(LIMITS.gossipMessageBytesMax),
});

const markSchema = z.strictObject({ boot: count, seq: count });

/** The name of a topic on the wire. */
export const topicName = (mesh: string, topic: TopicName): string => `/cooee/${mesh}/${topic}/1`;

/** The part of gossipsub that is used here. */
export interface PubSub {
  /** Sends to all who listen. Resolves when handed over; rejects when there is nobody. */
  publish(topic: string, data: Uint8Array): Promise<unknown>;
  subscribe(topic: string): void;
  /** Sets what decides on a message before it is delivered or forwarded. */
  setValidator(topic: string, validate: (from: string, data: Uint8Array) => GossipVerdict): void;
}

/** What gossip is built from. */
export interface GossipComponents {
  readonly pubsub: PubSub;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: KeyValueStore;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly isMember: (peer: string) => boolean;
  /** A member sends more than its share, or what is none of ours; called for each excess. */
  readonly onFlood?: (peer: string, what: string) => void;
}

/** Settings of {@link GossipService}. */
export interface GossipInit {
  readonly meshId: string;
  readonly boot: number;
}

interface Outgoing {
  readonly key: string | undefined;
  body: Uint8Array;
}

/**
 * Signed, bounded, replay-proof gossip. gossipsub itself forgets what it saw after minutes, so a
 * message carries its mesh, origin, time and number inside the signed bytes, and the highest number
 * of each origin is kept on the disk.
 */
export class GossipService implements Gossip, Startable {
  readonly #components: GossipComponents;
  readonly #init: GossipInit;
  readonly #handlers = new Map<TopicName, (message: GossipMessage) => GossipVerdict>();
  readonly #windows = new Map<string, ReplayWindow>();
  readonly #neighbours = new RateLimiter(NEIGHBOUR_RATE);
  /** Neighbours that went over their budget, until it is whole again. */
  readonly #overBudget = new Set<string>();
  readonly #origins = new RateLimiter(ORIGIN_RATE);
  readonly #junk = new RateLimiter(JUNK_RATE);
  readonly #outgoing = new Map<
    TopicName,
    { readonly queue: Outgoing[]; readonly bucket: TokenBucket; timer?: Timer }
  >();
  readonly #dirty = new Set<string>();
  #seq = 0;
  #saveTimer: Timer | undefined;
  #isStopped = false;
  #isMuted = false;

  constructor(components: GossipComponents, init: GossipInit) {
    this.#components = components;
    this.#init = init;
  }

  async start(): Promise<void> {
    const { store, pubsub } = this.#components;
    for await (const [peer, bytes] of store.entries('replay')) {
      const mark = decodeAs(markSchema, bytes, 128);
      this.#windows.set(peer, new ReplayWindow(LIMITS.replayWindowSize, mark));
    }
    for (const topic of TOPICS) {
      const name = topicName(this.#init.meshId, topic);
      pubsub.setValidator(name, (from, data) => this.#validate(topic, from, data));
      pubsub.subscribe(name);
    }
    this.#armSave();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#saveTimer?.cancel();
    for (const { timer } of this.#outgoing.values()) timer?.cancel();
    await this.#save();
  }

  handle(topic: TopicName, handler: (message: GossipMessage) => GossipVerdict): void {
    this.#handlers.set(topic, handler);
  }

  /** Sends nothing of this node while its clock is so far off that others would drop it. */
  mute(isMuted: boolean): void {
    this.#isMuted = isMuted;
  }

  publish(topic: TopicName, body: Uint8Array, key?: string): void {
    if (this.#isStopped) return;
    if (this.#isMuted) {
      this.#drop(topic, 'muted');
      return;
    }
    if (body.length > LIMITS.gossipMessageBytesMax - ENVELOPE_BYTES) {
      throw new CooeeError('ERR_WIRE_TOO_LARGE');
    }
    const lane = this.#lane(topic);
    const same = key === undefined ? undefined : lane.queue.find((item) => item.key === key);
    if (same !== undefined) {
      same.body = body;
      return;
    }
    if (lane.queue.length >= QUEUE_MAX) throw new CooeeError('ERR_WIRE_RATE');
    lane.queue.push({ key, body });
    this.#drain(topic);
  }

  /**
   * Signs a message as {@link publish} would, without sending it: for a table that newcomers ask
   * for.
   */
  sign(topic: TopicName, body: Uint8Array): GossipMessage {
    const envelope = this.#envelope(topic, body);
    const original = encodeSigned(this.#components.signer, 'gossip', envelope);
    return messageOf(envelope, original);
  }

  /**
   * What gossipsub adds to a neighbour's score: far below its graylist from when the neighbour went
   * over its budget until that is whole again (about 5 s), so that nothing of a flood is read,
   * signatures included. gossipsub asks once a second; hence not only until there is room for one.
   */
  scoreOf(neighbour: string): number {
    if (!this.#overBudget.has(neighbour)) return 0;
    if (!this.#neighbours.isFull(neighbour, this.#components.clock.monotonicMs())) {
      return OVER_BUDGET_SCORE;
    }
    this.#overBudget.delete(neighbour);
    return 0;
  }

  open(original: Uint8Array): GossipMessage {
    const signed = decodeSigned(envelopeSchema, original, LIMITS.gossipMessageBytesMax);
    const { mesh, origin } = signed.value;
    if (mesh !== this.#init.meshId) {
      throw new CooeeError('ERR_WIRE_MALFORMED', 'a message of another mesh');
    }
    if (!this.#components.isMember(origin)) throw new CooeeError('ERR_MEMBERSHIP_NOT_MEMBER');
    if (!isSignedBy(this.#components.crypto.verify, 'gossip', origin, signed)) {
      throw new CooeeError('ERR_SLURP_SIGNATURE');
    }
    return messageOf(signed.value, original);
  }

  /**
   * Cheap checks first: budget, form, mesh, membership, time, number; the signature last. Only the
   * budget of the origin comes behind it, so that nobody can use up another's.
   */
  #validate(topic: TopicName, from: string, data: Uint8Array): GossipVerdict {
    const nowMs = this.#components.clock.monotonicMs();
    if (!this.#neighbours.take(from, nowMs)) {
      this.#overBudget.add(from);
      this.#components.onFlood?.(from, 'gossip');
      return this.#drop(topic, 'rate');
    }
    let signed: ReturnType<typeof decodeSigned<typeof envelopeSchema>>;
    try {
      signed = decodeSigned(envelopeSchema, data, LIMITS.gossipMessageBytesMax);
    } catch (error) {
      if (isCooeeError(error, 'ERR_WIRE_VERSION')) return this.#drop(topic, 'version');
      return this.#reject(topic, from, 'malformed');
    }
    const envelope = signed.value;
    const reason = this.#staleness(topic, envelope);
    if (reason !== undefined) return this.#drop(topic, reason);
    if (!isSignedBy(this.#components.crypto.verify, 'gossip', envelope.origin, signed)) {
      return this.#reject(topic, from, 'signature');
    }
    this.#window(envelope.origin).accept(envelope.boot, envelope.seq);
    this.#dirty.add(envelope.origin);
    if (!this.#origins.take(`${topic} ${envelope.origin}`, nowMs)) {
      this.#components.onFlood?.(envelope.origin, `gossip on ${topic}`);
      return this.#drop(topic, 'flood');
    }
    // A copy: what is kept for newcomers must not hold on to the whole frame that it came in.
    return this.#deliver(topic, messageOf(envelope, data.slice()));
  }

  #staleness(topic: TopicName, envelope: z.output<typeof envelopeSchema>): string | undefined {
    if (envelope.mesh !== this.#init.meshId) return 'mesh';
    if (envelope.topic !== topic) return 'topic';
    // gossipsub forgets after minutes what it sent: it would deliver an echo to its own sender.
    if (envelope.origin === this.#components.signer.peer) return 'own';
    if (!this.#components.isMember(envelope.origin)) return 'origin';
    const skewMs = Math.abs(envelope.timeMs - this.#components.clock.nowMs());
    if (skewMs > LIMITS.timeWindowMs) return 'time';
    const isNew = this.#window(envelope.origin).isNew(envelope.boot, envelope.seq);
    return isNew ? undefined : 'replay';
  }

  #deliver(topic: TopicName, message: GossipMessage): GossipVerdict {
    const handler = this.#handlers.get(topic);
    try {
      const verdict = handler?.(message) ?? 'accept';
      return verdict === 'accept' ? verdict : this.#drop(topic, 'handler', verdict);
    } catch (error) {
      this.#components.logger.warn({ err: toError(error), topic }, 'a message was not handled');
      return this.#drop(topic, 'fault');
    }
  }

  /** What no member of good will sends, nor forwards: it is the neighbour's. */
  #reject(topic: TopicName, from: string, reason: string): GossipVerdict {
    if (!this.#junk.take(from, this.#components.clock.monotonicMs())) {
      this.#components.onFlood?.(from, `junk on ${topic}`);
    }
    return this.#drop(topic, reason, 'reject');
  }

  #drop(topic: TopicName, reason: string, verdict: GossipVerdict = 'ignore'): GossipVerdict {
    this.#components.metrics.count('cooee_wire_gossip_dropped_total', { topic, reason });
    this.#components.logger.debug({ topic, reason }, 'a gossip message was dropped');
    return verdict;
  }

  #window(origin: string): ReplayWindow {
    let window = this.#windows.get(origin);
    if (window === undefined) {
      window = new ReplayWindow(LIMITS.replayWindowSize);
      this.#windows.set(origin, window);
    }
    return window;
  }

  #lane(topic: TopicName) {
    let lane = this.#outgoing.get(topic);
    if (lane === undefined) {
      const rate = { ratePerSecond: LIMITS.gossipMessagesPerSecondMax, burst: 1 };
      const bucket = new TokenBucket(rate, this.#components.clock.monotonicMs());
      lane = { queue: [], bucket };
      this.#outgoing.set(topic, lane);
    }
    return lane;
  }

  #drain(topic: TopicName): void {
    const lane = this.#lane(topic);
    const { clock } = this.#components;
    while (lane.queue.length > 0 && lane.bucket.take(clock.monotonicMs())) {
      const item = lane.queue.shift();
      if (item !== undefined) this.#send(topic, item.body);
    }
    lane.timer?.cancel();
    delete lane.timer;
    if (lane.queue.length === 0 || this.#isStopped) return;
    const waitMs = lane.bucket.waitMs(clock.monotonicMs());
    lane.timer = clock.schedule(waitMs, () => this.#drain(topic));
  }

  #send(topic: TopicName, body: Uint8Array): void {
    const { signer, pubsub, logger } = this.#components;
    const bytes = encodeSigned(signer, 'gossip', this.#envelope(topic, body));
    pubsub.publish(topicName(this.#init.meshId, topic), bytes).catch((error: unknown) => {
      logger.debug({ err: toError(error), topic }, 'nobody heard a gossip message');
    });
  }

  #envelope(topic: TopicName, body: Uint8Array): z.output<typeof envelopeSchema> {
    const { signer, clock } = this.#components;
    const { meshId: mesh, boot } = this.#init;
    this.#seq++;
    return {
      v: 1,
      mesh,
      topic,
      origin: signer.peer,
      boot,
      seq: this.#seq,
      timeMs: clock.nowMs(),
      body,
    };
  }

  #armSave(): void {
    this.#saveTimer = this.#components.clock.schedule(SAVE_MS, () => {
      void this.#save().finally(() => {
        if (!this.#isStopped) this.#armSave();
      });
    });
  }

  async #save(): Promise<void> {
    const peers = [...this.#dirty];
    this.#dirty.clear();
    try {
      await this.#components.store.batch(
        peers.map((peer) => ({
          namespace: 'replay' as const,
          key: peer,
          value: encodeCanonical(this.#window(peer).mark satisfies ReplayMark),
        })),
      );
    } catch (error) {
      // The marks in memory stay; they are written with the next round.
      for (const peer of peers) this.#dirty.add(peer);
      this.#components.logger.warn({ err: toError(error) }, 'replay marks were not saved');
    }
  }
}

function messageOf(envelope: z.output<typeof envelopeSchema>, original: Uint8Array): GossipMessage {
  const { topic, origin, boot, seq, timeMs: time, body } = envelope;
  return { topic, origin, boot, seq, timeMs: time, body, original };
}

import type { SimProcess } from './process.ts';
import type { SimRandom } from './random.ts';
import type { World } from './world.ts';

/** What a process on the network is told. */
export interface Receiver {
  readonly process: SimProcess;
  /** A message on the one ordered stream of each direction and peer. */
  onMessage(from: string, message: Uint8Array): void;
  /** A message of its own stream: requests and their answers. */
  onSideMessage(from: string, message: SideMessage): void;
  onPeer(peer: string, event: 'broken' | 'connected' | 'disconnected'): void;
}

/** A request, its answer or its refusal; or something called out to all. */
export interface SideMessage {
  readonly kind: 'request' | 'answer' | 'refusal' | 'gossip';
  readonly id: number;
  readonly protocol: string;
  readonly body: Uint8Array;
  /** Of a refusal: what was thrown. */
  readonly error?: unknown;
}

/** How the network behaves in a run. */
export interface NetworkProfile {
  readonly delayMsMin: number;
  readonly delayMsMean: number;
  /** A stream that ends by itself, losing what was under way: chance per message. */
  readonly breakChance: number;
}

interface Lane {
  /** Neither lost nor delivered: a black hole, until it is mended or the connection is given up. */
  isBlocked: boolean;
  /** Factor on delays. */
  slowness: number;
  arrivalMs: number;
  /** Rises when the stream breaks: what was sent before is lost. */
  stream: number;
  waiting: (() => void)[];
}

interface Pair {
  readonly ends: readonly [string, string];
  isOpen: boolean;
  /** Rises with every connection: what was sent on an older one is lost. */
  connection: number;
  /** What each end takes the connection for. */
  readonly known: Set<string>;
}

/** How long a connection without an answer is kept: this, up to twice as much. */
const GIVE_UP_MS = 2_000;
const RECONNECT_MS = 100;
const NOTICE_MS = 3;

/**
 * Connections between all machines. What is sent on one arrives in order and at most once; it can
 * be slow, stall, break and lose the rest. Each end hears of that at a time of its own.
 */
export class SimNetwork {
  readonly #world: World;
  readonly #random: SimRandom;
  readonly #profile: NetworkProfile;
  readonly #receivers = new Map<string, Receiver>();
  readonly #pairs = new Map<string, Pair>();
  readonly #lanes = new Map<string, Lane>();
  /** Pairs that must not connect. */
  readonly #cut = new Set<string>();
  /** Pairs that are kept apart, how often, whatever heals. */
  readonly #apart = new Map<string, number>();

  constructor(world: World, profile: NetworkProfile) {
    this.#world = world;
    this.#random = world.random.fork();
    this.#profile = profile;
  }

  /** A machine's process is up: its peers connect to it one after the other. */
  attach(peer: string, receiver: Receiver): void {
    this.#receivers.set(peer, receiver);
    for (const other of this.#receivers.keys()) {
      if (other === peer) continue;
      // A machine that came back does not know the connections of its last start.
      const pair = this.#pair(peer, other);
      if (pair.isOpen) this.#close(pair);
      else this.#reconnect(pair);
    }
  }

  /** The machine's process is dead; the system closes its connections, unless the power is gone. */
  detach(peer: string, isPowerLost: boolean): void {
    this.#receivers.delete(peer);
    for (const pair of this.#pairs.values()) {
      if (!pair.ends.includes(peer) || !pair.isOpen) continue;
      pair.known.delete(peer);
      if (isPowerLost) this.#giveUp(pair);
      else this.#close(pair);
    }
  }

  isConnected(from: string, to: string): boolean {
    return this.#pair(from, to).known.has(from);
  }

  /** On the one ordered stream. @returns false when the peer is not connected */
  send(from: string, to: string, message: Uint8Array): boolean {
    const lane = this.#lane(from, to);
    if (!this.isConnected(from, to)) return false;
    if (this.#random.chance(this.#profile.breakChance)) this.breakStream(from, to);
    const { stream } = lane;
    this.#carry(from, to, () => {
      const at = Math.max(lane.arrivalMs, this.#world.nowMs + this.#delayMs(lane));
      lane.arrivalMs = at;
      return {
        delayMs: at - this.#world.nowMs,
        isLost: () => lane.stream !== stream,
        deliver: (receiver) => receiver.onMessage(from, message),
      };
    });
    return true;
  }

  /** On a stream of its own: not ordered with anything. */
  sendSide(from: string, to: string, message: SideMessage): boolean {
    if (!this.isConnected(from, to)) return false;
    this.#carry(from, to, () => ({
      delayMs: this.#delayMs(this.#lane(from, to)),
      isLost: () => false,
      deliver: (receiver) => receiver.onSideMessage(from, message),
    }));
    return true;
  }

  /** The stream ends and is opened again; messages under way are lost, the connection stays. */
  breakStream(from: string, to: string): void {
    const lane = this.#lane(from, to);
    lane.stream++;
    const { connection } = this.#pair(from, to);
    this.#world.schedule(this.#random.between(0, NOTICE_MS), () => {
      const pair = this.#pair(from, to);
      if (pair.connection !== connection || !pair.known.has(from)) return;
      this.#tell(from, to, 'broken');
    });
  }

  /** Nothing gets from the one to the other; with `isReset` both ends are told at once. */
  block(from: string, to: string, isReset: boolean): void {
    this.#lane(from, to).isBlocked = true;
    const pair = this.#pair(from, to);
    this.#cut.add(keyOf(from, to));
    if (isReset) this.#close(pair);
    else this.#giveUp(pair);
  }

  /** Keeps two groups apart, until what it returns is called; {@link heal} does not end it. */
  part(ones: readonly string[], others: readonly string[]): () => void {
    const pairs = ones.flatMap((one) => others.map((other) => this.#pair(one, other)));
    const add = (count: number): void => {
      for (const { ends } of pairs) {
        const key = keyOf(...ends);
        this.#apart.set(key, (this.#apart.get(key) ?? 0) + count);
      }
    };
    add(1);
    for (const pair of pairs) this.#close(pair);
    let isParted = true;
    return () => {
      if (!isParted) return;
      isParted = false;
      add(-1);
      for (const pair of pairs) if (!pair.isOpen) this.#reconnect(pair);
    };
  }

  slow(from: string, to: string, slowness: number): void {
    this.#lane(from, to).slowness = slowness;
  }

  /** The connection ends and is made again. */
  reset(a: string, b: string): void {
    this.#close(this.#pair(a, b));
  }

  /**
   * When the last of what is under way now will have come: what set out over a slow link is late.
   */
  get carriedByMs(): number {
    return Math.max(0, ...Array.from(this.#lanes.values(), ({ arrivalMs }) => arrivalMs));
  }

  /** All is well from here on; what was stalled goes its way. */
  heal(): void {
    this.#cut.clear();
    for (const lane of this.#lanes.values()) {
      lane.isBlocked = false;
      lane.slowness = 1;
      for (const task of lane.waiting.splice(0)) task();
    }
    for (const pair of this.#pairs.values()) if (!pair.isOpen) this.#reconnect(pair);
  }

  #delayMs(lane: Lane): number {
    const { delayMsMin, delayMsMean } = this.#profile;
    return (delayMsMin + this.#random.exponential(delayMsMean)) * lane.slowness;
  }

  #carry(
    from: string,
    to: string,
    depart: () => {
      readonly delayMs: number;
      readonly isLost: () => boolean;
      readonly deliver: (receiver: Receiver) => void;
    },
  ): void {
    const pair = this.#pair(from, to);
    const { connection } = pair;
    const lane = this.#lane(from, to);
    const go = (): void => {
      const { delayMs, isLost, deliver } = depart();
      this.#world.schedule(delayMs, () => {
        if (pair.connection !== connection || isLost()) return;
        // The hole opened while it was under way.
        if (lane.isBlocked)
          lane.waiting.push(() => this.#arrive({ pair, connection, to }, deliver));
        else this.#arrive({ pair, connection, to }, deliver);
      });
    };
    if (lane.isBlocked) lane.waiting.push(go);
    else go();
  }

  #arrive(
    way: { readonly pair: Pair; readonly connection: number; readonly to: string },
    deliver: (receiver: Receiver) => void,
  ): void {
    if (way.pair.connection !== way.connection) return;
    const receiver = this.#receivers.get(way.to);
    receiver?.process.run(() => deliver(receiver));
  }

  /** Without an answer an end gives the connection up after a while. */
  #giveUp(pair: Pair): void {
    const { connection } = pair;
    this.#world.schedule(this.#random.between(GIVE_UP_MS, 2 * GIVE_UP_MS), () => {
      if (pair.connection === connection && (this.#isCut(pair) || !this.#areUp(pair))) {
        this.#close(pair);
      }
    });
  }

  #close(pair: Pair): void {
    if (!pair.isOpen) return;
    pair.isOpen = false;
    pair.connection++;
    const { connection } = pair;
    for (const [from, to] of [pair.ends, [pair.ends[1], pair.ends[0]] as const]) {
      this.#lane(from, to).waiting = [];
      this.#world.schedule(this.#random.between(0, NOTICE_MS), () => {
        if (pair.connection === connection && pair.known.has(from)) this.#unknow(pair, from, to);
      });
    }
    this.#reconnect(pair);
  }

  #unknow(pair: Pair, end: string, other: string): void {
    pair.known.delete(end);
    this.#tell(end, other, 'disconnected');
  }

  #reconnect(pair: Pair): void {
    this.#world.schedule(this.#random.between(1, RECONNECT_MS), () => {
      if (pair.isOpen || this.#isCut(pair) || !this.#areUp(pair)) return;
      pair.isOpen = true;
      pair.connection++;
      const { connection } = pair;
      for (const [end, other] of [pair.ends, [pair.ends[1], pair.ends[0]] as const]) {
        const lane = this.#lane(end, other);
        lane.waiting = [];
        lane.arrivalMs = 0;
        // The old connection's end is known before the new one's beginning.
        if (pair.known.has(end)) this.#unknow(pair, end, other);
        this.#world.schedule(this.#random.between(0, NOTICE_MS), () => {
          if (pair.connection !== connection || pair.known.has(end)) return;
          if (!this.#receivers.has(end)) return;
          pair.known.add(end);
          this.#tell(end, other, 'connected');
        });
      }
    });
  }

  #tell(peer: string, other: string, event: 'broken' | 'connected' | 'disconnected'): void {
    const receiver = this.#receivers.get(peer);
    receiver?.process.run(() => receiver.onPeer(other, event));
  }

  #isCut(pair: Pair): boolean {
    if ((this.#apart.get(keyOf(...pair.ends)) ?? 0) > 0) return true;
    return this.#cut.has(keyOf(...pair.ends)) || this.#cut.has(keyOf(pair.ends[1], pair.ends[0]));
  }

  #areUp(pair: Pair): boolean {
    return pair.ends.every((peer) => this.#receivers.has(peer));
  }

  #pair(a: string, b: string): Pair {
    const ends = a < b ? ([a, b] as const) : ([b, a] as const);
    const key = keyOf(...ends);
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = { ends, isOpen: false, connection: 0, known: new Set() };
      this.#pairs.set(key, pair);
    }
    return pair;
  }

  #lane(from: string, to: string): Lane {
    const key = keyOf(from, to);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { isBlocked: false, slowness: 1, arrivalMs: 0, stream: 0, waiting: [] };
      this.#lanes.set(key, lane);
    }
    return lane;
  }
}

function keyOf(a: string, b: string): string {
  return `${a}>${b}`;
}

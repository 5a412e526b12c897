import { randomBytes } from 'node:crypto';
import type { PeerDiscovery } from '@libp2p/interface';
import { mdns } from '@libp2p/mdns';
import type { Multiaddr } from '@multiformats/multiaddr';
import { type Clock, LIMITS } from '../../../protocols/interface/index.ts';
import { TokenBucket } from '../../../protocols/wire/index.ts';
import { isLocal } from './local-addresses.ts';

/** What this node hears on the local network under a mesh's name. */
export interface MdnsEar {
  /** Signs of life: of this node's own announcements, and of other nodes in the last minute. */
  lastHeard(): {
    /**
     * Wall-clock time in ms when this node last heard its own announcement, which it makes every 10
     * s; undefined = never: multicast does not work here.
     */
    readonly selfMs: number | undefined;
    /** How many other nodes announced themselves. */
    readonly others: number;
  };
}

/** Told of a peer id and where somebody says that it can be dialled. */
export type DiscoveryListener = (peer: string, addresses: readonly string[]) => void;

type MdnsComponents = Parameters<ReturnType<typeof mdns>>[0];

/** The parts of libp2p that it works with. */
export interface MeshMdnsComponents {
  readonly addressManager: Pick<MdnsComponents['addressManager'], 'getAddresses'>;
  readonly logger: MdnsComponents['logger'];
}

/** The parts of a packet that are looked at; all of it comes from anyone on the network. */
interface Packet {
  readonly questions?: readonly { readonly name?: unknown }[];
  readonly answers?: readonly { readonly name?: unknown; readonly data?: unknown }[];
  readonly additionals?: readonly unknown[];
}

/**
 * What libp2p's class has beyond its interface: bound handlers, taken up when it starts.
 * test/unit/daemon/libp2p/discovery/mdns.test.ts notices when they go.
 */
interface WithHandlers {
  _onMdnsQuery: (packet: Packet) => void;
  _onMdnsResponse: (packet: Packet) => void;
}

/**
 * Packets that are looked into, all of them together: whoever floods the network is not worked for.
 */
const HEARD_RATE = { ratePerSecond: 50, burst: 200 } as const;
/** Questions that are answered: one asks every 10 s in each node, and all may start at once. */
const ANSWER_RATE = { ratePerSecond: 50, burst: 256 } as const;
/**
 * Records of a packet that is looked into: one for each address of a host, and each costs 10 µs.
 */
const RECORDS_MAX = 64;
const OTHERS_MAX = 512;
const OTHERS_KEPT_MS = 60_000;

/** Options of {@link MeshMdns}. */
export interface MeshMdnsInit {
  readonly mesh: string;
  /** Whether this node announces itself too, or only listens. */
  readonly broadcast: boolean;
}

/**
 * mDNS under a name of the mesh's own, with the last 16 characters of the mesh id: a DNS label
 * holds 63. What it hears are hints from anyone on the network: bounded, and told to our own
 * listeners only; libp2p would remember every name that somebody makes up.
 */
export class MeshMdns implements MdnsEar {
  readonly #clock: Clock;
  readonly #service: PeerDiscovery & Startable;
  readonly #tag: string;
  readonly #name = randomBytes(16).toString('hex');
  readonly #others = new Map<string, number>();
  readonly #heard: TokenBucket;
  readonly #answered: TokenBucket;
  readonly #listeners = new Set<DiscoveryListener>();
  #selfMs: number | undefined;

  constructor(components: MeshMdnsComponents, clock: Clock, init: MeshMdnsInit) {
    this.#clock = clock;
    this.#heard = new TokenBucket(HEARD_RATE, clock.monotonicMs());
    this.#answered = new TokenBucket(ANSWER_RATE, clock.monotonicMs());
    this.#tag = `_cooee-${init.mesh.slice(-16).toLowerCase()}._udp.local`;
    const { broadcast } = init;
    const create = mdns({ serviceTag: this.#tag, peerName: this.#name, broadcast });
    this.#service = this.#bounded(
      create(components as MdnsComponents) as PeerDiscovery & Startable,
    );
    this.#service.addEventListener('peer', (event) => this.#onPeer(event.detail));
  }

  /**
   * libp2p listens for `peer` on what it gets here: it gets the life of the service without its
   * voice.
   */
  get silent(): PeerDiscovery {
    return new Proxy(this.#service, {
      get: (target, property) => {
        if (property === 'addEventListener') return () => undefined;
        const value: unknown = Reflect.get(target, property);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async start(): Promise<void> {
    await this.#service.start();
  }

  async stop(): Promise<void> {
    this.#listeners.clear();
    await this.#service.stop();
  }

  /** @returns ends it */
  onDiscovered(listener: DiscoveryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  lastHeard(): { readonly selfMs: number | undefined; readonly others: number } {
    this.#dropOld();
    return { selfMs: this.#selfMs, others: this.#others.size };
  }

  #bounded(service: PeerDiscovery & Startable): PeerDiscovery & Startable {
    const inner = service as unknown as WithHandlers;
    const { _onMdnsQuery: onQuery, _onMdnsResponse: onResponse } = inner;
    const now = (): number => this.#clock.monotonicMs();
    inner._onMdnsQuery = (packet) => {
      const isForUs = packet.questions?.[0]?.name === this.#tag;
      if (isForUs && this.#answered.take(now())) onQuery(packet);
    };
    inner._onMdnsResponse = (packet) => {
      if (this.#isOwn(packet)) this.#selfMs = this.#clock.nowMs();
      else if (this.#isForUs(packet) && this.#heard.take(now())) onResponse(packet);
    };
    return service;
  }

  /**
   * What other programs say on the network costs nothing, and does not use up what is looked at.
   */
  #isForUs({ answers = [], additionals = [] }: Packet): boolean {
    if (answers.length + additionals.length > RECORDS_MAX) return false;
    return answers.some(({ name }) => name === this.#tag);
  }

  #isOwn({ answers }: Packet): boolean {
    const [first] = answers ?? [];
    return first?.name === this.#tag && first.data === `${this.#name}.${this.#tag}`;
  }

  #onPeer(found: { readonly id: { toString(): string }; readonly multiaddrs: Multiaddr[] }): void {
    const peer = found.id.toString();
    this.#note(peer);
    const addresses = hintsIn(found.multiaddrs);
    if (addresses.length === 0) return;
    for (const listener of this.#listeners) listener(peer, addresses);
  }

  #note(peer: string): void {
    this.#dropOld();
    this.#others.delete(peer);
    if (this.#others.size < OTHERS_MAX) this.#others.set(peer, this.#clock.monotonicMs());
  }

  /** The oldest come first. */
  #dropOld(): void {
    const sinceMs = this.#clock.monotonicMs() - OTHERS_KEPT_MS;
    for (const [peer, atMs] of this.#others) {
      if (atMs >= sinceMs) return;
      this.#others.delete(peer);
    }
  }
}

type Startable = { start(): unknown; stop(): unknown };

/**
 * The addresses that may be dialled because somebody on the local network says so: those of the
 * local network, so that nobody makes us knock at a stranger's door.
 */
export function hintsIn(addresses: readonly { toString(): string }[]): string[] {
  const hints = new Set<string>();
  for (const text of addresses.map(String)) {
    if (hints.size === LIMITS.memberAddressesMax) break;
    // Who it is of is said beside it.
    if (isLocal(text) && !text.includes('/p2p/')) hints.add(text);
  }
  return [...hints];
}

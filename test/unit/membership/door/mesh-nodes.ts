import { generateKeyPair } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import type { Libp2p, PrivateKey, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import {
  createMeshLibp2p,
  type MeshLibp2p,
  type MeshLibp2pInit,
} from '../../../../daemon/libp2p.ts';
import { systemClock } from '../../../../daemon/system/clock.ts';
import {
  type MetricLabels,
  type Metrics,
  silentLogger,
} from '../../../../protocols/interface/index.ts';
import {
  type PeerStanding,
  REFUSALS_METRIC,
  type RefusalReason,
  type Standing,
} from '../../../../protocols/membership/door/index.ts';
import { serveRequests } from '../../../../protocols/wire/stream.ts';

export const MESH = 'bafyreitestmesh';
export const TOPIC = `/cooee/${MESH}/capability/1`;
export const JOIN = '/cooee/join/1';
export const OWN = `/cooee/${MESH}/own/1`;

/** A member list that the test writes. */
export class TestStanding implements Standing {
  readonly #standings = new Map<string, PeerStanding>();
  readonly #listeners = new Set<(peer: string) => void>();

  standing(peer: string): PeerStanding {
    return this.#standings.get(peer) ?? 'guest';
  }

  onChange(listener: (peer: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(peer: string, standing: PeerStanding): void {
    this.#standings.set(peer, standing);
    for (const listener of this.#listeners) listener(peer);
  }
}

class CountingMetrics implements Metrics {
  readonly #counts = new Map<string, number>();

  count(name: string, labels: MetricLabels = {}, by = 1): void {
    this.#counts.set(keyOf(name, labels), this.read(name, labels) + by);
  }

  gauge(): void {}

  read(name: string, labels: MetricLabels = {}): number {
    return this.#counts.get(keyOf(name, labels)) ?? 0;
  }
}

const keyOf = (name: string, labels: MetricLabels): string => `${name} ${JSON.stringify(labels)}`;

/** A mesh node under test, with a join protocol and one of our own, both echoing. */
export interface TestNode {
  readonly net: MeshLibp2p;
  readonly standing: TestStanding;
  readonly peer: string;
  /** What gossip delivered here. */
  readonly heard: string[];
  address(): string;
  refused(reason: RefusalReason): number;
  /** Peers in the DHT's routing table. */
  tableSize(): number;
}

const stoppers: (() => Promise<void>)[] = [];

/** Ends every node that was started since the last call. */
export async function stopAll(): Promise<void> {
  await Promise.all(stoppers.splice(0).map((stop) => stop()));
}

export async function startMember(init: Partial<MeshLibp2pInit> = {}): Promise<TestNode> {
  const standing = new TestStanding();
  const metrics = new CountingMetrics();
  const components = { standing, clock: systemClock, logger: silentLogger, metrics };
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const net = await createMeshLibp2p(components, {
    privateKey: await generateKeyPair('Ed25519'),
    mesh: MESH,
    topics: [TOPIC],
    guestProtocols: [JOIN],
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    mdns: false,
    door: { holdMs: 100 },
    ...init,
  });
  stoppers.push(() => net.stop());
  const echo = { handler: async (_peer: string, bytes: Uint8Array) => bytes };
  const { clock, logger } = components;
  await serveRequests({ registrar: net.guestRegistrar, clock, logger }, JOIN, echo);
  await serveRequests({ registrar: net.registrar, clock, logger }, OWN, echo);
  await net.start();
  const { pubsub } = net.node.services;
  const heard: string[] = [];
  pubsub.subscribe(TOPIC);
  pubsub.addEventListener('message', ({ detail }) =>
    heard.push(new TextDecoder().decode(detail.data)),
  );
  return {
    net,
    standing,
    peer: net.peer,
    heard,
    address: () => `${net.listening[0]}/p2p/${net.peer}`,
    refused: (reason) => metrics.read(REFUSALS_METRIC, { reason }),
    tableSize: () =>
      (net.node.services.dht as unknown as { routingTable: { size: number } }).routingTable.size,
  };
}

/** Everyone in the list knows everyone in it as a member. */
export function admit(...nodes: TestNode[]): void {
  for (const node of nodes) {
    for (const other of nodes) if (other !== node) node.standing.set(other.peer, 'member');
  }
}

export async function connect(from: TestNode, to: TestNode): Promise<void> {
  await from.net.dial(to.peer, [to.address()], AbortSignal.timeout(30_000));
}

/**
 * A node that speaks libp2p and claims every protocol of the mesh; it writes down what it is sent.
 */
export interface Stranger {
  readonly node: Libp2p;
  readonly peer: string;
  /**
   * Bytes that came in, by protocol; streams that the other side opened and such that it answered.
   */
  readonly got: Map<string, number>;
  /**
   * Opens a stream and sends bytes; resolves when the other side has ended it, or with what came
   * first.
   */
  speak(to: TestNode, protocol: string, bytes: Uint8Array): Promise<'ended' | 'answered'>;
}

export async function startStranger(
  protocols: readonly string[],
  init: { readonly privateKey?: PrivateKey } = {},
): Promise<Stranger> {
  const node = await createLibp2p({
    ...init,
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  });
  stoppers.push(async () => {
    // Closing would wait for the streams that nobody ends.
    for (const connection of node.getConnections()) connection.abort(new Error('it is over'));
    await node.stop();
  });
  const got = new Map<string, number>();
  const spy = (protocol: string, stream: Stream): void => {
    got.set(protocol, got.get(protocol) ?? 0);
    stream.addEventListener('message', ({ data }) =>
      got.set(protocol, (got.get(protocol) ?? 0) + data.byteLength),
    );
  };
  for (const protocol of protocols) await node.handle(protocol, (stream) => spy(protocol, stream));
  const speak = async (to: TestNode, protocol: string, bytes: Uint8Array) => {
    const [connection] = node.getConnections(to.net.node.peerId);
    if (connection === undefined) throw new Error('not connected');
    const stream = await connection.newStream(protocol, { signal: AbortSignal.timeout(30_000) });
    const answered = new Promise<'answered'>((resolve) => {
      stream.addEventListener('message', ({ data }) => {
        const key = `answer ${protocol}`;
        got.set(key, (got.get(key) ?? 0) + data.byteLength);
        resolve('answered');
      });
    });
    const ended = new Promise<'ended'>((resolve) => {
      stream.addEventListener('close', () => resolve('ended'));
      if (stream.status !== 'open') resolve('ended');
    });
    if (stream.status === 'open') stream.send(bytes);
    try {
      return await Promise.race([answered, ended]);
    } finally {
      // Nobody else ends it, and a node that stops would wait for that.
      stream.abort(new Error('said all'));
    }
  };
  return { node, peer: node.peerId.toString(), got, speak };
}

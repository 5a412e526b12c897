import { generateKeyPair } from '@libp2p/crypto/keys';
import { type GossipSub, gossipsub } from '@libp2p/gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { Ed25519PrivateKey, Libp2p, PrivateKey, Stream } from '@libp2p/interface';
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { noise } from '@libp2p/noise';
import { type Ping, ping } from '@libp2p/ping';
import { type TCPOptions, tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { systemClock } from '../../daemon/system/clock.ts';
import { nodeCrypto, nodeSigner, seedKey } from '../../daemon/system/crypto.ts';
import { type Signer, silentLogger } from '../../protocols/interface/index.ts';
import {
  decodeJoinResponse,
  encodeJoinRequest,
  encodeProof,
  JOIN_PROTOCOL,
  type JoinRequest,
  parseInvite,
  type SignedStart,
  signStart,
} from '../../protocols/membership/index.ts';
import { RequestStream } from '../../protocols/wire/stream.ts';
import type { TestHost } from '../mesh/harness.ts';

/** libp2p as anybody may build it: nothing of ours in it, no limits, no doors. */
export type RogueNode = Libp2p<{
  identify: Identify;
  ping: Ping;
  dht: KadDHT;
  pubsub: GossipSub;
}>;

/** Options of {@link Rogue.create}. */
export interface RogueInit {
  readonly privateKey?: PrivateKey;
  /** Its DHT and its subscriptions are those of this mesh. */
  readonly mesh: string;
  /** Where its connections come from: 127.0.0.0/8 is all loopback on Linux. */
  readonly from?: string;
}

/** A peer that means no good: a libp2p node of its own that speaks whatever it is told to. */
export class Rogue {
  readonly node: RogueNode;
  readonly peer: string;
  readonly mesh: string;
  /** Signs as this peer; undefined unless its key is Ed25519. */
  readonly signer: Signer | undefined;
  /** What gossip brought it. */
  readonly heard: { readonly topic: string; readonly data: Uint8Array }[] = [];
  readonly #requests: RequestStream[] = [];

  constructor(node: RogueNode, mesh: string, privateKey: PrivateKey) {
    this.node = node;
    this.peer = node.peerId.toString();
    this.mesh = mesh;
    const isOurs = privateKey.type === 'Ed25519';
    this.signer = isOurs ? nodeSigner(privateKey as Ed25519PrivateKey) : undefined;
    node.services.pubsub.addEventListener('message', ({ detail: { topic, data } }) => {
      this.heard.push({ topic, data });
    });
  }

  static async create(init: RogueInit): Promise<Rogue> {
    const privateKey = init.privateKey ?? (await generateKeyPair('Ed25519'));
    // What @libp2p/tcp hands on to node's connect, whatever its type says.
    const dialOpts = { localAddress: init.from } as NonNullable<TCPOptions['dialOpts']>;
    const node = await createLibp2p({
      privateKey,
      addresses: { listen: [] },
      transports: [tcp(init.from === undefined ? {} : { dialOpts })],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionManager: { reconnectRetries: 0, inboundConnectionThreshold: 1_000 },
      connectionMonitor: { enabled: false },
      services: {
        identify: identify(),
        ping: ping(),
        dht: kadDHT({
          protocol: `/cooee/${init.mesh}/kad/1.0.0`,
          clientMode: false,
          peerInfoMapper: passthroughMapper,
          allowQueryWithZeroPeers: true,
        }),
        pubsub: gossipsub({
          allowPublishToZeroTopicPeers: true,
          floodPublish: true,
          scoreParams: { IPColocationFactorWeight: 0 },
        }),
      },
    });
    const rogue = new Rogue(node as unknown as RogueNode, init.mesh, privateKey);
    for (const topic of ['capability', 'submission', 'help', 'enrol', 'slurp']) {
      rogue.node.services.pubsub.subscribe(`/cooee/${init.mesh}/${topic}/1`);
    }
    return rogue;
  }

  /** Connects; tells the error when it is refused. */
  async connect(host: TestHost): Promise<unknown> {
    const { addresses } = (await host.client.call('getStatus', {})).node;
    const [first = ''] = addresses;
    return await this.node.dial(multiaddr(first), { signal: AbortSignal.timeout(30_000) }).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  isConnected(peer: string): boolean {
    return this.node
      .getConnections()
      .some(({ remotePeer, status }) => remotePeer.toString() === peer && status === 'open');
  }

  /** Opens a stream, or gives undefined when that is refused. */
  async open(peer: string, protocol: string): Promise<Stream | undefined> {
    const connection = this.node
      .getConnections()
      .find(({ remotePeer, status }) => remotePeer.toString() === peer && status === 'open');
    return await connection
      ?.newStream(protocol, { signal: AbortSignal.timeout(30_000) })
      .catch(() => undefined);
  }

  /** Speaks our request streams: bytes in, bytes or a typed refusal out. */
  requests(peer: string, protocol: string): RequestStream {
    const stream = new RequestStream({
      clock: systemClock,
      logger: silentLogger,
      open: async () => {
        const opened = await this.open(peer, protocol);
        if (opened === undefined) throw new Error('not opened');
        return opened;
      },
    });
    this.#requests.push(stream);
    return stream;
  }

  /** Asks the join protocol once; the error of a refusal is thrown. */
  async ask(peer: string, request: JoinRequest | Uint8Array): Promise<number> {
    const body = request instanceof Uint8Array ? request : encodeJoinRequest(request);
    const stream = this.requests(peer, JOIN_PROTOCOL);
    try {
      return decodeJoinResponse(await stream.request(body)).index;
    } finally {
      stream.stop();
    }
  }

  /** What a joiner sends for an invite line. */
  redeem(line: string, change: Partial<Extract<JoinRequest, { kind: 'redeem' }>> = {}) {
    const { seed, mesh, expiresMs, anchor } = parseInvite(nodeCrypto.sha256, line);
    const key = seedKey(seed);
    return {
      v: 1,
      kind: 'redeem',
      mesh,
      name: 'rogue',
      addresses: [],
      levels: [1, 1],
      invite: key.publicKey,
      proof: encodeProof(key, { mesh, peer: this.peer, expiresMs }),
      logIndex: anchor.index,
      ...change,
    } satisfies JoinRequest;
  }

  /** A start of this peer, signed by it. */
  start(boot = 1, bootNonce = '0'.repeat(32)): SignedStart {
    if (this.signer === undefined) throw new Error('its key is not Ed25519');
    return signStart(this.signer, this.mesh, { boot, bootNonce });
  }

  /** Becomes a member with an invite of the host, and stays connected to it. */
  async becomeMember(host: TestHost): Promise<void> {
    const failed = await this.connect(host);
    if (failed !== undefined) throw failed;
    await this.ask(await host.peer(), this.redeem(await host.invite()));
  }

  async stop(): Promise<void> {
    for (const stream of this.#requests) stream.stop();
    await this.node.stop();
  }
}

/** Collects what arrives on a stream until it is over, or for so long. */
export async function bytesOn(stream: Stream, timeoutMs = 30_000): Promise<number> {
  let bytes = 0;
  stream.addEventListener('message', ({ data }) => {
    bytes += data.byteLength;
  });
  const ended = Promise.withResolvers<void>();
  if (stream.status !== 'open') ended.resolve();
  stream.addEventListener('close', () => ended.resolve(), { once: true });
  const timer = setTimeout(() => ended.reject(new Error('the stream stays open')), timeoutMs);
  try {
    await ended.promise;
    return bytes;
  } finally {
    clearTimeout(timer);
  }
}

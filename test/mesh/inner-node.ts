import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeshFolder } from '../../daemon/mesh/mesh-folder.ts';
import type { NodeLife } from '../../daemon/mesh/node-life.ts';
import { openMeshStores } from '../../daemon/mesh/stores.ts';
import { buildNode } from '../../daemon/node.ts';
import { createSealer } from '../../daemon/sealer/index.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { nodeCrypto, nodeSigner } from '../../daemon/system/crypto.ts';
import { HealthBook } from '../../daemon/system/health.ts';
import { MetricsBook } from '../../daemon/system/metrics.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import type { LogFields, Logger, Sealer, Signer } from '../../protocols/interface/index.ts';
import { toHex, topicName } from '../../protocols/wire/index.ts';
import { openHome } from '../../storage/home.ts';
import { loadOrCreateAgeIdentity, loadOrCreateNodeKey } from '../../storage/keys.ts';
import type { TestHost } from './harness.ts';

/** A gossip message as it came over the wire. */
export interface Overheard {
  readonly topic: string;
  readonly bytes: Uint8Array;
}

/** Settings of {@link startInnerNode}. */
export interface InnerNodeInit {
  /** The only peers that it connects to; all members without it. Then nobody can dial it either. */
  readonly only?: readonly string[];
  /** It gets no entry, head or snapshot by the replica protocol: what it has it keeps. */
  readonly isCutOff?: boolean;
}

/**
 * A member in this process, on the home of a host that joined before: a test can look into it and
 * make it misbehave.
 */
export interface InnerNode {
  readonly node: NodeLife;
  readonly signer: Signer;
  readonly sealer: Sealer;
  /** Every gossip message that came in, before anything was checked. */
  readonly overheard: readonly Overheard[];
  /** Every peer that it was ever connected to. */
  readonly met: ReadonlySet<string>;
  /** All that it logged, at every level, as JSON. */
  log(): string;
  /** The bytes of every file in its home. */
  disk(): Buffer;
  /** Sends bytes on a topic as they are. */
  send(topic: 'enrol' | 'capability', bytes: Uint8Array): Promise<void>;
  stop(): Promise<void>;
}

/** The connection manager of libp2p: what every dial goes through. */
interface Dialling {
  readonly components: {
    readonly connectionManager: {
      openConnection(to: unknown, ...more: unknown[]): Promise<unknown>;
    };
  };
}

function logTo(lines: string[], scope = ''): Logger {
  const at =
    (level: string) =>
    (fields: LogFields, message: string): void => {
      const { err, ...others } = fields;
      lines.push(JSON.stringify({ level, scope, ...others, err: String(err), message }, plain));
    };
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: (child) => logTo(lines, child),
  };
}

const plain = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array ? toHex(value) : value;

/** Starts a member in this process. The host's own daemon must have joined before, and stopped. */
export async function startInnerNode(host: TestHost, init: InnerNodeInit = {}): Promise<InnerNode> {
  const lines: string[] = [];
  const logger = logTo(lines);
  const home = await openHome(host.home, { logger });
  const privateKey = await loadOrCreateNodeKey(home);
  const age = await loadOrCreateAgeIdentity(home, 'hybrid');
  const folder = new MeshFolder(home.path);
  const file = await folder.load();
  if (file === undefined) throw new Error(`${host.name} has not joined`);
  const onFatal = (error: unknown): never => {
    throw error;
  };
  const stores = await openMeshStores(folder, { logger, clock: systemClock, onFatal });
  const { boot, nonce } = await home.nextBoot(systemRandom);
  const signer = nodeSigner(privateKey);
  const sealer = createSealer({ identities: [age.identity], clock: systemClock, logger });
  await sealer.start();
  const node = await buildNode(
    {
      ...stores,
      ...{ privateKey, signer, sealer, logger, crypto: nodeCrypto },
      ...{ clock: systemClock, random: systemRandom, metrics: new MetricsBook() },
      health: new HealthBook(logger),
      onEvent: () => undefined,
      onFatal: (error) => {
        throw error;
      },
    },
    {
      ...{ meshId: file.mesh, vouched: file.vouched, lastSeq: 0, mdns: false },
      anchor: { ...file.anchor, root: new Uint8Array(Buffer.from(file.anchor.root, 'hex')) },
      boot: { boot, bootNonce: toHex(nonce) },
      ...{ name: host.name, recipient: age.recipient },
      listen: init.only === undefined ? [`/ip4/127.0.0.1/tcp/${host.port}`] : [],
    },
  );
  const { met, overheard } = watch(node, init);
  if (init.isCutOff === true) cutOff(node);
  await node.start();
  overhear(node, overheard);
  return {
    ...{ node, signer, sealer, overheard, met },
    log: () => lines.join('\n'),
    disk: () => Buffer.concat(filesOf(host.home)),
    send: async (topic, bytes) => {
      const { pubsub } = node.parts.network.node.services;
      await pubsub.publish(topicName(file.mesh, topic), bytes);
    },
    stop: async () => {
      await node.stop();
      await stores.close();
      await sealer.stop();
      await home.close();
    },
  };
}

/** Notes whom it meets, and keeps it from dialling others than it may. */
function watch(node: NodeLife, { only }: InnerNodeInit) {
  const met = new Set<string>();
  const overheard: Overheard[] = [];
  const libp2p = node.parts.network.node;
  libp2p.addEventListener('connection:open', (event) =>
    met.add(event.detail.remotePeer.toString()),
  );
  const { connectionManager } = (libp2p as unknown as Dialling).components;
  const open = connectionManager.openConnection.bind(connectionManager);
  connectionManager.openConnection = async (to, ...more) => {
    const isAllowed = only === undefined || only.some((peer) => String(to).includes(peer));
    if (!isAllowed) throw new Error('there is no way to that peer');
    return await open(to, ...more);
  };
  return { met, overheard };
}

function cutOff(node: NodeLife): void {
  const { streams } = node.parts;
  const request = streams.request.bind(streams);
  streams.request = async (peer, protocol, ...more) => {
    if (protocol.includes('/replica/')) throw new Error('there is no way to the log');
    return await request(peer, protocol, ...more);
  };
}

/** Writes down what gossip brings, in front of the validators. */
function overhear(node: NodeLife, overheard: Overheard[]): void {
  const { topicValidators } = node.parts.network.node.services.pubsub;
  for (const [topic, validate] of topicValidators) {
    topicValidators.set(topic, (peer, message) => {
      overheard.push({ topic, bytes: message.data.slice() });
      return validate(peer, message);
    });
  }
}

function filesOf(folder: string): Buffer[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
}

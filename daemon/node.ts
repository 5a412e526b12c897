import type { PrivateKey } from '@libp2p/interface';
import { Redial } from '../bootstrap/redial.ts';
import { CapabilityService } from '../protocols/capability/index.ts';
import { createEnrolment, type Enrolment } from '../protocols/enrolment/index.ts';
import type { CallTimers } from '../protocols/help/index.ts';
import {
  type Clock,
  CooeeError,
  type Crypto,
  type FileStore,
  type Health,
  type KeyValueStore,
  type Logger,
  type LogStore,
  type Metrics,
  type Random,
  type Sealer,
  type Signer,
  type StateReader,
} from '../protocols/interface/index.ts';
import type { LivenessService } from '../protocols/liveness/index.ts';
import {
  Admission,
  memberOf,
  StandingBook,
  signStart,
  type TrustAnchor,
} from '../protocols/membership/index.ts';
import {
  type BlockClaims,
  type BlockCourier,
  type BlockHolding,
  type Consensus,
  type ContentBlocks,
  type Courier,
  type HeadService,
  type HeadSigner,
  LeaderAsks,
  type LogVerifier,
  MeshLog,
  type MeshRecords,
  type MeshRecovery,
  mendInstall,
  type Outbox,
  type ProofMaker,
  type RecordJudge,
  type RecoveryExchange,
  type Restored,
  type Snapshots,
  type Submit,
  TrustBook,
} from '../protocols/slurp/index.ts';
import type { GossipService } from '../protocols/wire/index.ts';
import type { StreamLink } from '../protocols/wire/stream.ts';
import type { GuestStreamsComponents } from './libp2p/guest-streams.ts';
import type { MeshStreams } from './libp2p/streams.ts';
import type { MeshLibp2p } from './libp2p.ts';
import { IdentityGuard } from './mesh/identity-guard.ts';
import { Introduction } from './mesh/introduction.ts';
import { isAnswering } from './mesh/is-answering.ts';
import type { MeshView } from './mesh/mesh-view.ts';
import { NodeLife } from './mesh/node-life.ts';
import type { Seen } from './mesh/seen/index.ts';
import { Watchdog } from './mesh/watchdog.ts';
import type { Writer } from './mesh/writer.ts';
import { buildCalls } from './parts/calls.ts';
import { buildConsensus } from './parts/consensus.ts';
import { buildContents } from './parts/contents.ts';
import { buildHeads } from './parts/heads.ts';
import { buildNetwork, type NetworkParts } from './parts/network.ts';
import { buildRecords } from './parts/records.ts';
import { buildRecovery } from './parts/recovery.ts';
import { buildSessions } from './parts/sessions.ts';
import { buildWebhooks } from './parts/webhooks.ts';
import { buildWriting, refersTo, type WritingParts } from './parts/writing.ts';
import type { Sessions } from './sessions/index.ts';
import type { RefusalBook } from './submissions/refusals.ts';
import type { Relays } from './submissions/relays.ts';
import type { FloodWatch } from './system/flood-watch.ts';
import { letHeapGrow } from './system/heap.ts';
import { LEVELS } from './system/version.ts';
import type { Endpoint, Webhooks } from './webhook/index.ts';

/** What a node is built from: everything that outlives a mesh, and the stores of this one. */
export interface NodeComponents {
  readonly privateKey: PrivateKey;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly log: LogStore;
  readonly store: KeyValueStore;
  /** Of snapshots. */
  readonly files: FileStore;
  /** Tells what happened: to watchers, and to the daemon. */
  readonly onEvent: (event: NodeEvent) => void;
  /** Keeps in mind that the next start must have a higher number than this. */
  readonly noteBoot?: (boot: number) => Promise<void>;
  /** This home is an older copy of what ran before: the next start must know. */
  readonly noteStale?: () => Promise<void>;
  /** Begins another start of this node, with a number above those kept in mind. */
  readonly startAgain?: () => void;
  /** The disk failed in a way after which nothing may be acknowledged: the process must end. */
  readonly onFatal: (error: CooeeError) => void;
  /** What is applied here is not what the operator recovered elsewhere: it must begin anew. */
  readonly onSuperseded?: (() => void) | undefined;
}

/** Something that happened; committed when it has an index. */
export interface NodeEvent {
  readonly type: string;
  readonly address?: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly index?: number;
}

/** Settings of a node. */
export interface NodeInit {
  readonly meshId: string;
  /** What a follower trusts; the maker of a mesh needs none. */
  readonly anchor: TrustAnchor;
  /** Members that the invite named: where to begin until the member list is there. */
  readonly vouched: readonly { readonly peer: string; readonly address: string }[];
  readonly boot: { readonly boot: number; readonly bootNonce: string };
  /**
   * Log index of this node's admission, Infinity while that is not known: what the log says before
   * of a node that comes back is history. Default 0.
   */
  readonly admittedIndex?: number;
  /** Batch numbers that this start has used already. */
  readonly lastSeq: number;
  readonly name: string;
  /** Age recipient of this node. */
  readonly recipient: string;
  readonly listen: readonly string[];
  readonly mdns: boolean;
  /** Whether members may meet at this node, and whether it meets them at others. */
  readonly relay?: boolean | undefined;
  readonly useRelays?: boolean | undefined;
  readonly beatMs?: number | undefined;
  readonly leaseMs?: number | undefined;
  /** Entries from one snapshot to the next; the same on all members. */
  readonly snapshotEveryEntries?: number | undefined;
  readonly voterAwayMs?: number | undefined;
  /** The home was put back from a backup, and this is the first start since then. */
  readonly restored?: Restored | undefined;
  /** Who is told of calls by this node. */
  readonly webhooks?: readonly Endpoint[] | undefined;
}

/** The parts of a node. */
export interface NodeParts {
  readonly meshLog: MeshLog;
  readonly state: StateReader;
  readonly standing: StandingBook;
  readonly network: MeshLibp2p;
  readonly streams: MeshStreams;
  readonly guests: GuestStreamsComponents;
  /** Who leads, who is connected, whom to dial: the state and the connections put together. */
  readonly view: MeshView;
  /** Tells {@link view} where Raft's word of the leader comes from. */
  readonly followLeader: (leader: () => string | undefined | null) => void;
  readonly trust: TrustBook;
  readonly headSigner: HeadSigner;
  readonly heads: HeadService;
  readonly proofs: ProofMaker;
  readonly logVerifier: LogVerifier;
  /** Decides which records the DHT takes. */
  readonly recordJudge: RecordJudge;
  /** What this node keeps and finds in the DHT. */
  readonly records: MeshRecords;
  /** Messages between voters. */
  readonly link: StreamLink;
  /** This node's part in the log: a seat among the voters, or a follower by pull. */
  readonly consensus: Consensus;
  /** Recovers the mesh from here when a majority of the voters is lost. */
  readonly recovery: MeshRecovery;
  /** Shows recoveries to other members, and hears of theirs. */
  readonly recoveries: RecoveryExchange;
  /** Snapshots of the state: taken, served, installed, compared with what was signed. */
  readonly snapshots: Snapshots;
  readonly outbox: Outbox;
  /** Large contents and patches of submissions. */
  readonly contents: ContentBlocks;
  /** Sees that a majority holds the blocks of what is proposed. */
  readonly holding: BlockHolding;
  /** Submissions of this node that were refused. */
  readonly refusals: RefusalBook;
  /** What a leader has taken of the outbox. */
  readonly relays: Relays;
  readonly writer: Writer;
  readonly submit: Submit;
  /** What only the leader can answer, asked from here. */
  readonly leaderAsks: LeaderAsks;
  readonly courier: Courier;
  /** Has blocks held for what this node hands in, and for others. */
  readonly claims: BlockClaims;
  /** Brings what is held back into the outbox once its blocks are held. */
  readonly blockCourier: BlockCourier;
  readonly gossip: GossipService;
  /** Who is there. */
  readonly liveness: LivenessService;
  /** What went wrong with others, for who asks why. */
  readonly seen: Seen;
  /** Names who sends more than its share. */
  readonly floods: FloodWatch;
  readonly enrolment: Enrolment;
  readonly capability: CapabilityService;
  /** Proposes what is due of calls, while this node leads. */
  readonly calls: CallTimers;
  readonly webhooks: Webhooks;
  /** Tickets of this host's agents. */
  readonly sessions: Sessions;
  /** Stops acknowledging when this node was removed or runs twice. */
  readonly guard: IdentityGuard;
  readonly admission: Admission;
  readonly introduction: Introduction;
  readonly redial: Redial;
  readonly watchdog: Watchdog;
}

/**
 * Builds one node of one mesh, every part of it, and nothing is started yet: {@link NodeLife} does
 * that, in order. The stores are open; their owner closes them after the node has stopped.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED, ERR_BOOTSTRAP_LISTEN
 */
export async function buildNode(components: NodeComponents, init: NodeInit): Promise<NodeLife> {
  const log = await buildLog(components, init);
  const network = await buildNetwork(components, init, log);
  const slurp = await buildSlurp(components, init, { ...log, ...network });
  const protocols = buildProtocols(components, init, { ...log, ...network, ...slurp });
  const records = await buildRecords(components, { ...log, ...network, ...slurp });
  const sessions = await buildSessions(components, init, log);
  const parts = { ...log, ...network, ...slurp, ...protocols, records, sessions };
  return new NodeLife(components, init, parts);
}

type LogParts = Pick<NodeParts, 'meshLog' | 'state' | 'standing' | 'trust' | 'webhooks'>;
type SlurpParts = WritingParts &
  Pick<
    NodeParts,
    | 'heads'
    | 'headSigner'
    | 'logVerifier'
    | 'proofs'
    | 'link'
    | 'consensus'
    | 'recoveries'
    | 'recovery'
    | 'snapshots'
    | 'contents'
    | 'holding'
    | 'leaderAsks'
  >;
type ProtocolParts = Omit<
  NodeParts,
  keyof (LogParts & NetworkParts & SlurpParts) | 'records' | 'sessions'
>;

/** The log and the state that follows from it: who is a member stands there. */
async function buildLog(components: NodeComponents, init: NodeInit): Promise<LogParts> {
  const { log, store, crypto, clock, random, health, metrics } = components;
  const logger = components.logger.child('cooee:slurp:log');
  const meshLog = new MeshLog(
    { log, store, crypto, clock, random, health, metrics, logger },
    {
      meshId: init.meshId,
      snapshotEveryEntries: init.snapshotEveryEntries,
      levelMax: LEVELS[1],
    },
  );
  if (await mendInstall({ log, store, crypto })) logger.info({}, 'a snapshot was installed');
  const webhooks = buildWebhooks(components, init, meshLog);
  await meshLog.open();
  letHeapGrow(meshLog);
  const trust = new TrustBook({ meshLog, store, crypto, health, metrics, logger }, init.anchor);
  await trust.open();
  if (trust.epochs.isSuperseded) throw new CooeeError('ERR_SLURP_SUPERSEDED');
  const vouched = [...init.vouched.map(({ peer }) => peer), ...init.anchor.voters];
  return {
    meshLog,
    trust,
    webhooks,
    state: meshLog.state,
    standing: new StandingBook(meshLog.state, vouched, components.signer.peer),
  };
}

/** The way of every write: outbox, courier, leader; and the way back: the replica. */
async function buildSlurp(
  components: NodeComponents,
  init: NodeInit,
  parts: LogParts & NetworkParts,
): Promise<SlurpParts> {
  const { signer } = components;
  const { meshLog, trust, state, streams, view, gossip } = parts;
  // The outbox comes last: it asks who leads.
  let outbox: Outbox | undefined;
  const blocks = await buildContents(components, parts, (cid) => refersTo(outbox, cid));
  const agreed = { ...parts, ...blocks };
  const { snapshots, link, consensus } = await buildConsensus(components, init, agreed);
  parts.followLeader(() => (consensus.raft === undefined ? null : consensus.leader));
  const heads = await buildHeads(
    components,
    { meshLog, trust, streams, view, gossip, snapshots },
    consensus,
  );
  const recovery = buildRecovery(components, { ...parts, ...heads, consensus });
  const writing = await buildWriting(components, init, { ...parts, ...blocks, consensus });
  outbox = writing.outbox;
  const leaderAsks = new LeaderAsks({
    meshId: init.meshId,
    self: signer.peer,
    requester: streams,
    responder: streams,
    leader: view.leader,
    voters: view.connectedVoters,
    isLeader: () => consensus.isLeader,
    isAdmin: (peer) => memberOf(state, peer)?.role === 'admin',
    readIndex: () => consensus.readIndex(),
    transfer: (to) => consensus.transfer(to),
    vacate: (peer) => consensus.vacate(peer),
  });
  return { ...heads, ...blocks, ...writing, ...recovery, snapshots, link, consensus, leaderAsks };
}

/** What members do with it: admission, enrolment, capability, and staying connected. */
function buildProtocols(
  components: NodeComponents,
  init: NodeInit,
  parts: LogParts & NetworkParts & SlurpParts,
): ProtocolParts {
  const { signer, clock, random, health, store, logger } = components;
  const { state, streams, guests, view, consensus, writer } = parts;
  const common = { ...components, ...parts, meshId: init.meshId, self: signer.peer };
  const guard = new IdentityGuard({
    ...common,
    boot: init.boot,
    askAgain: () => introduction.presentAgain(),
    onRemoved: () => {
      void redial.stop();
      watchdog.stop();
      parts.standing.close();
    },
  });
  let claimSeq = 0;
  const enrolment = createEnrolment({
    ...common,
    bootSeq: { boot: init.boot.boot, next: () => ++claimSeq },
    isLeader: () => consensus.isLeader,
    propose: (kind, body) => writer.decide(kind, body),
  });
  const capability = new CapabilityService(
    {
      ...common,
      requester: streams,
      responder: streams,
      peersFirst: view.connected,
      sign: (body) => parts.gossip.sign('capability', body),
    },
    { beatMs: init.beatMs, leaseMs: init.leaseMs },
  );
  const admission = new Admission({
    ...common,
    logger: logger.child('cooee:membership:admission'),
    admit: async (body) => {
      const { index, ...outcome } = await writer.decide('member.add', body);
      return { index, outcome };
    },
    follow: (index, signal) => consensus.follow(index, signal),
    isAnswering: (peer, connections) => isAnswering(guests, peer, connections),
    onClone: (peer, boot) => guard.accuse(peer, boot),
    onRefused: (peer, code) => parts.seen.door.note(peer, code, 'here'),
  });
  const introduction = new Introduction({
    ...common,
    streams: guests,
    start: signStart(signer, init.meshId, init.boot),
    onRefused: (peer, error) => {
      parts.seen.door.note(peer, error.code, 'there');
      guard.refusedBy(peer, error);
    },
  });
  const redial = new Redial({
    clock,
    random,
    logger: logger.child('cooee:bootstrap:redial'),
    members: view.dialTargets,
    isConnected: view.isConnected,
    dial: (peer, addresses, signal) => parts.network.dial(peer, addresses, signal),
  });
  const watchdog = new Watchdog({ clock, health, store, logger, state, self: signer.peer, view });
  const calls = buildCalls(components, parts);
  return { guard, enrolment, capability, calls, admission, introduction, redial, watchdog };
}

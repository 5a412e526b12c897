import type { Redial } from '../bootstrap/redial.ts';
import type { CapabilityService } from '../protocols/capability/index.ts';
import type { Enrolment } from '../protocols/enrolment/index.ts';
import type { CallTimers } from '../protocols/help/index.ts';
import type { StateReader } from '../protocols/interface/index.ts';
import type { LivenessService } from '../protocols/liveness/index.ts';
import type { Admission, StandingBook } from '../protocols/membership/index.ts';
import type {
  BlockClaims,
  BlockCourier,
  BlockHolding,
  Consensus,
  ContentBlocks,
  Courier,
  HeadService,
  HeadSigner,
  LeaderAsks,
  LogVerifier,
  MeshLog,
  MeshRecords,
  MeshRecovery,
  Outbox,
  ProofMaker,
  RecordJudge,
  RecoveryExchange,
  Snapshots,
  Submit,
  TrustBook,
} from '../protocols/slurp/index.ts';
import type { GossipService } from '../protocols/wire/index.ts';
import type { StreamLink } from '../protocols/wire/stream.ts';
import type { GuestStreamsComponents } from './libp2p/guest-streams.ts';
import type { MeshStreams } from './libp2p/streams.ts';
import type { MeshLibp2p } from './libp2p.ts';
import type { IdentityGuard } from './mesh/identity-guard.ts';
import type { Introduction } from './mesh/introduction.ts';
import type { MeshView } from './mesh/mesh-view.ts';
import { NodeLife } from './mesh/node-life.ts';
import type { Seen } from './mesh/seen/index.ts';
import type { Watchdog } from './mesh/watchdog.ts';
import type { Writer } from './mesh/writer.ts';
import type { NodeComponents, NodeInit } from './node-init.ts';
import { buildAgents } from './parts/agents.ts';
import { buildConsensus } from './parts/consensus.ts';
import { buildContents } from './parts/contents.ts';
import { buildHeads } from './parts/heads.ts';
import { buildLog } from './parts/log.ts';
import { buildMembership } from './parts/membership.ts';
import { buildNetwork } from './parts/network.ts';
import { buildRecords } from './parts/records.ts';
import { buildRecovery } from './parts/recovery.ts';
import { buildWriting, refersTo } from './parts/writing.ts';
import type { Sessions } from './sessions/index.ts';
import type { RefusalBook } from './submissions/refusals.ts';
import type { Relays } from './submissions/relays.ts';
import type { FloodWatch } from './system/flood-watch.ts';
import type { Webhooks } from './webhook/index.ts';

export type { NodeComponents, NodeEvent, NodeInit } from './node-init.ts';

/** The parts of a node, in the order in which {@link buildNode} makes them. */
export interface NodeParts {
  // What was agreed on: parts/log.ts.

  readonly meshLog: MeshLog;
  /** What follows from the log. */
  readonly state: StateReader;
  /** Who is a member, for the door. */
  readonly standing: StandingBook;
  /** The heads that the voters signed, and who votes. */
  readonly trust: TrustBook;
  /** Told of calls from the first entry on that is applied. */
  readonly webhooks: Webhooks;

  // The way to the others: parts/network.ts.

  readonly network: MeshLibp2p;
  readonly streams: MeshStreams;
  readonly guests: GuestStreamsComponents;
  /** Who leads, who is connected, whom to dial: the state and the connections put together. */
  readonly view: MeshView;
  /** Tells {@link view} where Raft's word of the leader comes from. */
  readonly followLeader: (leader: () => string | undefined | null) => void;
  /** Decides which records the DHT takes. */
  readonly recordJudge: RecordJudge;
  readonly gossip: GossipService;
  /** Who is there. */
  readonly liveness: LivenessService;
  /** What went wrong with others, for who asks why. */
  readonly seen: Seen;
  /** Names who sends more than its share. */
  readonly floods: FloodWatch;

  // Large contents: parts/contents.ts.

  /** Large contents and patches of submissions. */
  readonly contents: ContentBlocks;
  /** Sees that a majority holds the blocks of what is proposed. */
  readonly holding: BlockHolding;

  // This node's part in the agreement: parts/consensus.ts.

  /** Messages between voters. */
  readonly link: StreamLink;
  /** A seat among the voters, or a follower by pull. */
  readonly consensus: Consensus;
  /** Snapshots of the state: taken, served, installed, compared with what was signed. */
  readonly snapshots: Snapshots;
  /** What only the leader can answer, asked from here. */
  readonly leaderAsks: LeaderAsks;

  // Proof of what was agreed on: parts/heads.ts.

  readonly headSigner: HeadSigner;
  readonly heads: HeadService;
  readonly proofs: ProofMaker;
  readonly logVerifier: LogVerifier;

  // A lost majority: parts/recovery.ts.

  /** Recovers the mesh from here when a majority of the voters is lost. */
  readonly recovery: MeshRecovery;
  /** Shows recoveries to other members, and hears of theirs. */
  readonly recoveries: RecoveryExchange;

  // The way of every write: parts/writing.ts.

  readonly outbox: Outbox;
  /** Submissions of this node that were refused. */
  readonly refusals: RefusalBook;
  /** What a leader has taken of the outbox. */
  readonly relays: Relays;
  readonly writer: Writer;
  readonly submit: Submit;
  readonly courier: Courier;
  /** Has blocks held for what this node hands in, and for others. */
  readonly claims: BlockClaims;
  /** Brings what is held back into the outbox once its blocks are held. */
  readonly blockCourier: BlockCourier;

  // Being a member: parts/membership.ts.

  /** Stops acknowledging when this node was removed or runs twice. */
  readonly guard: IdentityGuard;
  /** Lets others in. */
  readonly admission: Admission;
  /** Presents this node to members. */
  readonly introduction: Introduction;
  /** Dials members that are not connected, for ever. */
  readonly redial: Redial;
  /** Raises the conditions that no single part can see. */
  readonly watchdog: Watchdog;

  // What this node keeps and finds in the DHT: parts/records.ts.

  readonly records: MeshRecords;

  // Agents, and the people whom they call: parts/agents.ts.

  readonly enrolment: Enrolment;
  readonly capability: CapabilityService;
  /** Proposes what is due of calls, while this node leads. */
  readonly calls: CallTimers;
  /** Tickets of this host's agents. */
  readonly sessions: Sessions;
}

/**
 * Builds one node of one mesh, every part of it, each from those before it. Nothing is started yet:
 * {@link NodeLife} does that, in order, and tells the parts of each other. The stores are open;
 * their owner closes them after the node has stopped.
 *
 * @throws CooeeError ERR_STORAGE_*, ERR_WIRE_*, ERR_BOOTSTRAP_LISTEN, ERR_SLURP_SUPERSEDED
 */
export async function buildNode(components: NodeComponents, init: NodeInit): Promise<NodeLife> {
  const log = await buildLog(components, init);
  const network = await buildNetwork(components, init, log);
  const reached = { ...log, ...network };
  // There are blocks before there is an outbox that refers to them.
  let outbox: Outbox | undefined;
  const contents = await buildContents(components, reached, (cid) => refersTo(outbox, cid));
  const agreement = await buildConsensus(components, init, { ...reached, ...contents });
  const { consensus } = agreement;
  // Nobody is connected yet who could have asked the view for a leader.
  network.followLeader(() => (consensus.raft === undefined ? null : consensus.leader));
  const heads = await buildHeads(components, { ...reached, ...agreement }, consensus);
  const recovery = buildRecovery(components, { ...reached, ...agreement, ...heads });
  const writing = await buildWriting(components, init, { ...reached, ...contents, consensus });
  outbox = writing.outbox;
  const slurp = { ...reached, ...contents, ...agreement, ...heads, ...recovery, ...writing };
  const membership = buildMembership(components, init, slurp);
  const records = await buildRecords(components, slurp);
  const agents = await buildAgents(components, init, slurp);
  const parts: NodeParts = { ...slurp, ...membership, records, ...agents };
  return new NodeLife(components, init, parts);
}

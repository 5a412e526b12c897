import { Watchdog } from '../../../daemon/mesh/watchdog.ts';
import { CallTimers } from '../../../protocols/help/index.ts';
import {
  type Clock,
  type Condition,
  CooeeError,
  type FileStore,
  type Health,
  type KeyValueStore,
  type Logger,
  type LogStore,
  type Metrics,
  type Signer,
} from '../../../protocols/interface/index.ts';
import type { TrustAnchor } from '../../../protocols/membership/index.ts';
import {
  BlockCourier,
  Consensus,
  Courier,
  HeadService,
  HeadSigner,
  MeshLog,
  type MeshRecovery,
  mendInstall,
  Outbox,
  type RecoveryExchange,
  Replica,
  Snapshots,
  Submit,
  serveReplica,
  TrustBook,
} from '../../../protocols/slurp/index.ts';
import { simCrypto as crypto } from '../world/crypto.ts';
import { SimRandom } from '../world/random.ts';
import type { SimStreams } from '../world/streams.ts';
import { buildRecovery, type RecoveryWatch } from './recovery/recovery-parts.ts';

/** Small, so that a short run has many marks. */
export const SNAPSHOT_EVERY_ENTRIES = 32;
/** A dead voter gives its seat to another. */
const VOTER_AWAY_MS = 4_000;

/** What the parts of a node stand on, all of it simulated. */
export interface MeshPorts {
  readonly log: LogStore;
  readonly store: KeyValueStore;
  readonly files: FileStore;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: SimRandom;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly streams: SimStreams;
  /** The ordered messages between voters, and who is connected. */
  readonly link: {
    send(peer: string, message: Uint8Array): boolean;
    isConnected(peer: string): boolean;
  };
  /** Connected members. */
  readonly connected: () => readonly string[];
  readonly publish: (bytes: Uint8Array) => void;
  readonly onFatal: (error: CooeeError) => void;
  /** A recovery left out what is here: it must be taken anew. */
  readonly onSuperseded: () => void;
  readonly recoveryWatch: RecoveryWatch;
  /** The log is there, and not open yet. */
  readonly onLog: (meshLog: MeshLog) => void;
}

/** Who a node is. */
export interface MeshInit {
  readonly meshId: string;
  readonly anchor: TrustAnchor;
  readonly boot: number;
  readonly bootNonce: string;
}

/** The parts of a node that replicate the state: put together as the daemon does. */
export interface MeshParts {
  readonly meshLog: MeshLog;
  readonly trust: TrustBook;
  readonly snapshots: Snapshots;
  readonly consensus: Consensus;
  readonly headSigner: HeadSigner;
  readonly heads: HeadService;
  readonly outbox: Outbox;
  readonly submit: Submit;
  readonly courier: Courier;
  readonly blockCourier: BlockCourier;
  readonly calls: CallTimers;
  readonly recovery: MeshRecovery;
  readonly recoveries: RecoveryExchange;
  readonly watchdog: Watchdog;
}

function buildLog(ports: MeshPorts, { meshId, bootNonce }: MeshInit): MeshLog {
  // A stream of its own: what the log draws changes nothing of what else happens.
  const random = new SimRandom(Number.parseInt(bootNonce.slice(0, 8), 16));
  return new MeshLog(
    { ...ports, crypto, random },
    { meshId, snapshotEveryEntries: SNAPSHOT_EVERY_ENTRIES },
  );
}

/** Builds them on open stores. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* */
export async function buildParts(ports: MeshPorts, init: MeshInit): Promise<MeshParts> {
  const { log, store, signer, clock, random, streams, link, connected } = ports;
  const self = signer.peer;
  const meshLog = buildLog(ports, init);
  ports.onLog(meshLog);
  await mendInstall({ log, store, crypto });
  await meshLog.open();
  const trust = new TrustBook({ ...ports, meshLog, crypto }, init.anchor);
  await trust.open();
  if (trust.epochs.isSuperseded) throw new CooeeError('ERR_SLURP_SUPERSEDED');
  const leader = (): string | undefined => leaderOf(meshLog, consensus);
  const sources = (): readonly string[] => leaderFirst(leader(), connected());
  const common = { ...ports, meshLog, trust, crypto, requester: streams, sources };
  const snapshots: Snapshots = new Snapshots({
    ...common,
    onCompacted: (index) => consensus.onCompacted(index),
  });
  await snapshots.open();
  const consensus: Consensus = new Consensus(
    {
      ...common,
      signedBy: (peer) => trust.signedBy(peer),
      epochs: trust.epochs,
      isUnlinked: () => trust.unlinked().length > 0,
      makeReplica: () => new Replica({ ...common, snapshots }),
      installFrom: (peer, indexMin, signal) => snapshots.installFrom(peer, indexMin, signal),
      snapshotTerm: (index) => snapshots.termAt(index),
    },
    {
      start: { boot: init.boot, bootNonce: init.bootNonce },
      recipient: `age1${'q'.repeat(58)}`,
      voterAwayMs: VOTER_AWAY_MS,
    },
  );
  const signing = { ...common, leadership: consensus, marks: snapshots };
  const headSigner = new HeadSigner(signing);
  await headSigner.open();
  const heads = new HeadService({
    ...{ ...signing, signer: headSigner, self, publish: ports.publish },
    onOutvoted: () => consensus.handOver(),
  });
  const outbox = new Outbox(
    { ...ports, crypto, isCommitted: (batch) => meshLog.isCommitted(batch) },
    { meshId: init.meshId, boot: init.boot, lastSeq: 0 },
  );
  await outbox.open(meshLog.state);
  const submit = new Submit({
    ...{ meshId: init.meshId, self },
    requester: streams,
    responder: streams,
    leader,
    connected,
    voters: () => meshLog.configuration().configuration.voters.filter(link.isConnected),
    isLeader: () => consensus.isLeader,
    propose: (batches, isOwn) => consensus.propose(batches, isOwn),
  });
  const courier = new Courier({
    ...{ outbox, meshLog, clock, random },
    logger: ports.logger,
    deliver: (batches) => submit.deliver(batches),
    follow: (index) => consensus.follow(index),
  });
  const blockCourier = courierOfBlocks(ports, outbox);
  const calls = callTimers(ports, { meshLog, consensus, outbox });
  const agreed = { meshLog, trust, snapshots, consensus, headSigner, heads, outbox };
  const recovery = await buildRecovery(ports, agreed);
  const watchdog = buildWatchdog(ports, agreed, leader);
  return { ...agreed, ...recovery, submit, courier, blockCourier, calls, watchdog };
}

function buildWatchdog(
  ports: MeshPorts,
  { meshLog, consensus }: Pick<MeshParts, 'consensus' | 'meshLog'>,
  leader: () => string | undefined,
): Watchdog {
  return new Watchdog({
    ...{ ...ports, state: meshLog.state, self: ports.signer.peer },
    view: { isConnected: ports.link.isConnected, leader },
    isBehind: () => meshLog.appliedIndex < meshLog.commitIndex,
    handOver: () => consensus.handOver(),
  });
}

/** Blocks are not simulated: everybody holds them. */
function courierOfBlocks({ signer, clock, random, logger }: MeshPorts, outbox: Outbox) {
  return new BlockCourier({
    ...{ self: signer.peer, outbox, clock, random, logger },
    contents: { fetch: async () => undefined },
    hold: async () => undefined,
  });
}

function callTimers(
  { clock, logger }: MeshPorts,
  { meshLog, consensus, outbox }: Pick<MeshParts, 'consensus' | 'meshLog' | 'outbox'>,
): CallTimers {
  return new CallTimers({
    ...{ state: meshLog.state, clock, logger },
    isLeader: () => consensus.isLeader,
    decide: async ({ kind, body }) => {
      const submitted = outbox.submit(kind, body);
      await submitted.accepted;
      const decided = await submitted.decided;
      if ('error' in decided) throw decided.error;
      return decided.outcome;
    },
  });
}

/** By Raft for who has a seat, by the log for all others. */
function leaderOf(meshLog: MeshLog, consensus: Consensus): string | undefined {
  if (consensus.raft !== undefined) return consensus.leader;
  const record = meshLog.state.get('mesh', 'leader');
  return record !== undefined && 'recipient' in record ? record.peer : undefined;
}

function leaderFirst(leader: string | undefined, all: readonly string[]): readonly string[] {
  if (leader === undefined || !all.includes(leader)) return all;
  return [leader, ...all.filter((peer) => peer !== leader)];
}

/** Starts them, in the daemon's order. */
export async function startParts(ports: MeshPorts, parts: MeshParts): Promise<void> {
  const { calls, meshLog, outbox, consensus, courier, heads, snapshots, trust, submit } = parts;
  const { recoveries } = parts;
  const { streams: responder } = ports;
  meshLog.addHook((entry) => outbox.writesFor(entry));
  meshLog.onApplied((entry) => {
    outbox.onApplied(entry);
    calls.onApplied(entry);
    heads.changed();
  });
  meshLog.onReplaced(() => {
    void outbox.onReplaced(meshLog.state).catch(() => undefined);
    calls.onReplaced();
  });
  consensus.onChange(() => {
    courier.nudge();
    calls.onLeadership();
    heads.changed();
  });
  trust.onRecovery(() => {
    recoveries.tellAll();
    if (trust.epochs.isSuperseded) ports.onSuperseded();
    else consensus.onEpoch();
  });
  await serveReplica({ meshLog, responder, trust, refresh: () => heads.refresh(), snapshots });
  await snapshots.serve(responder);
  await parts.headSigner.serve(responder);
  await submit.start();
  await recoveries.start();
  await consensus.start();
  courier.start();
  parts.blockCourier.start();
  heads.start();
  parts.watchdog.start();
}

/** Conditions of one process, without a word to anybody. */
export class SimHealth implements Health {
  readonly #conditions = new Map<string, Condition>();

  raise(condition: Condition): void {
    this.#conditions.set(condition.code, condition);
  }

  clear(code: string): void {
    this.#conditions.delete(code);
  }

  list(): readonly Condition[] {
    return [...this.#conditions.values()];
  }
}

/** Nobody counts. */
export const noMetrics: Metrics = {
  count: () => undefined,
  gauge: () => undefined,
  read: () => 0,
};

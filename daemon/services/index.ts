import {
  type Clock,
  CooeeError,
  delay,
  isCooeeError,
  type Logger,
} from '../../protocols/interface/index.ts';
import type { LeaderView, ResponseOf } from '../api/routes/index.ts';
import type { ApiServices, EventSource } from '../api/services.ts';
import { stageHome } from '../backup/stage.ts';
import type { Daemon } from '../daemon.ts';
import { SessionServices } from '../sessions/index.ts';
import type { MetricsBook } from '../system/metrics.ts';
import { AgentServices } from './agent-services.ts';
import { CallServices } from './calls/call-services.ts';
import { Doctor } from './doctor/index.ts';
import { InviteServices } from './invite-services.ts';
import { LogServices } from './log-services.ts';
import { MeshServices, type MeshServicesInit } from './mesh-services.ts';
import { RecordServices } from './record-services.ts';
import { SubmissionServices } from './submissions/submission-services.ts';
import { Why } from './why/index.ts';

/** How long the new leader may take to announce itself, and how often that is looked at. */
const TRANSFER_WAIT_MS = 5_000;
const TRANSFER_POLL_MS = 5;

/** What the API's services are built from. */
export interface ServicesInit extends MeshServicesInit {
  readonly clock: Clock;
  readonly metrics: MetricsBook;
  readonly logger: Logger;
  readonly events: EventSource;
  /** Begins to stop the daemon. */
  readonly stop: () => void;
}

/** Everything that the API can ask of the daemon. */
export function createServices(init: ServicesInit): ApiServices {
  const { daemon, clock, metrics } = init;
  const mesh = new MeshServices(init);
  const invites = new InviteServices(init);
  const agents = new AgentServices(daemon, init.crypto);
  const log = new LogServices(daemon);
  const submissions = new SubmissionServices(daemon, init.crypto);
  const calls = new CallServices(daemon, clock);
  const sessions = new SessionServices(daemon, init.crypto);
  const doctor = new Doctor(daemon, init);
  const why = new Why(daemon, { crypto: init.crypto, submissions });
  const records = new RecordServices(daemon, { clock, crypto: init.crypto, submissions });
  return {
    appliedIndex: () => (hasLog(daemon) ? daemon.node.parts.meshLog.appliedIndex : 0),
    waitForIndex: (index, timeoutMs) => waitForIndex(daemon, index, timeoutMs),
    readIndex: () => daemon.memberNode.parts.leaderAsks.readIndex(),
    self: () => daemon.components.signer.peer,
    status: () => mesh.status(),
    members: () => mesh.members(),
    issueInvite: (input) => invites.issue(input),
    listInvites: () => invites.list(),
    revokeInvite: (id, wait) => invites.revoke(id, wait),
    join: (invite) => mesh.join(invite),
    leave: () => mesh.leave(),
    recover: (input) => mesh.recover(input),
    setRole: (peer, role, wait) => mesh.setRole(peer, role, wait),
    removeMember: (peer, wait) => mesh.removeMember(peer, wait),
    setMesh: (change, wait) => mesh.setMesh(change, wait),
    queryAgents: (query) => agents.query(query),
    resolveAgent: (ref) => agents.resolve(ref),
    enrol: (items, wait) => agents.enrol(items, wait),
    retire: (token, wait) => agents.retire(token, wait),
    announce: (token, change, caller) => agents.announce(token, change, caller),
    rebind: (token, peer, wait) => agents.rebind(token, peer, wait),
    authenticate: (ticket) => sessions.authenticate(ticket),
    createSession: (token) => sessions.create(token),
    listSessions: () => sessions.list(),
    revokeSession: (id) => sessions.revoke(id),
    submit: (submission, wait, caller) => submissions.submit(submission, wait, caller),
    listSubmissions: (query) => submissions.list(query),
    getSubmission: (id) => submissions.get(id),
    getPatch: (id) => submissions.patch(id),
    decideSubmission: (id, decision, wait) => submissions.decide(id, decision, wait),
    openCall: (call, wait, caller) => calls.open(call, wait, caller),
    listCalls: (query) => calls.list(query),
    getCall: (id) => calls.get(id),
    claimCall: (id, body, wait) => calls.claim(id, body, wait),
    releaseCall: (id, body, wait) => calls.release(id, body, wait),
    answerCall: (id, body, wait) => calls.answer(id, body, wait),
    withdrawCall: (id, wait, caller) => calls.withdraw(id, wait, caller),
    getRecord: (address) => records.get(address),
    getHistory: (query) => records.history(query),
    readLog: (query) => log.read(query),
    proof: (index, anchor) => log.proof(index, anchor),
    verifyLog: (soFar) => log.verify(soFar),
    host: () => agents.host(),
    leader: () => leaderView(daemon),
    transferLeader: (to) => transferLeader(daemon, clock, to),
    doctor: () => doctor.examine(),
    why: (thing, caller) => why.explain(thing, caller),
    stageBackup: (signal) => stageBackup(init, signal),
    metricsText: () => metrics.text(),
    stop: init.stop,
    events: init.events,
  };
}

/** A home that its daemon has open, copied for `cooee backup`. */
async function stageBackup(
  { daemon, home, clock, logger }: ServicesInit,
  signal: AbortSignal,
): Promise<ResponseOf<'stageBackup'>> {
  const { log, store } = daemon.stores;
  const { meshLog } = daemon.node.parts;
  const commitIndex = (): number => meshLog.commitIndex;
  const use = { home, nowMs: clock.nowMs(), log, store, commitIndex, logger, signal };
  const { folder, skipped } = await stageHome(use);
  return { folder, skipped: [...skipped] };
}

function hasLog({ phase }: Daemon): boolean {
  return phase === 'member' || phase === 'joining';
}

async function waitForIndex(daemon: Daemon, index: number, timeoutMs: number): Promise<void> {
  if (!hasLog(daemon)) throw new CooeeError('ERR_API_STARTING');
  try {
    await daemon.node.parts.consensus.waiters.until(index, { timeoutMs });
  } catch (error) {
    throw isCooeeError(error, 'ERR_WIRE_TIMEOUT') ? new CooeeError('ERR_API_TIMEOUT') : error;
  }
}

/** The leader there is now; what the log announced outlives it. */
function leaderView(daemon: Daemon): LeaderView {
  const { view, consensus } = daemon.node.parts;
  const record = view.leaderRecord();
  const peer = view.leaderNow() ?? null;
  const term = Math.max(consensus.term, record?.term ?? 0);
  // One that was elected just now has not announced to whom enrolments are sealed.
  const recipient = peer !== null && record?.peer === peer ? record.recipient : null;
  if (peer !== null || record === undefined) return { peer, term, recipient };
  return { peer, term, recipient, last: { peer: record.peer, term: record.term } };
}

function announcedLeader(daemon: Daemon): LeaderView {
  const record = daemon.node.parts.view.leaderRecord();
  return {
    peer: record?.peer ?? null,
    term: record?.term ?? 0,
    recipient: record?.recipient ?? null,
  };
}

/** Resolves when the log knows the new leader. */
async function transferLeader(
  daemon: Daemon,
  clock: Clock,
  to: string | undefined,
): Promise<LeaderView> {
  const { view, leaderAsks } = daemon.memberNode.parts;
  if (to !== undefined && !view.voters().includes(to)) {
    throw new CooeeError('ERR_API_NOT_FOUND', 'no voter has that peer id', { details: { to } });
  }
  const before = announcedLeader(daemon);
  if (to !== undefined && to === before.peer && to === view.leaderNow()) return before;
  await leaderAsks.transfer(to);
  const endMs = clock.monotonicMs() + TRANSFER_WAIT_MS;
  while (announcedLeader(daemon).term <= before.term) {
    if (clock.monotonicMs() > endMs) {
      throw new CooeeError('ERR_SLURP_NO_LEADER', 'the new leader is not heard of yet');
    }
    await delay(clock, TRANSFER_POLL_MS);
  }
  return announcedLeader(daemon);
}

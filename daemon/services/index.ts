import { type Clock, CooeeError, delay } from '../../protocols/interface/index.ts';
import type { LeaderView } from '../api/routes/index.ts';
import type { ApiServices, EventSource } from '../api/services.ts';
import type { Daemon } from '../daemon.ts';
import type { MetricsBook } from '../system/metrics.ts';
import { AgentServices } from './agent-services.ts';
import { examine } from './doctor.ts';
import { LogServices } from './log-services.ts';
import { MeshServices, type MeshServicesInit } from './mesh-services.ts';
import { SubmissionServices } from './submission-services.ts';

/** How often a reader that waits for an index looks. */
const INDEX_POLL_MS = 5;
/** How long the new leader may take to announce itself. */
const TRANSFER_WAIT_MS = 5_000;

/** What the API's services are built from. */
export interface ServicesInit extends MeshServicesInit {
  readonly clock: Clock;
  readonly metrics: MetricsBook;
  readonly events: EventSource;
  /** Begins to stop the daemon. */
  readonly stop: () => void;
}

/** Everything that the API can ask of the daemon. */
export function createServices(init: ServicesInit): ApiServices {
  const { daemon, clock, metrics } = init;
  const mesh = new MeshServices(init);
  const agents = new AgentServices(daemon, init.crypto);
  const log = new LogServices(daemon);
  const submissions = new SubmissionServices(daemon, init.crypto);
  const appliedIndex = (): number =>
    daemon.phase === 'member' || daemon.phase === 'joining'
      ? daemon.node.parts.meshLog.appliedIndex
      : 0;
  return {
    appliedIndex,
    waitForIndex: async (index, timeoutMs) => {
      const endMs = clock.monotonicMs() + timeoutMs;
      while (appliedIndex() < index) {
        if (clock.monotonicMs() > endMs) throw new CooeeError('ERR_API_TIMEOUT');
        await delay(clock, INDEX_POLL_MS);
      }
    },
    readIndex: () => daemon.memberNode.parts.leaderAsks.readIndex(),
    status: () => mesh.status(),
    members: () => mesh.members(),
    issueInvite: (input) => mesh.issueInvite(input),
    join: (invite) => mesh.join(invite),
    leave: () => mesh.leave(),
    setRole: (peer, role, wait) => mesh.setRole(peer, role, wait),
    removeMember: (peer, wait) => mesh.removeMember(peer, wait),
    setMesh: (change, wait) => mesh.setMesh(change, wait),
    queryAgents: (query) => agents.query(query),
    resolveAgent: (ref) => agents.resolve(ref),
    enrol: (items, wait) => agents.enrol(items, wait),
    retire: (token, wait) => agents.retire(token, wait),
    announce: (token, change) => agents.announce(token, change),
    rebind: (token, peer, wait) => agents.rebind(token, peer, wait),
    submit: (submission, wait, caller) => submissions.submit(submission, wait, caller),
    listSubmissions: (query) => submissions.list(query),
    getSubmission: (id) => submissions.get(id),
    readLog: (query) => log.read(query),
    proof: (index, anchor) => log.proof(index, anchor),
    verifyLog: (soFar) => log.verify(soFar),
    host: () => agents.host(),
    leader: () => leaderView(daemon),
    transferLeader: (to) => transferLeader(daemon, clock, to),
    doctor: () => examine(daemon),
    metricsText: () => metrics.text(),
    stop: init.stop,
    events: init.events,
  };
}

function leaderView(daemon: Daemon): LeaderView {
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
  const before = leaderView(daemon);
  if (to !== undefined && to === before.peer && to === view.leader()) return before;
  await leaderAsks.transfer(to);
  const endMs = clock.monotonicMs() + TRANSFER_WAIT_MS;
  while (leaderView(daemon).term <= before.term) {
    if (clock.monotonicMs() > endMs) {
      throw new CooeeError('ERR_SLURP_NO_LEADER', 'the new leader is not heard of yet');
    }
    await delay(clock, INDEX_POLL_MS);
  }
  return leaderView(daemon);
}

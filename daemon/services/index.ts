import { type Clock, CooeeError, delay } from '../../protocols/interface/index.ts';
import type { LeaderView } from '../api/routes/index.ts';
import type { ApiServices, EventSource } from '../api/services.ts';
import type { Daemon } from '../daemon.ts';
import type { MetricsBook } from '../system/metrics.ts';
import { AgentServices } from './agent-services.ts';
import { examine } from './doctor.ts';
import { MeshServices, type MeshServicesInit } from './mesh-services.ts';

/** How often a reader that waits for an index looks. */
const INDEX_POLL_MS = 5;

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
    status: () => mesh.status(),
    members: () => mesh.members(),
    issueInvite: (input) => mesh.issueInvite(input),
    join: (invite) => mesh.join(invite),
    leave: () => mesh.leave(),
    setRole: (peer, role, wait) => mesh.setRole(peer, role, wait),
    removeMember: (peer, wait) => mesh.removeMember(peer, wait),
    queryAgents: (query) => agents.query(query),
    resolveAgent: (ref) => agents.resolve(ref),
    enrol: (items, wait) => agents.enrol(items, wait),
    retire: (token, wait) => agents.retire(token, wait),
    announce: (token, change) => agents.announce(token, change),
    rebind: (token, peer, wait) => agents.rebind(token, peer, wait),
    host: () => agents.host(),
    leader: () => leaderView(daemon),
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

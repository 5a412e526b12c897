import {
  type Consensus,
  genesisOf,
  type MemberReport,
  MeshRecovery,
  RecoveryExchange,
  reportOf,
} from '../../protocols/slurp/index.ts';
import type { NodeComponents, NodeParts } from '../node.ts';

/** For so long the leader asks the voters before a change to sign for it before it may go past. */
const UNPROVED_MS = 30_000;

/** Connecting to a voter that is away may take so long before it counts as lost. */
const DIAL_TIMEOUT_MS = 5_000;

/** The parts of a node that recover a mesh, and hear of a recovery. */
type RecoveryParts = Pick<NodeParts, 'recovery' | 'recoveries'>;

/** The parts that those work with. */
type Ground = Pick<NodeParts, 'meshLog' | 'trust' | 'network' | 'streams' | 'view' | 'heads'> & {
  readonly consensus: Consensus;
};

/** Recovery of a lost majority: what the operator asks for here, and what others did elsewhere. */
export function buildRecovery(components: NodeComponents, ground: Ground): RecoveryParts {
  const { meshLog, trust, network, streams, view, consensus, heads } = ground;
  const logger = components.logger.child('cooee:slurp:recovery');
  const report = (): Omit<MemberReport, 'peer'> => reportOf(ground);
  const recoveries = new RecoveryExchange({
    ...{ ...components, trust, logger, report },
    meshId: meshLog.meshId,
    requester: streams,
    responder: streams,
    genesis: () => genesisOf(components.store),
    connected: view.connected,
  });
  const dial = async (peers: readonly string[]): Promise<void> => {
    const away = view
      .dialTargets()
      .filter((peer) => peers.includes(peer) && !view.isConnected(peer));
    await Promise.allSettled(
      away.map((peer) =>
        network.dial(peer, view.dialAddresses(peer), AbortSignal.timeout(DIAL_TIMEOUT_MS)),
      ),
    );
  };
  const recovery = new MeshRecovery({
    ...{ ...components, meshLog, trust, consensus, logger, report, dial },
    exchange: recoveries,
    connected: view.connected,
    unproved: () => heads.unproved(UNPROVED_MS),
  });
  return { recovery, recoveries };
}

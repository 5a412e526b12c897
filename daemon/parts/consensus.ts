import { memberOf } from '../../protocols/membership/index.ts';
import {
  Consensus,
  LeaderAsks,
  Replica,
  raftProtocol,
  Snapshots,
} from '../../protocols/slurp/index.ts';
import { createMessageLink } from '../libp2p/message-links.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';

/** The parts of a node that agree on the log. */
type ConsensusParts = Pick<NodeParts, 'snapshots' | 'link' | 'consensus' | 'leaderAsks'>;

/** The parts that those work with. */
type Ground = Pick<
  NodeParts,
  'meshLog' | 'trust' | 'state' | 'network' | 'streams' | 'view' | 'holding'
>;

/**
 * The node's part in the log: a seat among the voters with the link that they speak over, or a
 * follower by pull; the snapshots that either may need; and what only the leader can answer.
 *
 * @throws CooeeError ERR_STORAGE_*
 */
export async function buildConsensus(
  components: NodeComponents,
  init: NodeInit,
  ground: Ground,
): Promise<ConsensusParts> {
  const { meshLog, trust, network, streams, view, holding } = ground;
  const { clock, metrics } = components;
  const logger = components.logger.child('cooee:slurp');
  const common = { ...components, meshLog, trust, logger };
  const pulling = { ...common, requester: streams, sources: view.sources };
  const snapshots = new Snapshots({
    ...pulling,
    logger: components.logger.child('cooee:slurp:snapshot'),
    onCompacted: (index) => consensus.onCompacted(index),
  });
  await snapshots.open();
  const link = createMessageLink(
    { network, clock, metrics, logger: logger.child('cooee:slurp:link') },
    {
      protocol: raftProtocol(init.meshId),
      onMessage: (peer, bytes) => consensus.onMessage(peer, bytes),
    },
  );
  const consensus = new Consensus(
    {
      ...{ ...common, link },
      signedBy: (peer) => trust.signedBy(peer),
      epochs: trust.epochs,
      assertReady: (batch) => holding.assertHeld(batch),
      isUnlinked: () => trust.unlinked().length > 0,
      makeReplica: () => new Replica({ ...pulling, snapshots }),
      installFrom: (peer, indexMin, signal) => snapshots.installFrom(peer, indexMin, signal),
      snapshotTerm: (index) => snapshots.termAt(index),
    },
    {
      start: init.boot,
      recipient: init.recipient,
      voterAwayMs: init.voterAwayMs,
      restored: init.restored,
    },
  );
  snapshots.onSoundness((isSound) => {
    if (!isSound) consensus.handOver();
  });
  const leaderAsks = buildLeaderAsks(components, init, { ...ground, consensus });
  return { snapshots, link, consensus, leaderAsks };
}

function buildLeaderAsks(
  { signer }: NodeComponents,
  { meshId }: NodeInit,
  { state, streams, view, consensus }: Ground & Pick<NodeParts, 'consensus'>,
): LeaderAsks {
  return new LeaderAsks({
    meshId,
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
}

import { Consensus, Replica, raftProtocol, Snapshots } from '../../protocols/slurp/index.ts';
import { createMessageLink } from '../libp2p/message-links.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';

/** The parts of a node that agree on the log. */
type ConsensusParts = Pick<NodeParts, 'snapshots' | 'link' | 'consensus'>;

/** The parts that those work with. */
type Ground = Pick<NodeParts, 'meshLog' | 'trust' | 'network' | 'streams' | 'view' | 'holding'>;

/**
 * The node's part in the log: a seat among the voters with the link that they speak over, or a
 * follower by pull; and the snapshots that either may need. @throws CooeeError ERR_STORAGE_*
 */
export async function buildConsensus(
  components: NodeComponents,
  init: NodeInit,
  { meshLog, trust, network, streams, view, holding }: Ground,
): Promise<ConsensusParts> {
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
      head: () => trust.highest(),
      epochs: trust.epochs,
      assertReady: (batch) => holding.assertHeld(batch),
      isUnlinked: () => trust.unlinked().length > 0,
      makeReplica: () => new Replica({ ...pulling, snapshots }),
      installFrom: (peer, indexMin, signal) => snapshots.installFrom(peer, indexMin, signal),
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
  return { snapshots, link, consensus };
}

import type { Connection } from '@libp2p/interface';
import { LivenessService } from '../../protocols/liveness/index.ts';
import { endConnection } from '../../protocols/membership/door/index.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';

/** The parts that liveness works with. */
type Ground = Pick<NodeParts, 'state' | 'network' | 'streams' | 'view' | 'gossip' | 'floods'>;

/** What says who is there. */
export function buildLiveness(
  components: NodeComponents,
  init: NodeInit,
  { state, network, streams, view, gossip, floods }: Ground,
): LivenessService {
  const logger = components.logger.child('cooee:liveness');
  const connectionsTo = (peer: string): readonly Connection[] =>
    network.node.getConnections().filter(({ remotePeer }) => remotePeer.toString() === peer);
  const liveness = new LivenessService(
    {
      ...components,
      logger,
      state,
      requester: streams,
      responder: streams,
      isConnected: view.isConnected,
      leader: view.leader,
      hangUp: (peer) => {
        const reason = new Error('the member is unreachable');
        for (const connection of connectionsTo(peer)) endConnection(connection, reason, logger);
      },
      mute: (isMuted) => gossip.mute(isMuted),
      onFlood: (peer, what) => floods.report(peer, what),
    },
    { meshId: init.meshId, boot: init.boot.boot },
  );
  liveness.onChange((peer) => {
    if (!liveness.isReachable(peer)) network.forgetInDht(peer);
  });
  return liveness;
}

import type { Clock, Logger, Metrics } from '../../protocols/interface/index.ts';
import {
  type LinkConnections,
  StreamLink,
  type StreamLinkInit,
} from '../../protocols/wire/stream.ts';
import type { MeshLibp2p } from '../libp2p.ts';

/** What {@link createMessageLink} works with. */
export interface MessageLinkComponents {
  readonly network: Pick<MeshLibp2p, 'isConnected' | 'node' | 'openStream' | 'registrar'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * Messages among members over this node's libp2p, not started yet. It is started before the network
 * is, to hear of every peer, and stopped before it.
 */
export function createMessageLink(
  { network, clock, metrics, logger }: MessageLinkComponents,
  init: StreamLinkInit,
): StreamLink {
  const connections = connectionsOf(network);
  return new StreamLink(
    { connections, registrar: network.registrar, clock, metrics, logger },
    init,
  );
}

function connectionsOf(network: MessageLinkComponents['network']): LinkConnections {
  return {
    isConnected: (peer) => network.isConnected(peer),
    openStream: (peer, protocol, options) => network.openStream(peer, protocol, options),
    onChange: (listener) => {
      const { node } = network;
      const onConnect = (event: PeerEvent): void => listener(event.detail.toString(), true);
      const onDisconnect = (event: PeerEvent): void => listener(event.detail.toString(), false);
      node.addEventListener('peer:connect', onConnect);
      node.addEventListener('peer:disconnect', onDisconnect);
      return () => {
        node.removeEventListener('peer:connect', onConnect);
        node.removeEventListener('peer:disconnect', onDisconnect);
      };
    },
  };
}

type PeerEvent = CustomEvent<{ toString(): string }>;

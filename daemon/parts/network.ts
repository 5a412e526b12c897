import type { OnRefused } from '../../protocols/membership/door/index.ts';
import { JOIN_PROTOCOL } from '../../protocols/membership/index.ts';
import { GossipService, topicName } from '../../protocols/wire/index.ts';
import { dhtRecordsOf } from '../libp2p/dht-records.ts';
import { pubSubOf } from '../libp2p/pubsub-port.ts';
import { MeshStreams } from '../libp2p/streams.ts';
import { createMeshLibp2p } from '../libp2p.ts';
import { MeshView } from '../mesh/mesh-view.ts';
import { nothingSeen } from '../mesh/seen/index.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';
import { FloodWatch } from '../system/flood-watch.ts';
import { buildLiveness } from './liveness.ts';
import { buildJudge } from './records.ts';

const TOPICS = ['capability', 'submission', 'help', 'enrol', 'slurp'] as const;

/** What connects a node with the others. */
export type NetworkParts = Pick<
  NodeParts,
  | 'network'
  | 'recordJudge'
  | 'streams'
  | 'guests'
  | 'view'
  | 'followLeader'
  | 'liveness'
  | 'floods'
  | 'gossip'
  | 'seen'
>;

/** The parts that those work with. */
type Ground = Pick<NodeParts, 'meshLog' | 'trust' | 'state' | 'standing'>;

/** libp2p behind the door for members, request streams and gossip on it. */
export async function buildNetwork(
  components: NodeComponents,
  init: NodeInit,
  { meshLog, trust, state, standing }: Ground,
): Promise<NetworkParts> {
  const { clock, metrics, signer, privateKey, health, logger } = components;
  // gossipsub has a score before there is what it is of.
  let scoreOf: (peer: string) => number = () => 0;
  const recordJudge = buildJudge(components, { meshLog, trust });
  const seen = nothingSeen(clock);
  const onRefused: OnRefused = (reason, { peer }) => {
    if (typeof peer === 'string') seen.door.note(peer, reason, 'here');
  };
  const network = await createMeshLibp2p(
    { standing, clock, metrics, onRefused, logger: logger.child('cooee:network') },
    {
      privateKey,
      mesh: init.meshId,
      topics: TOPICS.map((topic) => topicName(init.meshId, topic)),
      guestProtocols: [JOIN_PROTOCOL],
      listen: init.listen,
      mdns: init.mdns,
      relay: init.relay,
      useRelays: init.useRelays,
      gossipScore: (peer) => scoreOf(peer),
      dhtRecords: dhtRecordsOf(recordJudge),
    },
  );
  const floods = new FloodWatch({ clock, health, state });
  const onFlood = (peer: string, what: string): void => floods.report(peer, what);
  const streams = new MeshStreams({
    network,
    clock,
    logger: logger.child('cooee:wire:stream'),
    onFlood,
  });
  // There is a network before there is Raft on it.
  let raftLeader: () => string | undefined | null = () => null;
  const view = new MeshView({
    network,
    state,
    self: signer.peer,
    vouched: init.vouched,
    voters: init.anchor.voters,
    raftLeader: () => raftLeader(),
    isHalted: () => trust.epochs.rival !== undefined,
  });
  const followLeader = (leader: typeof raftLeader): void => {
    raftLeader = leader;
  };
  const isMember = (peer: string): boolean => standing.standing(peer) === 'member';
  const pubsub = pubSubOf(network.node.services.pubsub);
  const gossip = new GossipService(
    { ...components, pubsub, isMember, onFlood, logger: logger.child('cooee:wire:gossip') },
    { meshId: init.meshId, boot: init.boot.boot },
  );
  scoreOf = (peer) => gossip.scoreOf(peer);
  const reach = { network, streams, view, gossip, floods, seen };
  const liveness = buildLiveness(components, init, { state, ...reach });
  const guests = { network, clock, logger };
  return { ...reach, recordJudge, followLeader, liveness, guests };
}

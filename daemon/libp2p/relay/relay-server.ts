import {
  type CircuitRelayServerComponents,
  type CircuitRelayService,
  circuitRelayServer,
} from '@libp2p/circuit-relay-v2';
import type { Startable } from '@libp2p/interface';
import { LIMITS } from '../../../protocols/interface/index.ts';
import { directOnly } from './direct-only.ts';
import { brief, paced, withStreams } from './relay-streams.ts';

/**
 * Circuit relay v2 for members, as a service on components that are members-only already. There is
 * no limit of bytes or time on what is relayed: libp2p calls a connection with either of them
 * limited, and then neither gossip nor the DHT nor our own streams go over it. What is bounded is
 * who may ask, how many reservations there are, how many connections one member has through here,
 * and what of each waits in memory.
 */
export function relayServer(
  components: CircuitRelayServerComponents,
): CircuitRelayService & Startable {
  const create = circuitRelayServer({
    hopTimeout: 10_000,
    maxInboundHopStreams: LIMITS.relayedPerMemberMax,
    maxOutboundStopStreams: LIMITS.relayedPerMemberMax,
    reservations: {
      maxReservations: LIMITS.relayReservationsMax,
      reservationTtl: LIMITS.relayReservationMs,
      applyDefaultLimit: false,
    },
  });
  const bounded = withStreams(directOnly(components), (stream) => {
    brief(stream);
    paced(stream);
  });
  return lasting(create(bounded)) as CircuitRelayService & Startable;
}

/**
 * A place lasts as long as its member is connected; whoever has the service takes it away then.
 * With the second renewal of a place, retimeable-signal 1 lets the time of the first run on: five
 * minutes before two hours, all that is relayed to the member would end, and its place with it.
 */
function lasting(service: CircuitRelayService): CircuitRelayService {
  const { reservations } = service;
  const set = reservations.set.bind(reservations);
  reservations.set = (peer, reservation) => {
    reservation.signal.clear();
    reservation.signal.reset = () => undefined;
    set(peer, reservation);
  };
  return service;
}

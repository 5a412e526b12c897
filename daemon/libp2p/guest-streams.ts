import type { Connection } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { Clock, Logger } from '../../protocols/interface/index.ts';
import { type RequestServer, RequestStream, serveRequests } from '../../protocols/wire/stream.ts';
import type { MeshLibp2p } from '../libp2p.ts';

/** A guest needs two requests at the most; the rest is somebody trying. */
const GUEST_RATE = { ratePerSecond: 2, burst: 8 } as const;

/** What the join protocol's streams work with. */
export interface GuestStreamsComponents {
  readonly network: Pick<MeshLibp2p, 'node' | 'guestRegistrar'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * One request of a protocol that guests may speak, over a stream of its own: by that connection, or
 * by any, when none is given or a relay limits what it takes.
 */
export async function askAsGuest(
  { network, clock, logger }: GuestStreamsComponents,
  peer: string,
  request: {
    readonly protocol: string;
    readonly body: Uint8Array;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly connection?: Connection | undefined;
  },
): Promise<Uint8Array> {
  const { protocol, connection } = request;
  const stream = new RequestStream({
    clock,
    logger,
    open: (signal) =>
      connection === undefined || connection.limits !== undefined
        ? network.node.dialProtocol(peerIdFromString(peer), protocol, { signal })
        : connection.newStream(protocol, { signal }),
  });
  try {
    return await stream.request(request.body, {
      timeoutMs: request.timeoutMs,
      signal: request.signal,
    });
  } finally {
    stream.stop();
  }
}

/** Serves a protocol that guests may speak. */
export async function serveGuests(
  { network, clock, logger }: GuestStreamsComponents,
  protocol: string,
  handler: (peer: string, body: Uint8Array, connection: string) => Promise<Uint8Array>,
): Promise<RequestServer> {
  return await serveRequests({ registrar: network.guestRegistrar, clock, logger }, protocol, {
    handler: (peer, body, _signal, connection) => handler(peer, body, connection),
    rate: GUEST_RATE,
    concurrencyMax: 2,
    streamsPerPeerMax: 4,
  });
}

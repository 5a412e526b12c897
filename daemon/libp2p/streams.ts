import type { Requester, RequestHandler, Responder } from '../../protocols/interface/index.ts';
import { type Clock, CooeeError, type Logger } from '../../protocols/interface/index.ts';
import { type RequestServer, RequestStream, serveRequests } from '../../protocols/wire/stream.ts';
import type { MeshLibp2p } from '../libp2p.ts';

/** What {@link MeshStreams} works with. */
export interface MeshStreamsComponents {
  readonly network: Pick<MeshLibp2p, 'openStream' | 'registrar' | 'isConnected'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A member asks more often than it may. */
  readonly onFlood?: (peer: string, what: string) => void;
}

/** Requests and answers among members: one stream per peer and protocol, kept open. */
export class MeshStreams implements Requester, Responder {
  readonly #components: MeshStreamsComponents;
  readonly #clients = new Map<string, RequestStream>();
  readonly #servers = new Map<string, RequestServer>();

  constructor(components: MeshStreamsComponents) {
    this.#components = components;
  }

  async request(
    peer: string,
    protocol: string,
    body: Uint8Array,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Uint8Array> {
    const { network } = this.#components;
    // Dialling is the supervisor's: a request that had to wait for it would hide that the peer is
    // away.
    if (!network.isConnected(peer)) {
      throw new CooeeError('ERR_WIRE_STREAM', 'the member is not connected', { details: { peer } });
    }
    return await this.#client(peer, protocol).request(body, options);
  }

  async handle(protocol: string, handler: RequestHandler): Promise<void> {
    const { network, clock, logger, onFlood } = this.#components;
    const server = await serveRequests({ registrar: network.registrar, clock, logger }, protocol, {
      handler,
      rate: MEMBER_RATE,
      onFlood: (peer) => onFlood?.(peer, 'by stream'),
    });
    this.#servers.set(protocol, server);
  }

  async unhandle(protocol: string): Promise<void> {
    await this.#servers.get(protocol)?.stop();
    this.#servers.delete(protocol);
  }

  /** Forgets the streams to a peer: it left or was removed. */
  forget(peer: string): void {
    for (const [key, client] of this.#clients) {
      if (!key.startsWith(`${peer} `)) continue;
      this.#clients.delete(key);
      client.stop();
    }
  }

  async stop(): Promise<void> {
    for (const protocol of [...this.#servers.keys()]) await this.unhandle(protocol);
    for (const client of this.#clients.values()) client.stop();
    this.#clients.clear();
  }

  #client(peer: string, protocol: string): RequestStream {
    const key = `${peer} ${protocol}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      const { network, clock, logger } = this.#components;
      client = new RequestStream({
        clock,
        logger,
        open: (signal) => network.openStream(peer, protocol, { signal }),
      });
      this.#clients.set(key, client);
    }
    return client;
  }
}

/**
 * A member's courier sends one batch at a time, its replica one pull; this leaves room for both at
 * full speed.
 */
const MEMBER_RATE = { ratePerSecond: 1_000, burst: 2_000 } as const;

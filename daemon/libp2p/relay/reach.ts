import { isIP } from 'node:net';
import type { Connection } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { tryGetNetConfig } from '@libp2p/utils';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { z } from 'zod';
import {
  type Clock,
  CooeeError,
  type Logger,
  toError,
} from '../../../protocols/interface/index.ts';
import { decodeAs, encodeCanonical, RateLimiter } from '../../../protocols/wire/index.ts';
import {
  type RequestServer,
  RequestStream,
  serveRequests,
} from '../../../protocols/wire/stream.ts';
import type { MeshLibp2p } from '../../libp2p.ts';
import { isDirect } from './direct-only.ts';

const MESSAGE_BYTES_MAX = 1024;
const PORTS_MAX = 4;
/** A dial to a host behind a firewall that drops ends after this time. */
const DIAL_TIMEOUT_MS = 3_000;
const ASK_TIMEOUT_MS = 10_000;
/** A member that asks more often is refused: a question costs dials. */
const ASK_RATE = { ratePerSecond: 0.1, burst: 3 } as const;

/** What a member found that was asked to dial back. */
export type ReachOutcome = 'reached' | 'unreachable' | 'refused';

const port = z.int().min(1).max(65_535);
const requestSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('dial-back'),
  ports: z.array(port).min(1).max(PORTS_MAX),
});
const answerSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('dialled'),
  outcome: z.enum(['reached', 'unreachable', 'refused']),
  /** The port that answered. */
  port: port.nullable(),
  /** The address that the asker is seen at. */
  host: z.string().max(64).nullable(),
});
type Answer = z.output<typeof answerSchema>;

/** What {@link Reach} works with. */
export interface ReachComponents {
  readonly network: Pick<MeshLibp2p, 'node' | 'openStream' | 'registrar'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Tells a node whether others can reach it: a member is asked to dial back at the address that it
 * sees, on the ports that the node listens on. Nothing else is dialled for anybody, so that a
 * member cannot have others knock at a stranger's door.
 *
 * What AutoNAT does, among members: libp2p's service leaves out private addresses, wants the word
 * of peers in eight networks before it says no, and closes the connection that it was asked over.
 */
export class Reach {
  readonly #components: ReachComponents;
  readonly #protocol: string;
  readonly #rate = new RateLimiter(ASK_RATE);
  #server: RequestServer | undefined;

  /** @param mesh - id of the mesh: the question is for its members */
  constructor(components: ReachComponents, mesh: string) {
    this.#components = components;
    this.#protocol = `/cooee/${mesh}/reach/1`;
  }

  async start(): Promise<void> {
    const { network, clock, logger } = this.#components;
    this.#server = await serveRequests(
      { registrar: network.registrar, clock, logger },
      this.#protocol,
      {
        handler: (peer, body) => this.#answer(peer, body),
        concurrencyMax: 1,
      },
    );
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  /**
   * Asks a connected member to dial this node.
   *
   * @throws CooeeError ERR_WIRE_*, ERR_MEMBERSHIP_NOT_MEMBER when it does not answer
   */
  async ask(peer: string, signal?: AbortSignal): Promise<ReachOutcome> {
    return (await this.askWhere(peer, signal)).outcome;
  }

  /** As {@link ask}, with the address at which it was reached, or seen. */
  async askWhere(peer: string, signal?: AbortSignal): Promise<Answer> {
    const ports = this.#ports();
    if (ports.length === 0) {
      return { v: 1, kind: 'dialled', outcome: 'unreachable', port: null, host: null };
    }
    const { network, clock, logger } = this.#components;
    const stream = new RequestStream({
      clock,
      logger,
      open: (opening) => network.openStream(peer, this.#protocol, { signal: opening }),
    });
    try {
      const body = encodeCanonical({ v: 1, kind: 'dial-back', ports });
      const options = { timeoutMs: ASK_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
      const bytes = await stream.request(body, options);
      const answer = decodeAs(answerSchema, bytes, MESSAGE_BYTES_MAX);
      // It will be told to others: nobody may have them knock at another port.
      if (answer.port !== null && !ports.includes(answer.port)) {
        throw new CooeeError(
          'ERR_WIRE_MALFORMED',
          'An answer names a port that was not asked for.',
        );
      }
      return answer;
    } finally {
      stream.stop();
    }
  }

  #ports(): number[] {
    const addresses = this.#components.network.node.getMultiaddrs();
    const ports = addresses
      .filter((it) => isDirect({ remoteAddr: it }))
      .flatMap((it) => tryGetNetConfig(it)?.port ?? []);
    return [...new Set(ports)].slice(0, PORTS_MAX);
  }

  async #answer(peer: string, body: Uint8Array): Promise<Uint8Array> {
    const { ports } = decodeAs(requestSchema, body, MESSAGE_BYTES_MAX);
    const host = this.#hostOf(peer);
    const isAllowed = this.#rate.take(peer, this.#components.clock.monotonicMs());
    if (host === undefined || !isAllowed) return encodeAnswer('refused', null, host ?? null);
    for (const candidate of new Set(ports)) {
      if (await this.#dial(peer, host, candidate)) {
        return encodeAnswer('reached', candidate, host);
      }
    }
    return encodeAnswer('unreachable', null, host);
  }

  /** The IP address that the peer is seen at, when it is connected without a relay. */
  #hostOf(peer: string): string | undefined {
    return this.#components.network.node
      .getConnections(peerIdFromString(peer))
      .filter((it) => it.status === 'open' && isDirect(it))
      .flatMap(({ remoteAddr }) => tryGetNetConfig(remoteAddr)?.host ?? [])
      .find((host) => isIP(host) !== 0);
  }

  /** The peer must prove to be the one who asked; the connection is closed again. */
  async #dial(peer: string, host: string, candidate: number): Promise<boolean> {
    const { network, logger } = this.#components;
    let made: Connection | undefined;
    try {
      made = await network.node.dial(addressOf(host, candidate, peer), {
        force: true,
        signal: AbortSignal.timeout(DIAL_TIMEOUT_MS),
      });
      return true;
    } catch (thrown) {
      logger.debug({ err: toError(thrown), peer }, 'a member could not be dialled back');
      return false;
    } finally {
      const connection = made;
      connection?.close().catch((thrown: unknown) => connection.abort(toError(thrown)));
    }
  }
}

function addressOf(host: string, tcpPort: number, peer: string): Multiaddr {
  return multiaddr(`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${tcpPort}/p2p/${peer}`);
}

function encodeAnswer(
  outcome: ReachOutcome,
  reached: number | null,
  host: string | null,
): Uint8Array {
  return encodeCanonical({ v: 1, kind: 'dialled', outcome, port: reached, host });
}

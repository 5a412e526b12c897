import {
  type Clock,
  CooeeError,
  type Gossip,
  type GossipMessage,
  isCooeeError,
  LIMITS,
  type Logger,
  type Requester,
  type Responder,
  toError,
} from '../../interface/index.ts';
import { RateLimiter } from '../../wire/index.ts';
import {
  decodeTableAnswer,
  decodeTableRequest,
  encodeTableAnswer,
  encodeTableRequest,
  type TableRequest,
  tableProtocol,
} from '../codec.ts';
import type { AnnouncementTable, NodeEntry } from './announcement-table.ts';

/** Leaves room in a frame for what surrounds the originals. */
const PAGE_BYTES_MAX = LIMITS.streamMessageBytesMax - 64 * 1024;
/** A signature costs 0.1 ms to check: after so many the event loop gets its turn. */
const CHECKED_AT_ONCE = 16;
const PAGES_MAX = 512;
const TIMEOUT_MS = 3_000;
/** A newcomer asks twice or so; whoever missed an announcement asks once. */
const REQUEST_RATE = { ratePerSecond: 5, burst: 20 };

/** What the exchange is built from. */
export interface TableExchangeComponents {
  readonly gossip: Gossip;
  readonly requester: Requester;
  readonly responder: Responder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly table: AnnouncementTable;
  readonly meshId: string;
  readonly self: string;
  /** This node's announcement and beat, signed just now; nothing when there is none. */
  readonly ownOriginals: (known: { readonly seq: number } | undefined) => readonly Uint8Array[];
  /** Takes a checked message out of another's table. */
  readonly onMessage: (message: GossipMessage) => void;
}

/** What a pull came to. */
export interface PullResult {
  /** Messages of nodes that the log here does not know as members yet: worth asking again. */
  readonly strangers: number;
}

/** Hands the table of signed originals to members who ask, and asks others for theirs. */
export class TableExchange {
  readonly #components: TableExchangeComponents;
  readonly #budget = new RateLimiter(REQUEST_RATE);

  constructor(components: TableExchangeComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    const { responder, meshId } = this.#components;
    await responder.handle(tableProtocol(meshId), async (peer, body) => this.#serve(peer, body));
  }

  async stop(): Promise<void> {
    await this.#components.responder.unhandle(tableProtocol(this.#components.meshId));
  }

  /**
   * Asks a member for its table, or for those nodes in it.
   *
   * @throws CooeeError what the member answers; ERR_API_TIMEOUT; ERR_WIRE_*
   */
  async pull(peer: string, only: readonly string[], signal: AbortSignal): Promise<PullResult> {
    const { requester, meshId, table } = this.#components;
    const known = [...table.entries()]
      .filter((entry) => only.length === 0 || only.includes(entry.peer))
      .map((entry) => ({ peer: entry.peer, boot: entry.boot, seq: entry.seq }));
    let after: string | null = null;
    let strangers = 0;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const body = encodeTableRequest({ known, only: [...only], after });
      const options = { timeoutMs: TIMEOUT_MS, signal };
      const bytes = await requester.request(peer, tableProtocol(meshId), body, options);
      const answer = decodeTableAnswer(bytes);
      strangers += await this.#take(peer, answer.originals, signal);
      after = answer.next;
      if (after === null) break;
    }
    return { strangers };
  }

  /** Checks messages one by one and hands them on; what is wrong with one spoils no other. */
  async #take(
    peer: string,
    originals: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<number> {
    const { clock } = this.#components;
    let strangers = 0;
    for (const [position, original] of originals.entries()) {
      if (position % CHECKED_AT_ONCE === CHECKED_AT_ONCE - 1) {
        await new Promise<void>((resolve) => clock.schedule(0, resolve));
        signal.throwIfAborted();
      }
      if (!this.#takeOne(peer, original)) strangers += 1;
    }
    return strangers;
  }

  /** False when its origin is not known as a member here. */
  #takeOne(peer: string, original: Uint8Array): boolean {
    const { gossip, logger, onMessage, self } = this.#components;
    try {
      const message = gossip.open(original);
      if (message.origin !== self) onMessage(message);
      return true;
    } catch (error) {
      if (isCooeeError(error, 'ERR_MEMBERSHIP_NOT_MEMBER')) return false;
      logger.debug({ err: toError(error), peer }, 'a message in a table is not valid');
      return true;
    }
  }

  #serve(peer: string, body: Uint8Array): Uint8Array {
    const { clock } = this.#components;
    if (!this.#budget.take(peer, clock.monotonicMs())) throw new CooeeError('ERR_WIRE_RATE');
    const request = decodeTableRequest(body);
    const originals: Uint8Array[] = [];
    let usedBytes = 0;
    for (const [position, original] of this.#messages(request)) {
      usedBytes += original.length;
      if (usedBytes > PAGE_BYTES_MAX && originals.length > 0) {
        return encodeTableAnswer({ originals, next: position });
      }
      originals.push(original);
    }
    return encodeTableAnswer({ originals, next: null });
  }

  /** The messages that are asked for with their places, from the place that the request names. */
  *#messages(request: TableRequest): Iterable<readonly [string, Uint8Array]> {
    const { table, self } = this.#components;
    const known = new Map(request.known.map((entry) => [entry.peer, entry]));
    const peers = [...table.entries()]
      .map((entry) => entry.peer)
      .filter((peer) => request.only.length === 0 || request.only.includes(peer))
      .sort();
    for (const peer of peers) {
      const entry = table.get(peer);
      if (entry === undefined) continue;
      const isKnown = compare(known.get(peer), entry) >= 0;
      const messages =
        peer === self
          ? this.#components.ownOriginals(isKnown ? entry : undefined)
          : [...(isKnown ? [] : entry.originals), ...(entry.beat ? [entry.beat] : [])];
      for (const [part, message] of messages.entries()) {
        const position = `${peer}/${String(part).padStart(3, '0')}`;
        if (request.after === null || position >= request.after) yield [position, message];
      }
    }
  }
}

function compare(
  known: { readonly boot: number; readonly seq: number } | undefined,
  entry: NodeEntry,
): number {
  if (known === undefined) return -1;
  return known.boot - entry.boot || known.seq - entry.seq;
}

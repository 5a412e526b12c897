import { CooeeError, type Requester, type Responder } from '../../interface/index.ts';
import { LeaderWay, type LeaderWayComponents } from '../asking/leader-way.ts';
import { decodeBatch } from '../machine/codec.ts';
import { submitProtocol, submitRequest, submitResponse } from '../protocol.ts';

/** How long the leader may take: it waits for its disk. */
const SUBMIT_TIMEOUT_MS = 10_000;

type Batches = readonly Uint8Array[];

/** What handing batches on needs. */
export interface SubmitComponents extends LeaderWayComponents {
  readonly meshId: string;
  readonly requester: Requester;
  readonly responder: Responder;
  /** Takes batches in when this node leads; `isOwn` = of this node's own outbox. */
  readonly propose: (batches: readonly Uint8Array[], isOwn: boolean) => Promise<number>;
  /** Called before batches of another member are handed on. Never rejects. */
  readonly onRelay?: (batches: readonly Uint8Array[], from: string) => Promise<void>;
}

/** Brings batches to the leader: one's own, and those of members that cannot reach it. */
export class Submit {
  readonly #components: SubmitComponents;
  readonly #way: LeaderWay;

  constructor(components: SubmitComponents) {
    this.#components = components;
    this.#way = new LeaderWay(components);
  }

  /** Answers other members. */
  async start(): Promise<void> {
    const { responder, meshId } = this.#components;
    await responder.handle(submitProtocol(meshId), async (peer, body) => {
      const { hops, batches } = submitRequest.decode(body);
      return submitResponse.encode(await this.#deliver(batches, hops, peer));
    });
  }

  /**
   * Brings batches of this node to the leader, in their order; resolves with an index at which the
   * outcome of the first is known, and of those behind it that the leader took.
   *
   * @throws CooeeError what the leader refused it with, ERR_SLURP_NO_LEADER when it is out of
   * reach, ERR_WIRE_STREAM
   */
  async deliver(batches: readonly Uint8Array[]): Promise<number> {
    return await this.#deliver(batches, 0, undefined);
  }

  async #deliver(batches: Batches, hops: number, from: string | undefined): Promise<number> {
    const { propose, onRelay } = this.#components;
    return await this.#way.bring({
      ...{ hops, from },
      // What is no batch is not handed on.
      origins: () => new Set(batches.map((batch) => decodeBatch(batch).value.origin)),
      here: () => propose(batches, from === undefined),
      onRelay: async (peer) => await onRelay?.(batches, peer),
      send: (peer, next) => this.#send(peer, next, batches),
    });
  }

  async #send(peer: string, hops: number, batches: Batches): Promise<number> {
    const { requester, meshId } = this.#components;
    const answer = await requester.request(
      peer,
      submitProtocol(meshId),
      submitRequest.encode(hops, batches),
      { timeoutMs: SUBMIT_TIMEOUT_MS },
    );
    try {
      return submitResponse.decode(answer).index;
    } catch (cause) {
      // It says nothing about the batch, which may well be in the log.
      throw new CooeeError('ERR_WIRE_STREAM', 'the answer cannot be read', { cause });
    }
  }
}

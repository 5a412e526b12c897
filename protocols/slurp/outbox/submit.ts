import { CooeeError, type Requester, type Responder } from '../../interface/index.ts';
import { decodeBatch } from '../machine/codec.ts';
import { HOPS_MAX, submitProtocol, submitRequest, submitResponse } from '../protocol.ts';

/** How long the leader may take: it waits for its disk. */
const SUBMIT_TIMEOUT_MS = 10_000;

/**
 * Other members that the origin asks to hand its batch on; each of them asks one more at the most.
 */
const DETOURS_MAX = 3;

type Batches = readonly Uint8Array[];

/** What handing batches on needs. */
export interface SubmitComponents {
  readonly meshId: string;
  readonly self: string;
  readonly requester: Requester;
  readonly responder: Responder;
  /** The present leader's peer id, when the log names one. */
  readonly leader: () => string | undefined;
  /** Members that are connected, in the order in which they may be asked to hand a batch on. */
  readonly connected: () => readonly string[];
  /** Voters that are connected: one of them knows who leads. */
  readonly voters: () => readonly string[];
  /** Whether this node leads. */
  readonly isLeader: () => boolean;
  /** Takes batches in when this node leads; `isOwn` = of this node's own outbox. */
  readonly propose: (batches: readonly Uint8Array[], isOwn: boolean) => Promise<number>;
  /** Called before batches of another member are handed on. Never rejects. */
  readonly onRelay?: (batches: readonly Uint8Array[], from: string) => Promise<void>;
}

/** Brings batches to the leader: one's own, and those of members that cannot reach it. */
export class Submit {
  readonly #components: SubmitComponents;

  constructor(components: SubmitComponents) {
    this.#components = components;
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
    const { propose, isLeader, leader, connected, self } = this.#components;
    if (isLeader()) return await propose(batches, from === undefined);
    const target = leader();
    if (target === self || (target !== undefined && target === from) || hops >= HOPS_MAX) {
      throw new CooeeError('ERR_SLURP_NO_LEADER');
    }
    if (from !== undefined) await this.#components.onRelay?.(batches, from);
    if (target === undefined) return await this.#askVoter(batches, hops, from);
    const reachable = connected();
    const via = reachable.includes(target)
      ? [target]
      : this.#detours(reachable, { batches, hops, from });
    let last: unknown;
    for (const peer of via) {
      try {
        return await this.#send(peer, hops + 1, batches);
      } catch (error) {
        if (peer === target) throw error;
        last = error;
      }
    }
    // Only the leader's own word is a refusal, and only over a connection that proves it is the
    // leader's: one relay could otherwise make its neighbours drop what they have accepted.
    const message = 'the leader is out of reach';
    throw new CooeeError('ERR_SLURP_NO_LEADER', message, {
      cause: last,
      details: last instanceof CooeeError ? { relay: last.code } : {},
    });
  }

  /** Nobody is known to lead: a voter knows sooner. */
  async #askVoter(batches: Batches, hops: number, from: string | undefined): Promise<number> {
    const voter = this.#components.voters().find((peer) => peer !== from);
    if (voter === undefined) throw new CooeeError('ERR_SLURP_NO_LEADER');
    return await this.#send(voter, hops + 1, batches).catch((cause: unknown) => {
      // Not the leader's own word: nothing is final about it.
      throw new CooeeError('ERR_SLURP_NO_LEADER', 'no leader is known', { cause });
    });
  }

  /**
   * A member that relays asks one other, and neither whom it has the batch from nor who made it.
   */
  #detours(
    reachable: readonly string[],
    way: { readonly batches: Batches; readonly hops: number; readonly from: string | undefined },
  ): readonly string[] {
    if (way.hops === 0) return reachable.slice(0, DETOURS_MAX);
    // What is no batch is not handed on.
    const origins = new Set(way.batches.map((batch) => decodeBatch(batch).value.origin));
    return reachable.filter((peer) => peer !== way.from && !origins.has(peer)).slice(0, 1);
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

import { CooeeError, isCooeeError, type Requester, type Responder } from '../../interface/index.ts';
import {
  indexAnswer,
  readProtocol,
  readRequest,
  transferProtocol,
  transferRequest,
  vacateProtocol,
  vacateRequest,
} from './messages.ts';

/** A voter confirms its leadership within a heartbeat or gives up within five seconds. */
const ASK_TIMEOUT_MS = 6_000;

/** What {@link LeaderAsks} works with. */
export interface LeaderAsksComponents {
  readonly meshId: string;
  readonly self: string;
  readonly requester: Requester;
  readonly responder: Responder;
  /** Whether this node leads. */
  readonly isLeader: () => boolean;
  /** The leader's peer id, as far as it is known here. */
  readonly leader: () => string | undefined;
  /** Voters that are connected. */
  readonly voters: () => readonly string[];
  /** Whether a member may move leadership. */
  readonly isAdmin: (peer: string) => boolean;
  /** On the leader: see {@link Consensus.readIndex}. */
  readonly readIndex: () => Promise<number>;
  /** On the leader: see {@link Consensus.transfer}. */
  readonly transfer: (to?: string) => Promise<void>;
  /** On the leader: see {@link Consensus.vacate}. */
  readonly vacate: (peer: string) => void;
}

/**
 * What only the leader can answer, asked from anywhere: a read index, to hand over, to give a seat
 * to another.
 */
export class LeaderAsks {
  readonly #components: LeaderAsksComponents;

  constructor(components: LeaderAsksComponents) {
    this.#components = components;
  }

  /** Answers other members. */
  async start(): Promise<void> {
    const { responder, meshId, readIndex } = this.#components;
    await responder.handle(readProtocol(meshId), async (_peer, body) => {
      readRequest.decode(body);
      return indexAnswer.encode(await readIndex());
    });
    await responder.handle(transferProtocol(meshId), async (peer, body) => {
      const { to } = transferRequest.decode(body);
      await this.#handOver(peer, to);
      return indexAnswer.encode(0);
    });
    await responder.handle(vacateProtocol(meshId), async (peer, body) => {
      this.#vacate(peer, vacateRequest.decode(body).peer);
      return indexAnswer.encode(0);
    });
  }

  /**
   * An index that a read which begins now must have applied here to see all that was committed
   * anywhere before it began.
   *
   * @throws CooeeError ERR_SLURP_NO_LEADER: no leader that a majority confirms can be reached
   */
  async readIndex(): Promise<number> {
    const { isLeader, readIndex, meshId } = this.#components;
    if (isLeader()) return await readIndex();
    const answer = await this.#askLeader(readProtocol(meshId), readRequest.encode());
    return indexAnswer.decode(answer).index;
  }

  /**
   * Has the leader hand over, to the voter that is furthest when none is named; resolves when it
   * leads no more, at once when the one that is named leads already.
   *
   * @throws CooeeError ERR_SLURP_NO_LEADER, ERR_MEMBERSHIP_FORBIDDEN
   */
  async transfer(to?: string): Promise<void> {
    const { isLeader, self, meshId } = this.#components;
    if (isLeader()) await this.#handOver(self, to);
    else await this.#askLeader(transferProtocol(meshId), transferRequest.encode(to));
  }

  /**
   * Tells the leader that a member is about to leave, so that its seat goes to another; to be said
   * again every few seconds until that is done.
   *
   * @throws CooeeError ERR_SLURP_NO_LEADER, ERR_MEMBERSHIP_FORBIDDEN
   */
  async vacate(peer: string): Promise<void> {
    const { isLeader, self, meshId } = this.#components;
    if (isLeader()) this.#vacate(self, peer);
    else await this.#askLeader(vacateProtocol(meshId), vacateRequest.encode(peer));
  }

  #vacate(from: string, peer: string): void {
    const { isLeader, isAdmin, vacate } = this.#components;
    // First: only the leader knows for sure who is an admin by now, and its no is final.
    if (!isLeader()) throw new CooeeError('ERR_SLURP_NO_LEADER', 'this node does not lead');
    if (from !== peer && !isAdmin(from)) throw new CooeeError('ERR_MEMBERSHIP_FORBIDDEN');
    vacate(peer);
  }

  async #handOver(from: string, to: string | undefined): Promise<void> {
    const { isLeader, isAdmin, self, transfer } = this.#components;
    if (!isLeader()) throw new CooeeError('ERR_SLURP_NO_LEADER', 'this node does not lead');
    if (!isAdmin(from)) throw new CooeeError('ERR_MEMBERSHIP_FORBIDDEN');
    if (to !== self) await transfer(to);
  }

  /** The one that leads by what is known here, else every voter: one of them leads. */
  async #askLeader(protocol: string, request: Uint8Array): Promise<Uint8Array> {
    const { requester, leader, voters, self } = this.#components;
    const known = leader();
    const peers = new Set([...(known === undefined ? [] : [known]), ...voters()]);
    peers.delete(self);
    let last: unknown;
    for (const peer of peers) {
      try {
        return await requester.request(peer, protocol, request, { timeoutMs: ASK_TIMEOUT_MS });
      } catch (error) {
        if (isCooeeError(error, 'ERR_MEMBERSHIP_FORBIDDEN')) throw error;
        last = error;
      }
    }
    throw new CooeeError('ERR_SLURP_NO_LEADER', 'no leader could be asked', { cause: last });
  }
}

import {
  CooeeError,
  type Crypto,
  type Requester,
  type Responder,
  type Signer,
  type StateReader,
} from '../../interface/index.ts';
import { isSignedBy } from '../../wire/index.ts';
import { LeaderWay, type LeaderWayComponents } from '../asking/leader-way.ts';
import type { Command } from '../machine/codec.ts';
import type { BlockHolding } from './block-holding.ts';
import {
  type BlockClaim,
  decodeClaim,
  encodeClaim,
  holdResponse,
  secureProtocol,
  secureRequest,
} from './protocol.ts';

/** Each node on the way may fetch the blocks, and then have voters fetch them. */
const SECURE_TIMEOUT_MS = 30_000;

/** What {@link BlockClaims} works with. */
export interface BlockClaimsComponents extends LeaderWayComponents {
  readonly meshId: string;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly state: StateReader;
  readonly holding: Pick<BlockHolding, 'secure' | 'relayClaim'>;
  readonly requester: Requester;
  readonly responder: Responder;
}

/**
 * Has the leader see to it that a majority holds the blocks of a command, before the command has a
 * number: what has one and cannot go on would keep back all that is behind it.
 */
export class BlockClaims {
  readonly #components: BlockClaimsComponents;
  readonly #way: LeaderWay;

  constructor(components: BlockClaimsComponents) {
    this.#components = components;
    this.#way = new LeaderWay(components);
  }

  /** Answers other members. */
  async start(): Promise<void> {
    const { responder, meshId } = this.#components;
    await responder.handle(secureProtocol(meshId), async (peer, body) => {
      const { hops, claim } = secureRequest.decode(body);
      await this.#bring(claim, { ...this.#checked(claim), hops, from: peer });
      return holdResponse.encode();
    });
  }

  /**
   * Resolves when a majority holds the blocks of a command of this node.
   *
   * @throws CooeeError what the leader refused it with (ERR_SUBMISSION_BLOCK_MISSING,
   * ERR_SUBMISSION_BLOCKS_FULL, ERR_API_BUSY, ERR_SLURP_COMMAND), ERR_SLURP_NO_LEADER, ERR_WIRE_*
   */
  async hold(command: Command): Promise<void> {
    const { signer, meshId } = this.#components;
    const claim = encodeClaim(signer, meshId, command);
    const origin = signer.peer;
    await this.#bring(claim, { v: 1, mesh: meshId, origin, command, hops: 0, from: undefined });
  }

  async #bring(
    bytes: Uint8Array,
    claim: BlockClaim & { readonly hops: number; readonly from: string | undefined },
  ): Promise<void> {
    const { holding } = this.#components;
    const { origin, command, hops, from } = claim;
    await this.#way.bring({
      ...{ hops, from },
      origins: () => new Set([origin]),
      here: () => holding.secure(origin, command),
      onRelay: (peer) => holding.relayClaim(claim, peer),
      send: (peer, next) => this.#send(peer, next, bytes),
    });
  }

  /** @throws CooeeError ERR_MEMBERSHIP_NOT_MEMBER, ERR_SLURP_SIGNATURE, ERR_SLURP_*, ERR_WIRE_* */
  #checked(bytes: Uint8Array): BlockClaim {
    const { state, crypto, meshId } = this.#components;
    const signed = decodeClaim(bytes);
    const { origin, mesh } = signed.value;
    // Names cost nothing: each of them would have a share of this disk.
    const member = state.get('member', origin);
    if (member === undefined || member.removedIndex !== null) {
      throw new CooeeError('ERR_MEMBERSHIP_NOT_MEMBER');
    }
    if (mesh === meshId && isSignedBy(crypto.verify, 'blocks', origin, signed)) return signed.value;
    throw new CooeeError('ERR_SLURP_SIGNATURE');
  }

  async #send(peer: string, hops: number, claim: Uint8Array): Promise<void> {
    const { requester, meshId } = this.#components;
    const body = secureRequest.encode(hops, claim);
    const timeoutMs = SECURE_TIMEOUT_MS;
    holdResponse.decode(await requester.request(peer, secureProtocol(meshId), body, { timeoutMs }));
  }
}

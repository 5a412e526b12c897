import {
  type BlockRecord,
  type Clock,
  CooeeError,
  type Crypto,
  isCooeeError,
  type Logger,
  type Requester,
  type Responder,
  type StateReader,
  toError,
} from '../../interface/index.ts';
import { cidOf, encodeCanonical } from '../../wire/index.ts';
import {
  type Batch,
  batchSignedHere,
  type Command,
  decodeBatch,
  isBatchSigned,
} from '../machine/codec.ts';
import { assertBlock, blocksOfCommand } from '../machine/kinds.ts';
import type { ContentBlocks } from './content-blocks.ts';
import {
  type BlockClaim,
  type HoldOrder,
  holdProtocol,
  holdRequest,
  holdResponse,
} from './protocol.ts';

const HOLD_TIMEOUT_MS = 10_000;
/** Orders that are carried out at the same time, as a leader and as a voter. */
const AT_ONCE = 8;
/** Of them, of one origin: blocks that nobody has keep a place for many seconds. */
const AT_ONCE_PER_ORIGIN = 2;
/** Commands of which it is remembered that a majority holds their blocks. */
const HELD_MAX = 4_096;
/** For so long: a voter drops after a day what did not come into the log. */
const HELD_MS = 10 * 60 * 1000;

/** What {@link BlockHolding} works with. */
export interface BlockHoldingComponents {
  readonly meshId: string;
  readonly self: string;
  readonly contents: ContentBlocks;
  readonly state: StateReader;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly requester: Requester;
  readonly responder: Responder;
  /** The present leader's peer id. */
  readonly leader: () => string | undefined;
  /** Who votes at present. */
  readonly voters: () => readonly string[];
}

/**
 * What refers to blocks is proposed only once a majority of the voters holds them, on their disks:
 * a leader fetches them itself, then has the other voters do so. Small submissions have none.
 */
export class BlockHolding {
  readonly #components: BlockHoldingComponents;
  /**
   * Body of a command, by its CID -> the voters of whom a majority holds the blocks that it speaks
   * of, and since when. Not by block: of a block that is held another command may say what is not
   * true.
   */
  readonly #held = new Map<string, { readonly voters: string; readonly sinceMs: number }>();
  readonly #underWay = new Map<string, Promise<void>>();
  /** Origins of the orders that are being carried out. */
  readonly #orders: string[] = [];

  constructor(components: BlockHoldingComponents) {
    this.#components = components;
  }

  /** Answers the leader. */
  async start(): Promise<void> {
    const { responder, meshId } = this.#components;
    await responder.handle(holdProtocol(meshId), async (peer, body) => {
      const { leader } = this.#components;
      // Only who leads may have this node fill its disk.
      if (leader() !== peer) throw new CooeeError('ERR_SLURP_NO_LEADER');
      const order = holdRequest.decode(body);
      await this.#inTurn(order.origin, () => this.#hold(order, [peer]));
      return holdResponse.encode();
    });
  }

  /**
   * To be called before a batch is proposed; cheap for one without blocks.
   *
   * @throws CooeeError ERR_SUBMISSION_BLOCK_MISSING while it is not known that a majority holds its
   * blocks: {@link propose} sees to that
   */
  assertHeld(batch: Batch): void {
    for (const command of batch.commands) {
      if (blocksOfCommand(command).length === 0) continue;
      if (!this.#isHeld(this.#keyOf(command))) {
        throw new CooeeError('ERR_SUBMISSION_BLOCK_MISSING');
      }
    }
  }

  /**
   * Proposes batches of one origin; those that refer to blocks once a majority holds them.
   *
   * @param propose checks each batch with {@link assertHeld}
   * @throws CooeeError as `propose`; ERR_SUBMISSION_BLOCK_MISSING while too few can hold the blocks
   * of the first; ERR_API_BUSY while too many others are looked for, of its origin or of all
   */
  async propose(batches: readonly Uint8Array[], propose: () => Promise<number>): Promise<number> {
    try {
      return await propose();
    } catch (error) {
      if (!isCooeeError(error, 'ERR_SUBMISSION_BLOCK_MISSING')) throw error;
      // What is wrong with a later one is said when it is the first.
      const [first] = await Promise.allSettled(batches.map((bytes) => this.#secure(bytes)));
      if (first?.status === 'rejected') throw first.reason;
      return await propose();
    }
  }

  /**
   * Sees to it that a majority holds the blocks of a command that is going to be handed in.
   *
   * @throws CooeeError ERR_SUBMISSION_BLOCK_MISSING, ERR_SUBMISSION_BLOCKS_FULL, ERR_API_BUSY,
   * ERR_SLURP_COMMAND when a block is not what the command says
   */
  async secure(origin: string, command: Command): Promise<void> {
    const blocks = blocksOfCommand(command);
    const key = this.#keyOf(command);
    if (blocks.length === 0 || this.#isHeld(key)) return;
    const underWay =
      this.#underWay.get(key) ??
      this.#inTurn(origin, async () => {
        const order = { origin, blocks: [...blocks] };
        await this.#hold(order, []);
        await this.#assertSound(command, blocks);
        await this.#haveHeld(key, order);
      }).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, underWay);
    await underWay;
  }

  /** Fetches the blocks of what is handed on, since the leader may not reach who made it. */
  async relay(batches: readonly Uint8Array[], from: string): Promise<void> {
    await Promise.all(
      batches.map(async (bytes) => {
        await this.#relayed(from, async () => this.#signed(bytes));
      }),
    );
  }

  /** As {@link relay}, for a command of a member that is going to hand it in. */
  async relayClaim({ origin, command }: BlockClaim, from: string): Promise<void> {
    await this.#relayed(from, async () => ({ origin, commands: [command] }));
  }

  /** Never rejects. */
  async #relayed(
    from: string,
    read: () => Promise<{ readonly origin: string; readonly commands: readonly Command[] }>,
  ): Promise<void> {
    try {
      const { origin, commands } = await read();
      const blocks = commands.flatMap((command) => blocksOfCommand(command));
      if (blocks.length > 0) await this.#hold({ origin, blocks }, [from]);
    } catch (error) {
      const { logger } = this.#components;
      logger.debug({ err: toError(error), from }, 'blocks of what is handed on are not here');
    }
  }

  #keyOf({ body }: Command): string {
    return cidOf(this.#components.crypto.sha256, encodeCanonical(body));
  }

  #isHeld(key: string): boolean {
    const held = this.#held.get(key);
    if (held === undefined || held.voters !== this.#votersNow()) return false;
    return this.#components.clock.monotonicMs() - held.sinceMs < HELD_MS;
  }

  #votersNow(): string {
    return this.#components.voters().join(' ');
  }

  async #secure(bytes: Uint8Array): Promise<void> {
    const batch = this.#signed(bytes);
    for (const command of batch.commands) await this.secure(batch.origin, command);
  }

  async #hold({ origin, blocks }: HoldOrder, sources: readonly string[]): Promise<void> {
    await this.#components.contents.fetch(origin, blocks, sources);
  }

  /** What a block holds must be what its command says. @throws CooeeError ERR_SLURP_COMMAND */
  async #assertSound(command: Command, blocks: readonly BlockRecord[]) {
    for (const block of blocks) {
      try {
        const bytes = await this.#components.contents.held(block);
        if (bytes === undefined) throw new CooeeError('ERR_SUBMISSION_BLOCK_MISSING');
        assertBlock(command, block.cid, bytes);
      } catch (cause) {
        if (!isCooeeError(cause) || cause.retryable) throw cause;
        throw new CooeeError('ERR_SLURP_COMMAND', cause.message, { cause });
      }
    }
  }

  /** Resolves when a majority of the voters, this node among them, holds the blocks. */
  async #haveHeld(key: string, order: HoldOrder): Promise<void> {
    const { voters, self, clock } = this.#components;
    const held = { voters: this.#votersNow(), sinceMs: clock.monotonicMs() };
    const others = voters().filter((peer) => peer !== self);
    const needed = Math.floor(voters().length / 2) + 1 - (voters().includes(self) ? 1 : 0);
    await majority(
      others.map((peer) => ({ peer, task: this.#ask(peer, order) })),
      needed,
    );
    this.#held.delete(key);
    this.#held.set(key, held);
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= HELD_MAX) break;
      this.#held.delete(oldest);
    }
  }

  async #ask(peer: string, order: HoldOrder): Promise<void> {
    const { requester, meshId, logger } = this.#components;
    try {
      const body = holdRequest.encode(order);
      const timeoutMs = HOLD_TIMEOUT_MS;
      holdResponse.decode(await requester.request(peer, holdProtocol(meshId), body, { timeoutMs }));
    } catch (error) {
      logger.debug({ err: toError(error), peer }, 'a voter does not hold blocks');
      throw error;
    }
  }

  /** @throws CooeeError ERR_MEMBERSHIP_NOT_MEMBER, ERR_SLURP_SIGNATURE, ERR_WIRE_* */
  #signed(bytes: Uint8Array): Batch {
    const own = batchSignedHere(bytes);
    if (own !== undefined) return own;
    const signed = decodeBatch(bytes);
    // Names cost nothing: each of them would have a share of this disk.
    const member = this.#components.state.get('member', signed.value.origin);
    if (member === undefined || member.removedIndex !== null) {
      throw new CooeeError('ERR_MEMBERSHIP_NOT_MEMBER');
    }
    if (isBatchSigned(this.#components.crypto, signed)) return signed.value;
    throw new CooeeError('ERR_SLURP_SIGNATURE');
  }

  /** @throws CooeeError ERR_API_BUSY, and as the task */
  async #inTurn<T>(origin: string, task: () => Promise<T>): Promise<T> {
    const ofOrigin = this.#orders.filter((it) => it === origin).length;
    if (this.#orders.length >= AT_ONCE || ofOrigin >= AT_ONCE_PER_ORIGIN) {
      throw new CooeeError('ERR_API_BUSY', 'too many blocks at once');
    }
    this.#orders.push(origin);
    try {
      return await task();
    } finally {
      this.#orders.splice(this.#orders.indexOf(origin), 1);
    }
  }
}

/** Resolves when so many have, rejects when too many have failed. */
async function majority(
  all: readonly { readonly peer: string; readonly task: Promise<void> }[],
  needed: number,
): Promise<void> {
  const failed: string[] = [];
  let done = 0;
  await new Promise<void>((resolve, reject) => {
    const look = (cause?: unknown): void => {
      if (done >= needed) resolve();
      else if (all.length - failed.length < needed) {
        const message = 'too few voters hold the blocks of the submission';
        const details = { voters: failed.join(' ') };
        reject(new CooeeError('ERR_SUBMISSION_BLOCK_MISSING', message, { cause, details }));
      }
    };
    look();
    for (const { peer, task } of all) {
      task.then(
        () => {
          done++;
          look();
        },
        (cause: unknown) => {
          failed.push(peer);
          look(cause);
        },
      );
    }
  });
}

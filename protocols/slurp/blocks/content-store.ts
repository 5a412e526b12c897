import { z } from 'zod';
import {
  type BlockRecord,
  type Clock,
  CooeeError,
  type Crypto,
  type KeyValueStore,
  LIMITS,
  type Logger,
  type StateReader,
  type StoreWrite,
  type Timer,
  toError,
} from '../../interface/index.ts';
import { cidOf, decodeAs, encodeCanonical, peerIdText, timeMs } from '../../wire/index.ts';
import type { BlockShelf, FetchedBlock } from '../snapshot/fetching/block-fetcher.ts';

/** How often blocks that nothing refers to are looked through. */
const SWEEP_MS = 10 * 60 * 1000;
/** A younger one has most of its day before it. */
const RENEW_MS = 60 * 60 * 1000;
const INFO_BYTES_MAX = 256;
/** Charged for each block on top of its length. */
const BLOCK_OVERHEAD_BYTES = 4_096;
/** Keys of the namespace `contentinfo`: blocks that a submission refers to, and all others. */
const HELD = 'held/';
/** Keys of what submissions refer to. */
export const HELD_RANGE = { gt: HELD, lt: 'held0' } as const;
const LOOSE = 'loose/';
/** Behind all keys of {@link LOOSE}. */
const LOOSE_END = 'loose0';

const looseSchema = z.strictObject({
  v: z.literal(1),
  /** The member whose submission is to refer to it. */
  by: peerIdText,
  bytes: z.number().int().min(1),
  sinceMs: timeMs,
});

/** A block that no submission refers to yet. */
type LooseBlock = Omit<z.output<typeof looseSchema>, 'v'>;

/** What {@link ContentStore} works with. */
export interface ContentStoreComponents {
  readonly store: KeyValueStore;
  readonly state: StateReader;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Blocks that what waits in this node's outbox refers to. */
  readonly isWaiting: (cid: string) => boolean;
  /** A block was here and is damaged: it is here no longer. */
  readonly onDamaged?: (cid: string) => void;
}

/**
 * Blocks of submissions on this node's disk: large contents and patches, by their id. One that no
 * submission refers to counts against its member's share, and is dropped after a day.
 */
export class ContentStore {
  readonly #components: ContentStoreComponents;
  readonly #loose = new Map<string, LooseBlock>();
  /** What loose blocks are charged, by member, and in all. */
  readonly #charged = new Map<string, number>();
  #chargedOfAll = 0;
  /** Writes under way, by block. */
  readonly #writing = new Map<string, Promise<void>>();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(components: ContentStoreComponents) {
    this.#components = components;
  }

  /** Loads what is known of blocks that nothing refers to. @throws CooeeError ERR_STORAGE_* */
  async open(): Promise<void> {
    const range = { gt: LOOSE, lt: LOOSE_END };
    for await (const [key, bytes] of this.#components.store.entries('contentinfo', range)) {
      const { v: _v, ...loose } = decodeAs(looseSchema, bytes, INFO_BYTES_MAX);
      this.#add(key.slice(LOOSE.length), loose);
    }
    // Not at once: the outbox is not loaded yet, nor the end of the log applied, and either may
    // refer to what is here.
    this.#schedule();
  }

  /** Drops nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Blocks here that no submission refers to, and what they are charged. */
  get loose(): { readonly count: number; readonly bytes: number } {
    return { count: this.#loose.size, bytes: this.#chargedOfAll };
  }

  /** Whether the block is here, on the disk. */
  has(cid: string): boolean {
    if (this.#writing.has(cid)) return false;
    return this.#loose.has(cid) || this.#isHeld(cid);
  }

  /** The block; undefined when it is not here, or damaged, in which case it is forgotten. */
  async get(cid: string): Promise<Uint8Array | undefined> {
    const { store, crypto, logger } = this.#components;
    const bytes = await store.get('content', cid);
    if (bytes !== undefined && cidOf(crypto.sha256, bytes) === cid) return bytes;
    if (!this.has(cid)) return undefined;
    logger.error({ cid }, 'a block of a submission is damaged; it is taken from others');
    this.#remove(cid);
    await this.#write([
      { namespace: 'content', key: cid },
      { namespace: 'contentinfo', key: HELD + cid },
      { namespace: 'contentinfo', key: LOOSE + cid },
    ]);
    this.#components.onDamaged?.(cid);
    return undefined;
  }

  /**
   * Keeps blocks; they are on the disk when it resolves.
   *
   * @param by the member whose submission refers to them
   * @throws CooeeError ERR_SUBMISSION_BLOCKS_FULL, ERR_STORAGE_*
   */
  async keep(by: string | undefined, blocks: readonly FetchedBlock[]): Promise<void> {
    for (const { cid, bytes } of blocks) {
      await this.#writing.get(cid);
      if (this.has(cid)) {
        await this.renew(cid);
        continue;
      }
      const writing = this.#keepOne(by, cid, bytes);
      this.#writing.set(
        cid,
        writing.catch(() => undefined),
      );
      try {
        await writing;
      } finally {
        this.#writing.delete(cid);
      }
    }
  }

  /**
   * A block that is here is wanted again: one that nothing refers to stays for another day, or it
   * would be dropped just before the log refers to it.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async renew(cid: string): Promise<void> {
    const loose = this.#loose.get(cid);
    const nowMs = this.#components.clock.nowMs();
    if (loose === undefined || nowMs - loose.sinceMs < RENEW_MS) return;
    const renewed = { ...loose, sinceMs: nowMs };
    this.#loose.set(cid, renewed);
    const value = encodeCanonical({ v: 1, ...renewed });
    await this.#write([{ namespace: 'contentinfo', key: LOOSE + cid, value }]);
  }

  /**
   * As what the fetcher keeps blocks in, for those of one member; of none, only those that the log
   * refers to are kept.
   */
  shelfFor(by: string | undefined): BlockShelf {
    return {
      has: async (cid) => this.has(cid) && (await this.get(cid)) !== undefined,
      keep: (blocks) => this.keep(by, blocks),
    };
  }

  /** The writes by which blocks are noted as referred to, and which of them are not here. */
  refer(blocks: readonly BlockRecord[]): {
    readonly writes: readonly StoreWrite[];
    readonly missing: readonly BlockRecord[];
  } {
    const writes: StoreWrite[] = [];
    const missing: BlockRecord[] = [];
    for (const block of blocks) {
      const { cid } = block;
      // A write under way notes it itself, or is found by the sweep.
      if (this.#remove(cid)) writes.push(...heldWrites(cid));
      else if (!this.#isHeld(cid)) missing.push(block);
    }
    return { writes, missing };
  }

  /** Drops what nothing refers to for too long. */
  async sweep(): Promise<void> {
    const { clock, state, isWaiting } = this.#components;
    const writes: StoreWrite[] = [];
    for (const [cid, { sinceMs }] of this.#loose) {
      if (state.get('attached', cid) !== undefined) {
        this.#remove(cid);
        writes.push(...heldWrites(cid));
      } else if (clock.nowMs() - sinceMs >= LIMITS.submissionLooseMs && !isWaiting(cid)) {
        this.#remove(cid);
        writes.push({ namespace: 'content', key: cid });
        writes.push({ namespace: 'contentinfo', key: LOOSE + cid });
      }
    }
    await this.#write(writes);
  }

  #schedule(): void {
    if (this.#isStopped) return;
    const { clock, logger } = this.#components;
    this.#timer = clock.schedule(SWEEP_MS, () => {
      void this.sweep()
        .catch((error: unknown) => {
          logger.warn({ err: toError(error) }, 'blocks that nothing refers to stay for now');
        })
        .then(() => this.#schedule());
    });
  }

  async #keepOne(by: string | undefined, cid: string, bytes: Uint8Array): Promise<void> {
    const { state, clock } = this.#components;
    const content: StoreWrite = { namespace: 'content', key: cid, value: bytes };
    if (state.get('attached', cid) !== undefined) {
      await this.#write([content, ...heldWrites(cid)]);
      return;
    }
    if (by === undefined) throw new CooeeError('ERR_SUBMISSION_BLOCK_MISSING');
    const loose = { by, bytes: bytes.length, sinceMs: clock.nowMs() };
    this.#reserve(loose);
    this.#add(cid, loose);
    const value = encodeCanonical({ v: 1, ...loose });
    try {
      await this.#write([content, { namespace: 'contentinfo', key: LOOSE + cid, value }]);
    } catch (error) {
      this.#remove(cid);
      throw error;
    }
  }

  /** @throws CooeeError ERR_SUBMISSION_BLOCKS_FULL */
  #reserve({ by, bytes }: LooseBlock): void {
    const { submissionLooseBytesMax, submissionLooseBytesOfAllMax } = LIMITS;
    const ofMember = (this.#charged.get(by) ?? 0) + chargeOf(bytes);
    const ofAll = this.#chargedOfAll + chargeOf(bytes);
    if (ofMember <= submissionLooseBytesMax && ofAll <= submissionLooseBytesOfAllMax) return;
    const details = { peer: by, bytes: ofMember, bytesMax: submissionLooseBytesMax };
    throw new CooeeError('ERR_SUBMISSION_BLOCKS_FULL', undefined, { details });
  }

  #add(cid: string, loose: LooseBlock): void {
    this.#remove(cid);
    this.#loose.set(cid, loose);
    this.#charge(loose.by, chargeOf(loose.bytes));
  }

  #remove(cid: string): boolean {
    const loose = this.#loose.get(cid);
    if (loose === undefined) return false;
    this.#loose.delete(cid);
    this.#charge(loose.by, -chargeOf(loose.bytes));
    return true;
  }

  #charge(by: string, bytes: number): void {
    this.#chargedOfAll += bytes;
    const charged = (this.#charged.get(by) ?? 0) + bytes;
    if (charged === 0) this.#charged.delete(by);
    else this.#charged.set(by, charged);
  }

  #isHeld(cid: string): boolean {
    return this.#components.store.getSync('contentinfo', HELD + cid) !== undefined;
  }

  /**
   * On the disk when it resolves. A failed store acknowledges nothing until it was opened again.
   */
  async #write(writes: readonly StoreWrite[]): Promise<void> {
    const { store } = this.#components;
    if (store.status === 'failed') await store.open();
    await store.batch(writes, { sync: true });
  }
}

/** Small blocks take room as well. */
function chargeOf(bytes: number): number {
  return bytes + BLOCK_OVERHEAD_BYTES;
}

function heldWrites(cid: string): StoreWrite[] {
  return [
    { namespace: 'contentinfo', key: LOOSE + cid },
    { namespace: 'contentinfo', key: HELD + cid, value: encodeCanonical({ v: 1 }) },
  ];
}

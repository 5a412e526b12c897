import {
  type Clock,
  CooeeError,
  type Crypto,
  delay,
  isCooeeError,
  type LogStore,
  toError,
} from '../../interface/index.ts';
import {
  appendLeaf,
  assertFrontier,
  EMPTY_FRONTIER,
  equalBytes,
  leafHash,
  type MerkleFrontier,
  merkleRoot,
} from '../../wire/index.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import { TILE_ENTRIES } from '../log/tiles.ts';
import { decodeBatch, decodeEntry, isBatchSigned } from '../machine/codec.ts';
import type { AuditTree } from './audit-tree.ts';

/** Entries of one step: about half a second of checking signatures. */
const STEP_ENTRIES_MAX = 4_096;
/** Entries between two turns of the loop: about 5 ms. */
const SLICE_ENTRIES = 32;
const READ_BYTES_MAX = 256 * 1024;

/** What {@link LogVerifier} works with. */
export interface LogVerifierComponents {
  readonly meshId: string;
  /** The log on the disk itself, not what is remembered of it. */
  readonly log: Pick<LogStore, 'firstIndex' | 'read'>;
  readonly trust: Pick<TrustBook, 'highest' | 'verify'>;
  readonly tree: Pick<AuditTree, 'frontier'>;
  readonly crypto: Crypto;
  readonly clock: Clock;
}

/** What was found wrong, and where. */
export interface LogProblem {
  readonly index: number;
  readonly code: string;
  readonly text: string;
}

/** How far a verification has come: what the next step goes on from. */
export interface VerifiedLog {
  /** The first entry that was looked at. */
  readonly from: number;
  /** The log up to here is verified. */
  readonly frontier: MerkleFrontier;
  /** Set when the whole log is verified: the head that it ends at. */
  readonly head?: { readonly index: number; readonly signatureCount: number };
  readonly problem?: LogProblem;
}

/**
 * Verifies the log that this node keeps, from the disk: that every entry is in its place and its
 * batch signed by its origin, and that all of them together have the root of the highest signed
 * head. In steps, so that a long log holds up nobody.
 */
export class LogVerifier {
  readonly #components: LogVerifierComponents;

  constructor(components: LogVerifierComponents) {
    this.#components = components;
  }

  /**
   * Where a verification begins: the first entry that is kept. What a snapshot stands for comes in
   * by the inner nodes of the tree, which the head proves too.
   *
   * @throws CooeeError ERR_STORAGE_COMPACTED when those are missing, ERR_STORAGE_*
   */
  async begin(): Promise<VerifiedLog> {
    const { firstIndex } = this.#components.log;
    if (firstIndex === 1) return { from: 1, frontier: EMPTY_FRONTIER };
    const size = Math.ceil((firstIndex - 1) / TILE_ENTRIES) * TILE_ENTRIES;
    const frontier = await this.#components.tree.frontier(size);
    if (frontier === undefined) throw new CooeeError('ERR_STORAGE_COMPACTED');
    return { from: size + 1, frontier };
  }

  /**
   * One step further; from the new beginning of the log, where that has gone past what is verified.
   *
   * @throws CooeeError ERR_SLURP_NO_LEADER without a head; ERR_STORAGE_COMPACTED as
   * {@link LogVerifier.begin}; ERR_STORAGE_DAMAGED; ERR_STORAGE_NOT_OPEN while it cannot be read
   */
  async step(verified: VerifiedLog): Promise<VerifiedLog> {
    const highest = this.#components.trust.highest();
    if (highest === undefined) {
      throw new CooeeError('ERR_SLURP_NO_LEADER', 'this node has no signed head yet');
    }
    const { from } = verified;
    const end = Math.min(highest.signed.head.index, verified.frontier.size + STEP_ENTRIES_MAX);
    let frontier = assertFrontier(verified.frontier);
    try {
      while (frontier.size < end) frontier = await this.#slice(frontier, end);
      if (frontier.size < highest.signed.head.index) return { from, frontier };
      this.#assertHead(highest.bytes, frontier);
    } catch (error) {
      // Compacted meanwhile: that is no fault of the log.
      const isGone = frontier.size + 1 < this.#components.log.firstIndex;
      if (isGone && isStorageError(error)) return await this.begin();
      return { from, frontier, problem: problemOf(error, frontier.size + 1) };
    }
    const { head, signatures } = highest.signed;
    return { from, frontier, head: { index: head.index, signatureCount: signatures.length } };
  }

  async #slice(frontier: MerkleFrontier, end: number): Promise<MerkleFrontier> {
    const { log, crypto, clock } = this.#components;
    const countMax = Math.min(SLICE_ENTRIES, end - frontier.size);
    const records = await log.read(frontier.size + 1, countMax, READ_BYTES_MAX);
    if (records.length === 0) throw new CooeeError('ERR_STORAGE_DAMAGED', 'the log ends too early');
    let next = frontier;
    for (const { bytes } of records) {
      try {
        this.#assertEntry(bytes, next.size + 1);
      } catch (error) {
        throw at(error, next.size + 1);
      }
      next = appendLeaf(crypto.sha256, next, leafHash(crypto.sha256, bytes));
    }
    await delay(clock, 0);
    return next;
  }

  #assertEntry(bytes: Uint8Array, index: number): void {
    const { crypto, meshId } = this.#components;
    const entry = decodeEntry(bytes);
    if (entry.index !== index) {
      throw new CooeeError('ERR_STORAGE_DAMAGED', 'an entry is out of its place');
    }
    const batch = decodeBatch(entry.batch);
    if (batch.value.mesh !== meshId || !isBatchSigned(crypto, batch)) {
      throw new CooeeError('ERR_SLURP_SIGNATURE', 'a batch is not signed by its origin');
    }
  }

  #assertHead(bytes: Uint8Array, frontier: MerkleFrontier): void {
    const { trust, crypto } = this.#components;
    const { head } = trust.verify(bytes);
    const isSame = equalBytes(merkleRoot(crypto.sha256, frontier), head.root);
    if (isSame && head.index === frontier.size) return;
    throw new CooeeError('ERR_SLURP_HEAD', 'the log has another root than its signed head', {
      details: { reason: 'root', index: head.index },
    });
  }
}

function isStorageError(error: unknown): boolean {
  return isCooeeError(error) && error.code.startsWith('ERR_STORAGE_');
}

/** The same error, with the entry that it is of. */
function at(thrown: unknown, index: number): unknown {
  if (!isCooeeError(thrown)) return thrown;
  const { code, message, details } = thrown;
  return new CooeeError(code, message, { cause: thrown, details: { ...details, index } });
}

function problemOf(thrown: unknown, next: number): LogProblem {
  const error = toError(thrown);
  // A log that is being opened again says nothing of what is in it.
  if (!isCooeeError(error) || error.code === 'ERR_STORAGE_NOT_OPEN') throw error;
  const { index } = error.details;
  return { index: typeof index === 'number' ? index : next, code: error.code, text: error.message };
}

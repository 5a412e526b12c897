import type { KeyValueStore, Signer, StateReader, StoreWrite } from '../../../interface/index.ts';
import { equalBytes } from '../../../wire/index.ts';
import { ChurnMap } from '../../churn-map.ts';
import type { AppliedEntry } from '../../machine/apply.ts';
import { type Command, decodeBatch, encodeBatch, forgetSigned } from '../../machine/codec.ts';
import { isLeaderBatch } from '../../machine/leader-kinds.ts';
import type { OutboxBatch, OutboxInit } from '../ports.ts';
import { writeSynced } from '../synced.ts';
import { isBehind, keyOf, type Numbered } from './own-batch.ts';

/** What {@link OwnBatches} works with. */
export interface OwnBatchesComponents {
  readonly store: KeyValueStore;
  readonly signer: Signer;
  /** Whether the log has a batch committed that is not applied here yet. */
  readonly isCommitted?: ((batch: Uint8Array) => boolean) | undefined;
}

/**
 * The batches of this node that are not decided yet, in the order of their numbers, and their rows
 * on the disk. Numbers are given to one batch at a time: whoever asks for the next waits for the
 * one before.
 */
export class OwnBatches {
  readonly #components: OwnBatchesComponents;
  readonly #init: OutboxInit;
  readonly #all = new ChurnMap<string, OutboxBatch>();
  /** Keys of those that are not on the disk: a leader's, not accepted yet. */
  readonly #unwritten = new Set<string>();
  /** Keys of those that went while the store failed: their rows may be on the disk. */
  readonly #stray = new Set<string>();
  #seq: number;
  /** The highest number of this node that was seen in the log since the outbox was opened. */
  #mark: Numbered | undefined;

  constructor(components: OwnBatchesComponents, init: OutboxInit) {
    this.#components = components;
    this.#init = init;
    this.#seq = init.lastSeq ?? 0;
  }

  get size(): number {
    return this.#all.size;
  }

  values(): IterableIterator<OutboxBatch> {
    return this.#all.values();
  }

  first(): OutboxBatch | undefined {
    for (const batch of this.#all.values()) return batch;
    return undefined;
  }

  has(batch: OutboxBatch): boolean {
    return this.#all.get(batch.key) === batch;
  }

  /**
   * Loads the rows of earlier starts. Of those that are behind the log's mark nothing is kept here.
   * Nearly all of them were decided, by entries that were applied before this is called. One that
   * was overtaken is among them when the program ended before its new number was written:
   * milliseconds, or while the disk took nothing. Nobody can tell without the entries, and what is
   * handed in again wrongly is applied twice.
   *
   * @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* when a row is damaged
   */
  async open(state: StateReader) {
    const mark = this.#markIn(state);
    const kept: OutboxBatch[] = [];
    const gone: OutboxBatch[] = [];
    for await (const [key, bytes] of this.#components.store.entries('outbox')) {
      const { boot, seq, commands } = decodeBatch(bytes).value;
      // A number is never used for other bytes.
      if (boot === this.#init.boot) this.#seq = Math.max(this.#seq, seq);
      const batch = { key, boot, seq, bytes, commands };
      if (isBehind(batch, mark)) {
        gone.push(batch);
        continue;
      }
      kept.push(batch);
      this.#all.set(key, batch);
    }
    return { kept, gone };
  }

  /** Those that a state has decided, as far as can be told: what was overtaken it has not. */
  behind(state: StateReader): readonly OutboxBatch[] {
    const mark = this.#markIn(state);
    return [...this.#all.values()].filter((it) => isBehind(it, mark) && !this.isOvertaken(it));
  }

  /**
   * Puts commands into a new batch, which is on the disk when it resolves.
   *
   * @param isWritten false: it is in memory alone until {@link secure}
   * @throws CooeeError ERR_STORAGE_*: it is not here. Its bytes may be on the disk all the same:
   * nobody has seen them, and the next batch takes the same number, so that it overwrites them
   */
  async keep(commands: readonly Command[], isWritten: boolean): Promise<OutboxBatch> {
    const batch = this.#make(commands);
    if (isWritten) await this.#write([rowOf(batch)]);
    else this.#unwritten.add(batch.key);
    this.#add(batch);
    return batch;
  }

  /**
   * Writes one that was in memory alone, unless it went. What the log has needs no row.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async secure(key: string): Promise<void> {
    const batch = this.#all.get(key);
    if (batch === undefined) return;
    // Before the write: an entry that is applied meanwhile removes what this puts there.
    this.#unwritten.delete(key);
    try {
      await this.#write([rowOf(batch)]);
    } catch (error) {
      if (this.#components.isCommitted?.(batch.bytes) !== true) throw error;
    }
  }

  /** Takes one out that could not be written; it is given back, unless it went. */
  withdraw(key: string): OutboxBatch | undefined {
    const batch = this.#all.get(key);
    if (batch === undefined) return undefined;
    this.remove(batch);
    this.#stray.add(key);
    return batch;
  }

  /** The writes by which the store forgets the rows of all that was withdrawn; asked for once. */
  strayDeletes(): readonly StoreWrite[] {
    const keys = [...this.#stray];
    this.#stray.clear();
    return keys.map((key) => ({ namespace: 'outbox', key }));
  }

  /** The writes by which the store forgets the row. */
  deletesFor({ key }: OutboxBatch): readonly StoreWrite[] {
    return this.#unwritten.has(key) ? [] : [{ namespace: 'outbox', key }];
  }

  remove({ key, bytes }: OutboxBatch): void {
    this.#all.delete(key);
    this.#unwritten.delete(key);
    forgetSigned(bytes);
  }

  /** Takes note of the number of an entry that was applied, once what it decides was removed. */
  passed({ batch }: AppliedEntry): void {
    if (!this.#isOwn(batch) || isBehind(batch, this.#mark)) return;
    this.#mark = { boot: batch.boot, seq: batch.seq };
  }

  /**
   * Whether a later batch of this node came into the log before this one. The log takes a number
   * only above those that it has, so this one can never be applied: should it still come, it counts
   * as a retry and decides nothing. (The proof of a clone is taken below the mark too; a second one
   * changes nothing.)
   */
  isOvertaken(batch: OutboxBatch): boolean {
    return this.has(batch) && isBehind(batch, this.#mark);
  }

  /** The first that was overtaken. They stand before all others: these have higher numbers. */
  overtaken(): OutboxBatch | undefined {
    const first = this.first();
    return first !== undefined && this.isOvertaken(first) ? first : undefined;
  }

  /**
   * Puts the commands of a batch that was overtaken into a new one, behind all others. One write
   * removes the old one and puts the new one there, so that after any crash one of them is there.
   *
   * @throws CooeeError ERR_STORAGE_*: it is here as it was. Either may be on the disk, the new one
   * under a number that nothing else must get before this was tried again
   */
  async renumber(old: OutboxBatch): Promise<void> {
    const batch = this.#make(old.commands);
    // Also of one that was never written: its row may be on the way to the disk.
    await this.#write([{ namespace: 'outbox', key: old.key }, rowOf(batch)]);
    if (this.has(old)) {
      this.remove(old);
      this.#add(batch);
      return;
    }
    // Refused or taken back meanwhile: that stands, and the number is used up.
    this.#seq = batch.seq;
    forgetSigned(batch.bytes);
    await this.#write([{ namespace: 'outbox', key: batch.key }]);
  }

  /**
   * The batch with the number of an entry, if that decided anything. A leader's own never came from
   * here, whatever their number.
   */
  decidedBy({ batch, decisions }: AppliedEntry): OutboxBatch | undefined {
    if (decisions.length === 0 || !this.#isOwn(batch)) return undefined;
    return this.#all.get(keyOf(batch));
  }

  /** Whether the entry has this node's name and number but other bytes. */
  isForged({ batch, batchBytes }: AppliedEntry): boolean {
    if (!this.#isOwn(batch)) return false;
    if (batch.boot !== this.#init.boot) return batch.boot > this.#init.boot;
    if (batch.seq > this.#seq) return true;
    const own = this.#all.get(keyOf(batch));
    return own !== undefined && !equalBytes(own.bytes, batchBytes);
  }

  #markIn(state: StateReader): Numbered | undefined {
    return state.get('origin', this.#components.signer.peer);
  }

  #isOwn(batch: AppliedEntry['batch']): boolean {
    return batch.origin === this.#components.signer.peer && !isLeaderBatch(batch);
  }

  #make(commands: readonly Command[]): OutboxBatch {
    const { meshId, boot } = this.#init;
    const seq = this.#seq + 1;
    const numbered = { mesh: meshId, boot, seq, commands: [...commands] };
    const bytes = encodeBatch(this.#components.signer, numbered);
    return { key: keyOf(numbered), boot, seq, bytes, commands };
  }

  #add(batch: OutboxBatch): void {
    this.#seq = batch.seq;
    this.#all.set(batch.key, batch);
  }

  async #write(writes: readonly StoreWrite[]): Promise<void> {
    await writeSynced(this.#components.store, writes);
  }
}

function rowOf({ key, bytes }: OutboxBatch): StoreWrite {
  return { namespace: 'outbox', key, value: bytes };
}

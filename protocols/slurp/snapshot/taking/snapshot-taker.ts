import {
  type Clock,
  type Crypto,
  delay,
  type FileStore,
  type Logger,
  type StoreSnapshot,
} from '../../../interface/index.ts';
import { BUCKET_COUNT } from '../../machine/bucket.ts';
import type { SnapshotFile, SnapshotFiles } from '../files/snapshot-files.ts';
import { SnapshotWriter } from '../files/snapshot-writer.ts';
import type { SnapshotRecord } from '../records.ts';
import { type Block, encodeBlock, encodeList, type StateList, splitRows } from '../state-blocks.ts';
import { type ReadBucket, readBuckets } from './read-buckets.ts';

/**
 * Rows of buckets that nothing changed and that are encoded anew with each snapshot, in turn: so a
 * state that changed by itself on the disk is found out. More than most meshes have.
 */
const SCRUB_ROWS = 16_384;

/** Rows after which others get their turn: a few milliseconds of work. */
const SLICE_ROWS = 512;

/** What a {@link SnapshotTaker} works with. */
export interface SnapshotTakerComponents {
  readonly files: FileStore;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told after each slice how many rows were encoded in it. */
  readonly onSlice?: (rows: number) => void;
}

/** What is to be taken. */
export interface Take {
  readonly mark: Omit<SnapshotRecord, 'stateCid' | 'head'>;
  readonly moment: StoreSnapshot;
  /** Buckets that changed since the last one. */
  readonly dirty: ReadonlySet<number>;
  /** Where the others are copied from; without it all are encoded. */
  readonly last?: SnapshotFile | undefined;
}

/** Writes what a store held at some moment into the file of a snapshot, in slices. */
export class SnapshotTaker {
  readonly #components: SnapshotTakerComponents;
  readonly #held: SnapshotFiles;
  readonly #signal: AbortSignal;
  #scrubbed = 0;
  /** Rows that each bucket had when it was encoded last. */
  readonly #rowCounts: number[] = [];
  #sliceRows = 0;

  /** @param signal - breaks off what is being taken */
  constructor(components: SnapshotTakerComponents, held: SnapshotFiles, signal: AbortSignal) {
    this.#components = components;
    this.#held = held;
    this.#signal = signal;
  }

  /**
   * Resolves when the file is whole; nothing is left of it otherwise.
   *
   * @throws CooeeError ERR_STORAGE_DAMAGED when that of the last one is; ERR_STORAGE_*; the
   * signal's reason
   */
  async take(take: Take): Promise<SnapshotFile> {
    const writer = new SnapshotWriter(this.#components.files);
    try {
      this.#signal.throwIfAborted();
      await writer.begin();
      const { index, term, timeMs } = take.mark;
      const list = { index, term, timeMs, buckets: await this.#write(writer, take) };
      const block = encodeList(this.#components.crypto.sha256, list);
      this.#signal.throwIfAborted();
      return await this.#finish(writer, { list, block });
    } catch (error) {
      // When this fails too, the next one or the next start removes it: the first error counts.
      await writer.discard().catch(() => undefined);
      throw error;
    }
  }

  async #finish(
    writer: SnapshotWriter,
    whole: { readonly list: StateList; readonly block: Block },
  ): Promise<SnapshotFile> {
    const tail = await writer.finish(whole);
    return this.#held.add({ stateCid: whole.block.cid, list: whole.list }, tail);
  }

  async #write(writer: SnapshotWriter, take: Take): Promise<StateList['buckets']> {
    const { moment, dirty, last } = take;
    const buckets: (readonly string[])[] = [];
    const wanted = last === undefined ? allBuckets() : new Set([...dirty, ...this.#scrub()]);
    for await (const read of readBuckets(moment, wanted)) {
      const { bucket } = read;
      if (last !== undefined) await this.#copy(writer, last, { buckets, to: bucket });
      const cids = await this.#encode(writer, read);
      const before = last?.list.buckets[bucket];
      if (before !== undefined && !dirty.has(bucket) && before.join() !== cids.join()) {
        this.#components.logger.error({ bucket }, 'a part of the state changed by itself');
      }
      buckets.push(cids);
      this.#rowCounts[bucket] = read.rows.length;
    }
    if (last !== undefined) await this.#copy(writer, last, { buckets, to: BUCKET_COUNT });
    return buckets;
  }

  /** Takes over the blocks of the next buckets, up to and without `to`. */
  async #copy(
    writer: SnapshotWriter,
    last: SnapshotFile,
    { buckets, to }: { readonly buckets: (readonly string[])[]; readonly to: number },
  ): Promise<void> {
    const copied = last.list.buckets.slice(buckets.length, to);
    buckets.push(...copied);
    const cids = copied.flat();
    if (cids.length === 0) return;
    for await (const block of this.#held.blocks(last.stateCid, cids)) {
      this.#signal.throwIfAborted();
      await writer.add(block);
    }
  }

  /** Buckets that are encoded though nothing should have changed in them. */
  #scrub(): number[] {
    const buckets: number[] = [];
    for (let rows = 0; buckets.length < BUCKET_COUNT && rows < SCRUB_ROWS; ) {
      buckets.push(this.#scrubbed);
      rows += this.#rowCounts[this.#scrubbed] ?? 0;
      this.#scrubbed = (this.#scrubbed + 1) % BUCKET_COUNT;
    }
    return buckets;
  }

  /** CIDs of a bucket's blocks. */
  async #encode(writer: SnapshotWriter, { bucket, rows }: ReadBucket): Promise<readonly string[]> {
    const cids: string[] = [];
    for (const part of splitRows(rows)) {
      await this.#pace(part.length);
      const { cid, bytes } = encodeBlock(this.#components.crypto.sha256, bucket, part);
      cids.push(cid);
      await writer.add(bytes);
    }
    return cids;
  }

  /** Lets the loop turn before more is encoded than a slice takes. */
  async #pace(rows: number): Promise<void> {
    const { clock, onSlice } = this.#components;
    if (this.#sliceRows > 0 && this.#sliceRows + rows > SLICE_ROWS) {
      onSlice?.(this.#sliceRows);
      this.#sliceRows = 0;
      await delay(clock, 0, this.#signal);
    }
    this.#sliceRows += rows;
  }
}

/** All there are. */
export function allBuckets(): Set<number> {
  return new Set(Array.from({ length: BUCKET_COUNT }, (_, bucket) => bucket));
}

import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, toError } from '../../protocols/interface/index.ts';
import { type Room, type SegmentFileInit, UNFINISHED_SUFFIX, zeroFill } from './segment-file.ts';

/** Smaller segments are filled in a moment. */
const WORTH_IT_BYTES = 1024 * 1024;

/** Synced after each: what waits for its own sync on the same disk waits for no more than this. */
const SLICE_BYTES = 512 * 1024;

/** No name of a segment, and removed on open as any that is unfinished. */
const NAME = `spare.log${UNFINISHED_SUFFIX}`;

/**
 * The room for the next segment, filled and synced while there is still some in this one, so that
 * no append waits for megabytes of zeros (etcd's write-ahead log has a file pipeline for the same
 * end). When it cannot be made there is none, and whoever needs a segment makes one and learns why.
 */
export class SpareSegment {
  readonly #files: SegmentFileInit;
  readonly #logger: Logger;
  readonly #bytes: number;
  #making: Promise<Room | undefined> | undefined;

  /** @param bytes size of a segment */
  constructor(files: SegmentFileInit, logger: Logger, bytes: number) {
    this.#files = files;
    this.#logger = logger;
    this.#bytes = bytes;
  }

  /** Begins, unless it did since the last {@link take}. */
  prepare(): void {
    if (this.#bytes < WORTH_IT_BYTES) return;
    this.#making ??= this.#make();
  }

  /** Waits for what is being made, and hands it over; undefined when there is none. */
  async take(): Promise<Room | undefined> {
    const making = this.#making;
    this.#making = undefined;
    return await making;
  }

  /** Closes and removes what there is. Never rejects: the next open removes it too. */
  async discard(): Promise<void> {
    const room = await this.take();
    if (room !== undefined) await this.#remove(room.path, room.handle);
  }

  async #make(): Promise<Room | undefined> {
    const path = join(this.#files.directory, NAME);
    let handle: FileHandle | undefined;
    try {
      this.#files.faults.hit('log:spare');
      handle = await open(path, 'w+', 0o600);
      for (let at = 0; at < this.#bytes; at += SLICE_BYTES) {
        await zeroFill(handle, at, Math.min(this.#bytes, at + SLICE_BYTES));
        await handle.datasync();
      }
      return { path, handle };
    } catch (error) {
      this.#logger.warn(
        { file: path, err: toError(error) },
        'room for the next log segment was not made ahead',
      );
      await this.#remove(path, handle);
      return undefined;
    }
  }

  async #remove(path: string, handle: FileHandle | undefined): Promise<void> {
    try {
      await handle?.close();
      await rm(path, { force: true });
    } catch (error) {
      this.#logger.warn(
        { file: path, err: toError(error) },
        'an unfinished log segment was not removed',
      );
    }
  }
}

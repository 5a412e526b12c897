import { type FileHandle, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, toError } from '../../protocols/interface/index.ts';
import { withIoError } from '../disk/io-error.ts';
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

  /**
   * Makes it and waits for it: a log that failed for want of room is no better off before. This is
   * asked again and again, so nothing is written while the file system says that it would not fit.
   *
   * @throws CooeeError ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO
   */
  async ensure(): Promise<void> {
    // What was begun ahead may have failed.
    if (this.#bytes < WORTH_IT_BYTES || (await this.#making) !== undefined) return;
    const { directory } = this.#files;
    const room = await withIoError({ operation: 'making room for the log', file: directory }, () =>
      this.#makeWhereItFits(directory),
    );
    this.#making = Promise.resolve(room);
  }

  async #makeWhereItFits(directory: string): Promise<Room> {
    const { bavail, bsize, blocks } = await statfs(directory);
    // One that tells nothing of its size has no blocks at all.
    if (blocks > 0 && bavail * bsize < this.#bytes) {
      throw Object.assign(new Error('a segment does not fit'), { code: 'ENOSPC' });
    }
    return await this.#fill();
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
    try {
      return await this.#fill();
    } catch (error) {
      this.#logger.warn(
        { file: join(this.#files.directory, NAME), err: toError(error) },
        'room for the next log segment was not made ahead',
      );
      return undefined;
    }
  }

  /** Leaves nothing behind when it throws. */
  async #fill(): Promise<Room> {
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
      await this.#remove(path, handle);
      throw error;
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

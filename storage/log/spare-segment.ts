import { type FileHandle, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, toError } from '../../protocols/interface/index.ts';
import { withIoError } from '../disk/io-error.ts';
import { type Room, type SegmentFileInit, UNFINISHED_SUFFIX, zeroFill } from './segment-file.ts';

/** Smaller segments are filled in a moment. */
const WORTH_IT_BYTES = 1024 * 1024;

/** Synced after each: what waits for its own sync on the same disk waits for no more than this. */
const SLICE_BYTES = 512 * 1024;

/**
 * A quota may say no to megabytes that the file system had room for. They are written again after
 * pauses that grow from the one to the other, as long as no append succeeds.
 */
const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 30_000;

/** No name of a segment, and removed on open as any that is unfinished. */
const NAME = `spare.log${UNFINISHED_SUFFIX}`;

/** What a {@link SpareSegment} is built on. */
export interface SpareSegmentComponents {
  readonly files: SegmentFileInit;
  readonly logger: Logger;
  /** Without it there are no pauses. */
  readonly clock?: Clock;
}

/**
 * The room for the next segment, filled and synced while there is still some in this one, so that
 * no append waits for megabytes of zeros (etcd's write-ahead log has a file pipeline for the same
 * end). When it cannot be made there is none, and whoever needs a segment makes one and learns why.
 */
export class SpareSegment {
  readonly #files: SegmentFileInit;
  readonly #logger: Logger;
  readonly #bytes: number;
  readonly #clock: Clock | undefined;
  #making: Promise<Room | undefined> | undefined;
  #pauseMs = 0;
  /** Until then a disk that took no segment is left alone, and whoever asks is told this. */
  #refused: { readonly untilMs: number; readonly error: unknown } | undefined;

  /** @param bytes size of a segment */
  constructor({ files, logger, clock }: SpareSegmentComponents, bytes: number) {
    this.#files = files;
    this.#logger = logger;
    this.#clock = clock;
    this.#bytes = bytes;
  }

  /** Begins, unless it did since the last {@link take}. */
  prepare(): void {
    if (this.#bytes < WORTH_IT_BYTES) return;
    this.#making ??= this.#make();
  }

  /**
   * Makes it and waits for it: a log that failed for want of room is no better off before. This is
   * asked again and again, so nothing is written while the file system says that it would not fit,
   * and less and less often while it does not say so.
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

  /** An append succeeded: the disk is as good as any. */
  worked(): void {
    this.#pauseMs = 0;
    this.#refused = undefined;
  }

  async #makeWhereItFits(directory: string): Promise<Room> {
    const { bavail, bsize, blocks } = await statfs(directory);
    // One that tells nothing of its size has no blocks at all.
    if (blocks > 0 && bavail * bsize < this.#bytes) throw tooLittle();
    const nowMs = (): number => this.#clock?.monotonicMs() ?? Number.POSITIVE_INFINITY;
    if (this.#refused !== undefined && nowMs() < this.#refused.untilMs) {
      throw this.#refused.error;
    }
    let error: unknown = tooLittle();
    try {
      return await this.#fill();
    } catch (thrown) {
      error = thrown;
      throw thrown;
    } finally {
      // Also of what was made: it may be taken, and nothing written into it after all.
      this.#pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, 2 * this.#pauseMs));
      this.#refused = { untilMs: nowMs() + this.#pauseMs, error };
    }
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

function tooLittle(): Error {
  return Object.assign(new Error('a segment does not fit'), { code: 'ENOSPC' });
}

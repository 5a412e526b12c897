import { fdatasync, writeSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ioError, withIoError } from '../disk/io-error.ts';
import type { Faults } from '../faults.ts';
import {
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentFileName,
} from './segment-codec.ts';

/** A zero-filled piece that new segments are filled with. */
const ZEROS = new Uint8Array(1024 * 1024);

/** Ending of a segment file that is still being made; removed on open. */
export const UNFINISHED_SUFFIX = '.new';

/** What segment files need from outside. */
export interface SegmentFileInit {
  readonly directory: string;
  readonly faults: Faults;
}

/** A segment file that is held open. */
export interface SegmentFile {
  readonly header: SegmentHeader;
  readonly path: string;
  readonly handle: FileHandle;
}

/** Room for a segment: zeros that are on the disk, without a header and a segment's name. */
export interface Room {
  readonly path: string;
  readonly handle: FileHandle;
}

/**
 * Makes a segment file: filled with zeros, synced, then given its name, then the directory synced.
 * So a file with a segment's name always has its header and all its room, and appending needs no
 * room and changes no file size.
 *
 * @param room filled and synced before: it becomes the segment
 * @throws CooeeError ERR_STORAGE_DISK_FULL, with nothing left behind; ERR_STORAGE_IO
 */
export async function createSegment(
  init: SegmentFileInit,
  header: SegmentHeader,
  room?: Room,
): Promise<SegmentFile> {
  const path = join(init.directory, segmentFileName(header.segment));
  const unfinished = room?.path ?? `${path}${UNFINISHED_SUFFIX}`;
  let handle = room?.handle ?? null;
  try {
    if (handle === null) {
      init.faults.hit('log:preallocate');
      handle = await open(unfinished, 'w+', 0o600);
      await zeroFill(handle, SEGMENT_HEADER_BYTES, header.fileBytes);
    }
    await writeFully(handle, encodeSegmentHeader(header), 0);
    await syncNew(init, handle);
    init.faults.hit('log:rename');
    await rename(unfinished, path);
  } catch (cause) {
    await handle?.close().catch(() => undefined);
    // When this fails too, the next open removes it; the first error is the one to report.
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw ioError(cause, { operation: 'making a log segment', file: path });
  }
  try {
    await syncDirectory(init);
  } catch (cause) {
    await handle.close().catch(() => undefined);
    throw cause;
  }
  return { header, path, handle };
}

/** Up to here a write to the system's cache takes less than to have another thread do it. */
const WRITTEN_HERE_BYTES_MAX = 64 * 1024;

/**
 * Writes to the system's cache, on this thread, what takes less than the way to another and back:
 * all of a few bytes, nothing of many.
 *
 * @returns how many were written
 */
export function writeNow(handle: FileHandle, bytes: Uint8Array, position: number): number {
  if (bytes.length > WRITTEN_HERE_BYTES_MAX) return 0;
  return writeSync(handle.fd, bytes, 0, bytes.length, position);
}

/** fdatasync(2), begun in this turn of the loop. */
export function syncData(handle: FileHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(handle.fd, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** Writes all of `bytes`: one call may write less. */
export async function writeFully(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw new Error('the system wrote nothing and gave no reason');
    done += bytesWritten;
  }
}

/** Reads `size` bytes; fewer when the file ends before. */
export async function readFully(
  handle: FileHandle,
  size: number,
  position: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let done = 0;
  while (done < size) {
    const { bytesRead } = await handle.read(bytes, done, size - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** Overwrites a range with zeros. */
export async function zeroFill(handle: FileHandle, from: number, to: number): Promise<void> {
  for (let at = from; at < to; ) {
    const size = Math.min(ZEROS.length, to - at);
    await writeFully(handle, ZEROS.subarray(0, size), at);
    at += size;
  }
}

/**
 * Makes the names in the directory durable.
 *
 * @throws CooeeError ERR_STORAGE_IO with `details.fatal`
 */
export async function syncDirectory(init: SegmentFileInit): Promise<void> {
  const where = { operation: 'syncing the log directory', file: init.directory, isFatal: true };
  await withIoError(where, async () => {
    init.faults.hit('log:directory-sync');
    const handle = await open(init.directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/**
 * A full disk may show only here (delayed allocation); the file is thrown away then, so that is not
 * fatal.
 */
async function syncNew(init: SegmentFileInit, handle: FileHandle): Promise<void> {
  try {
    init.faults.hit('log:preallocate-sync');
    await handle.sync();
  } catch (cause) {
    const error = ioError(cause, { operation: 'syncing a new log segment' });
    if (error.code === 'ERR_STORAGE_DISK_FULL') throw error;
    throw ioError(cause, { operation: 'syncing a new log segment', isFatal: true });
  }
}

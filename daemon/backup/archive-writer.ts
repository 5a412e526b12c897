import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { toStorageError } from '../../storage/durable-file.ts';
import {
  ARCHIVE_VERSION,
  type BackupHead,
  CHUNK_BYTES,
  encodeArchiveFrame,
} from './archive-codec.ts';

/** A file that goes into an archive. */
export interface ArchivedFile {
  /** Its name in the archive. */
  readonly path: string;
  /** Where it is read from, absolute. */
  readonly source: string;
}

/** What an archive holds. */
export interface ArchiveSize {
  readonly files: number;
  /** Of all files, before sealing; runs of zeros take next to nothing in the archive. */
  readonly bytes: number;
}

/**
 * The bytes of an archive, a frame at a time. Whoever reads slowly is waited for.
 *
 * @param onEnd - told what it holds, before the last frame
 * @throws CooeeError ERR_STORAGE_IO when a file cannot be read
 */
export async function* writeArchive(
  head: BackupHead,
  files: readonly ArchivedFile[],
  onEnd: (size: ArchiveSize) => void,
): AsyncGenerator<Uint8Array> {
  yield encodeArchiveFrame({ k: 'head', magic: 'cooee-backup', v: ARCHIVE_VERSION, ...head });
  let bytes = 0;
  for (const file of files) {
    try {
      bytes += yield* writeFile(file);
    } catch (thrown) {
      throw toStorageError(thrown, file.source);
    }
  }
  const size = { files: files.length, bytes };
  onEnd(size);
  yield encodeArchiveFrame({ k: 'end', ...size });
}

/** @returns its size */
async function* writeFile({ path, source }: ArchivedFile): AsyncGenerator<Uint8Array, number> {
  yield encodeArchiveFrame({ k: 'file', path });
  const hash = createHash('sha256');
  const buffer = new Uint8Array(CHUNK_BYTES);
  const file = await open(source, 'r');
  let size = 0;
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      hash.update(bytes);
      size += bytesRead;
      // A segment of the log is made full of zeros, of which most are still there.
      const isEmpty = bytes.every((byte) => byte === 0);
      yield encodeArchiveFrame(isEmpty ? { k: 'zeros', count: bytesRead } : { k: 'data', bytes });
    }
  } finally {
    await file.close();
  }
  yield encodeArchiveFrame({ k: 'close', size, sha256: new Uint8Array(hash.digest()) });
  return size;
}

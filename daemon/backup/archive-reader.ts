import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LIMITS } from '../../protocols/interface/index.ts';
import { equalBytes } from '../../protocols/wire/index.ts';
import { FILE_MODE, syncFolder, toStorageError } from '../../storage/durable-file.ts';
import { type ArchiveFrame, type BackupHead, damagedBackup } from './archive-codec.ts';
import { readFrames } from './archive-frames.ts';
import type { ArchiveSize } from './archive-writer.ts';
import { isReserved } from './home-files.ts';

/** What was unpacked. */
export interface Unpacked {
  readonly head: BackupHead;
  readonly size: ArchiveSize;
}

/**
 * Unpacks an archive into a folder that is there and empty. Files get mode 0600, folders 0700, and
 * all of it is on the disk when this resolves. After a failure the folder holds a part of it: it is
 * the caller's to remove.
 *
 * @throws CooeeError ERR_BACKUP_DAMAGED, ERR_BACKUP_NEWER, ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO
 */
export async function unpackArchive(
  chunks: AsyncIterable<Uint8Array>,
  folder: string,
): Promise<Unpacked> {
  const unpacking = new Unpacking(folder);
  try {
    for await (const frame of readFrames(chunks)) await unpacking.take(frame);
    return await unpacking.finish();
  } catch (thrown) {
    throw toStorageError(thrown, folder);
  } finally {
    await unpacking.close();
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly hash: Hash;
  size: number;
}

class Unpacking {
  readonly #folder: string;
  readonly #paths = new Set<string>();
  readonly #folders = new Set<string>();
  #head: BackupHead | undefined;
  #file: OpenFile | undefined;
  #bytes = 0;
  #isEnded = false;

  constructor(folder: string) {
    this.#folder = folder;
    this.#folders.add(folder);
  }

  async take(frame: ArchiveFrame): Promise<void> {
    if (this.#isEnded) throw damagedBackup('it goes on behind its end');
    if ((this.#head === undefined) !== (frame.k === 'head')) {
      throw damagedBackup('its parts are out of order');
    }
    if (frame.k === 'head') {
      const { madeMs, program, name } = frame;
      this.#head = { madeMs, program, name };
    } else if (frame.k === 'file') await this.#begin(frame.path);
    else if (frame.k === 'data') await this.#write(frame.bytes);
    else if (frame.k === 'zeros') await this.#write(new Uint8Array(frame.count));
    else if (frame.k === 'close') await this.#end(frame);
    else this.#finish(frame);
  }

  async finish(): Promise<Unpacked> {
    if (this.#head === undefined || !this.#isEnded) throw damagedBackup('it ends too early');
    for (const folder of this.#folders) await syncFolder(folder);
    return { head: this.#head, size: { files: this.#paths.size, bytes: this.#bytes } };
  }

  async close(): Promise<void> {
    await this.#file?.handle.close();
  }

  async #begin(path: string): Promise<void> {
    if (this.#file !== undefined) throw damagedBackup('its parts are out of order');
    if (isReserved(path)) throw damagedBackup('it names a file that no backup has');
    if (this.#paths.has(path)) throw damagedBackup('it has a file twice');
    if (this.#paths.size === LIMITS.backupFilesMax) throw damagedBackup('it has too many files');
    this.#paths.add(path);
    const target = join(this.#folder, path);
    await this.#makeFolders(dirname(target));
    // Nothing may be there: a name that differs in case only is one file on some systems.
    const handle = await open(target, 'wx', FILE_MODE);
    this.#file = { handle, hash: createHash('sha256'), size: 0 };
  }

  async #makeFolders(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    await this.#makeFolders(dirname(folder));
    await mkdir(folder, { mode: 0o700 });
    this.#folders.add(folder);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw damagedBackup('its parts are out of order');
    file.hash.update(bytes);
    file.size += bytes.length;
    this.#bytes += bytes.length;
    if (this.#bytes > LIMITS.backupBytesMax) throw damagedBackup('it is too large');
    await file.handle.writeFile(bytes);
  }

  async #end({ size, sha256 }: Extract<ArchiveFrame, { k: 'close' }>): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw damagedBackup('its parts are out of order');
    if (file.size !== size || !equalBytes(new Uint8Array(file.hash.digest()), sha256)) {
      throw damagedBackup('a file is not what was put into it');
    }
    await file.handle.sync();
    await file.handle.close();
    this.#file = undefined;
  }

  #finish({ files, bytes }: Extract<ArchiveFrame, { k: 'end' }>): void {
    if (this.#file !== undefined || files !== this.#paths.size || bytes !== this.#bytes) {
      throw damagedBackup('a part of it is missing');
    }
    this.#isEnded = true;
  }
}

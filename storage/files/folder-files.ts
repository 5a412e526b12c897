import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileStore, StoredFile } from '../../protocols/interface/index.ts';
import { ioError, notOpenError, withIoError } from '../disk/io-error.ts';
import { FILE_MODE, makeFolder, syncFolder, systemCode } from '../durable-file.ts';
import { type Faults, noFaults } from '../faults.ts';
import { readFully, syncData, writeFully } from '../log/segment-file.ts';
import { assertFileName, DRAFT_SUFFIX, isFileName } from './file-name.ts';

/** What {@link FolderFiles} is built on. */
export interface FolderFilesComponents {
  /** For tests; nothing fails by default. */
  readonly faults?: Faults;
}

/** Options of {@link FolderFiles}. */
export interface FolderFilesInit {
  /** Holds these files and nothing else; made when it is not there. */
  readonly directory: string;
}

interface Draft {
  readonly handle: FileHandle;
  sizeBytes: number;
}

/**
 * A {@link FileStore} in a folder of the disk. A draft is `<name>.part`. All calls of the system
 * are made by other threads. The directory must belong to this process alone: the home's lock sees
 * to that.
 */
export class FolderFiles implements FileStore {
  readonly #directory: string;
  readonly #faults: Faults;
  readonly #drafts = new Map<string, Draft>();
  #isOpen = false;

  constructor(components: FolderFilesComponents, init: FolderFilesInit) {
    this.#faults = components.faults ?? noFaults;
    this.#directory = init.directory;
  }

  async open(): Promise<void> {
    if (this.#isOpen) return;
    const where = { operation: 'opening the folder of files', file: this.#directory };
    await withIoError(where, async () => {
      await makeFolder(this.#directory);
      for (const name of await readdir(this.#directory)) {
        if (name.endsWith(DRAFT_SUFFIX)) await rm(join(this.#directory, name), { force: true });
      }
    });
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    const drafts = [...this.#drafts.values()];
    this.#drafts.clear();
    // Worth nothing: the next start removes them.
    for (const { handle } of drafts) await handle.close().catch(() => undefined);
  }

  async list(): Promise<readonly StoredFile[]> {
    this.#assertOpen();
    const where = { operation: 'listing files', file: this.#directory };
    return await withIoError(where, async () => {
      const names = (await readdir(this.#directory)).filter(isFileName).sort();
      return await Promise.all(
        names.map(async (name) => ({ name, sizeBytes: (await stat(this.#path(name))).size })),
      );
    });
  }

  async append(draft: string, bytes: Uint8Array): Promise<void> {
    this.#assertOpen();
    assertFileName(draft);
    const file = this.#path(draft, DRAFT_SUFFIX);
    await withIoError({ operation: 'writing a file', file }, async () => {
      const held = this.#drafts.get(draft) ?? (await this.#begin(draft));
      this.#faults.hit('file:write');
      await writeFully(held.handle, bytes, held.sizeBytes);
      held.sizeBytes += bytes.length;
    });
  }

  async finish(draft: string, name: string): Promise<void> {
    this.#assertOpen();
    assertFileName(name);
    const file = this.#path(name);
    await withIoError({ operation: 'finishing a file', file }, async () => {
      const held = this.#drafts.get(draft) ?? (await this.#begin(draft));
      this.#drafts.delete(draft);
      await held.handle.close();
      this.#faults.hit('file:rename');
      await rename(this.#path(draft, DRAFT_SUFFIX), file);
      this.#faults.hit('file:renamed');
    });
  }

  async discard(draft: string): Promise<void> {
    this.#assertOpen();
    assertFileName(draft);
    const held = this.#drafts.get(draft);
    this.#drafts.delete(draft);
    // What was written is thrown away, so that it does not matter whether it could be.
    await held?.handle.close().catch(() => undefined);
    await this.#unlink(this.#path(draft, DRAFT_SUFFIX));
  }

  async read(name: string, offset: number, sizeBytes: number): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    assertFileName(name);
    const file = this.#path(name);
    return await withIoError({ operation: 'reading a file', file }, async () => {
      this.#faults.hit('file:read');
      const handle = await openIfThere(file);
      if (handle === undefined) return undefined;
      try {
        return await readFully(handle, sizeBytes, offset);
      } finally {
        await handle.close();
      }
    });
  }

  async sync(name: string): Promise<void> {
    this.#assertOpen();
    assertFileName(name);
    const file = this.#path(name);
    const where = { operation: 'syncing a file', file };
    const handle = await withIoError(where, () => open(file, 'r'));
    try {
      this.#faults.hit('file:sync');
      await syncData(handle);
      this.#faults.hit('file:folder-sync');
      await syncFolder(this.#directory);
    } catch (cause) {
      const error = ioError(cause, where);
      // A full disk may show only here (delayed allocation); the file is thrown away then.
      if (error.code === 'ERR_STORAGE_DISK_FULL') throw error;
      throw ioError(cause, { ...where, isFatal: true });
    } finally {
      await handle.close().catch(() => undefined);
    }
  }

  async remove(name: string): Promise<void> {
    this.#assertOpen();
    assertFileName(name);
    await this.#unlink(this.#path(name));
  }

  async #begin(draft: string): Promise<Draft> {
    const handle = await open(this.#path(draft, DRAFT_SUFFIX), 'w', FILE_MODE);
    const held = { handle, sizeBytes: 0 };
    this.#drafts.set(draft, held);
    return held;
  }

  async #unlink(file: string): Promise<void> {
    await withIoError({ operation: 'removing a file', file }, async () => {
      this.#faults.hit('file:unlink');
      await rm(file, { force: true });
    });
  }

  #path(name: string, suffix = ''): string {
    return join(this.#directory, `${name}${suffix}`);
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw notOpenError('closed');
  }
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r');
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

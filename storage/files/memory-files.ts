import type { FileStore, StoredFile } from '../../protocols/interface/index.ts';
import { ioError, notOpenError, withIoError } from '../disk/io-error.ts';
import { type Faults, noFaults } from '../faults.ts';
import { assertFileName } from './file-name.ts';

/** What {@link MemoryFiles} is built on. */
export interface MemoryFilesComponents {
  /** Nothing fails by default. Hit at the points `file:`. */
  readonly faults?: Faults;
  /** Stands for fdatasync. At once by default. */
  readonly sync?: () => Promise<void>;
}

/**
 * What a loss of power does to a file that was not synced:
 *
 * - `lost`: it is as it was when it was synced, or not there; one that was removed is back;
 * - `cut`: it ends in the middle; one that was removed is back;
 * - `zeroed`: it has its length, and zeros in the middle; one that was removed is back;
 * - `kept`: what was done to it had reached the disk, though nobody was told.
 */
export type FileFate = 'lost' | 'cut' | 'zeroed' | 'kept';

/** Files of a program's memory: the twin of `FolderFiles` for tests and the simulator. */
export class MemoryFiles implements FileStore {
  readonly #faults: Faults;
  readonly #sync: () => Promise<void>;
  #drafts = new Map<string, Uint8Array[]>();
  #files = new Map<string, Uint8Array>();
  /** What is on the disk for sure, by name. */
  #durable = new Map<string, Uint8Array>();
  #isOpen = false;
  /** Counts the losses of power: what began before one comes to nothing. */
  #crashes = 0;

  constructor(components: MemoryFilesComponents = {}) {
    this.#faults = components.faults ?? noFaults;
    this.#sync = components.sync ?? (async () => undefined);
  }

  async open(): Promise<void> {
    if (this.#isOpen) return;
    this.#drafts = new Map();
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#drafts = new Map();
  }

  async list(): Promise<readonly StoredFile[]> {
    this.#assertOpen();
    return [...this.#files.keys()]
      .sort()
      .map((name) => ({ name, sizeBytes: this.#files.get(name)?.length ?? 0 }));
  }

  async append(draft: string, bytes: Uint8Array): Promise<void> {
    this.#assertOpen();
    assertFileName(draft);
    await withIoError({ operation: 'writing a file' }, async () => {
      const pieces = this.#drafts.get(draft) ?? [];
      this.#drafts.set(draft, pieces);
      this.#faults.hit('file:write');
      pieces.push(bytes.slice());
    });
  }

  async finish(draft: string, name: string): Promise<void> {
    this.#assertOpen();
    assertFileName(name);
    await withIoError({ operation: 'finishing a file' }, async () => {
      const pieces = this.#drafts.get(draft) ?? [];
      this.#faults.hit('file:rename');
      this.#drafts.delete(draft);
      this.#files.set(name, new Uint8Array(Buffer.concat(pieces)));
      this.#faults.hit('file:renamed');
    });
  }

  async discard(draft: string): Promise<void> {
    this.#assertOpen();
    assertFileName(draft);
    this.#drafts.delete(draft);
  }

  async read(name: string, offset: number, sizeBytes: number): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    assertFileName(name);
    return await withIoError({ operation: 'reading a file' }, async () => {
      this.#faults.hit('file:read');
      return this.#files.get(name)?.slice(offset, offset + sizeBytes);
    });
  }

  async sync(name: string): Promise<void> {
    this.#assertOpen();
    assertFileName(name);
    const { operation } = { operation: 'syncing a file' };
    const bytes = this.#files.get(name);
    const crashes = this.#crashes;
    if (bytes === undefined) throw ioError(new Error('no such file'), { operation });
    try {
      this.#faults.hit('file:sync');
      await this.#sync();
      this.#faults.hit('file:folder-sync');
    } catch (cause) {
      const error = ioError(cause, { operation });
      if (error.code === 'ERR_STORAGE_DISK_FULL') throw error;
      throw ioError(cause, { operation, isFatal: true });
    }
    if (crashes !== this.#crashes) throw notOpenError('closed');
    // One that was removed meanwhile has no name that could be made durable.
    if (this.#files.get(name) === bytes) this.#durable.set(name, bytes);
  }

  async remove(name: string): Promise<void> {
    this.#assertOpen();
    assertFileName(name);
    await withIoError({ operation: 'removing a file' }, async () => {
      this.#faults.hit('file:unlink');
      this.#files.delete(name);
    });
  }

  /** The process ends: what it wrote is there, drafts as well. */
  kill(): void {
    this.#isOpen = false;
    this.#crashes++;
  }

  /** Loses power; `fateOf` says what becomes of a file whose bytes or name were not synced. */
  crash(fateOf: (name: string) => FileFate = () => 'lost'): void {
    const files = new Map<string, Uint8Array>();
    for (const name of [...new Set([...this.#files.keys(), ...this.#durable.keys()])].sort()) {
      const bytes = this.#files.get(name);
      const durable = this.#durable.get(name);
      if (bytes !== undefined && bytes === durable) files.set(name, bytes);
      else {
        const left = leftOf(bytes, durable, fateOf(name));
        if (left !== undefined) files.set(name, left);
      }
    }
    this.#files = files;
    this.#durable = new Map(files);
    this.#drafts = new Map();
    this.kill();
  }

  /** Changes a bit of a file behind everybody's back. */
  flip(name: string, at: number): void {
    const bytes = this.#files.get(name)?.slice();
    if (bytes === undefined) throw new Error(`no file ${name}`);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    this.put(name, bytes);
  }

  /** Puts a file there, durable, whatever was there before. */
  put(name: string, bytes: Uint8Array): void {
    this.#files.set(name, bytes);
    this.#durable.set(name, bytes);
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw notOpenError('closed');
  }
}

function leftOf(
  bytes: Uint8Array | undefined,
  durable: Uint8Array | undefined,
  fate: FileFate,
): Uint8Array | undefined {
  if (fate === 'kept') return bytes;
  if (fate === 'lost' || bytes === undefined) return durable;
  const middle = Math.floor(bytes.length / 2);
  return fate === 'cut' ? bytes.slice(0, middle) : bytes.slice().fill(0, middle, middle + 64);
}

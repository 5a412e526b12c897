import type { FileStore } from '../../../interface/index.ts';
import type { Block, StateList } from '../state-blocks.ts';
import { encodeTail, FILE_HEADER, type FileTail } from './layout.ts';

/** What is written with one call, and waits in memory for it. */
const PIECE_BYTES = 512 * 1024;

/** One is written at a time. */
const DRAFT = 'taking';

/** Writes the file of one snapshot, front to back, in pieces. Not to be used after an error. */
export class SnapshotWriter {
  readonly #files: FileStore;
  readonly #piece = new Uint8Array(PIECE_BYTES);
  readonly #sizes: number[] = [];
  #used = 0;

  constructor(files: FileStore) {
    this.#files = files;
  }

  /** Begins it. @throws CooeeError ERR_STORAGE_* */
  async begin(): Promise<void> {
    // Of one that ended in an error and could not even be given up.
    await this.#files.discard(DRAFT);
    await this.#put(FILE_HEADER);
  }

  /** Blocks in the order of the list. The bytes are the caller's again. @throws ERR_STORAGE_* */
  async add(block: Uint8Array): Promise<void> {
    this.#sizes.push(block.length);
    await this.#put(block);
  }

  /** Gives the file its name: from here on it is whole, though not durable. @throws CooeeError */
  async finish({
    list,
    block,
  }: {
    readonly list: StateList;
    readonly block: Block;
  }): Promise<FileTail> {
    const tail = { blocks: this.#sizes, list: block.bytes.length };
    if (list.buckets.flat().length !== this.#sizes.length)
      throw new TypeError('blocks are missing');
    await this.#put(block.bytes);
    await this.#put(encodeTail(tail));
    await this.#flush();
    await this.#files.finish(DRAFT, block.cid);
    return tail;
  }

  /** Gives it up. @throws CooeeError ERR_STORAGE_* */
  async discard(): Promise<void> {
    await this.#files.discard(DRAFT);
  }

  async #put(bytes: Uint8Array): Promise<void> {
    if (this.#used + bytes.length > PIECE_BYTES) await this.#flush();
    if (bytes.length > PIECE_BYTES) {
      await this.#files.append(DRAFT, bytes);
      return;
    }
    this.#piece.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  async #flush(): Promise<void> {
    if (this.#used === 0) return;
    await this.#files.append(DRAFT, this.#piece.subarray(0, this.#used));
    this.#used = 0;
  }
}

import { CooeeError, type Crypto, type FileStore } from '../../../interface/index.ts';
import { cidOf, equalBytes } from '../../../wire/index.ts';
import { decodeList, type StateList } from '../state-blocks.ts';
import {
  type BlockPlace,
  damaged,
  decodeIndex,
  FILE_HEADER,
  type FileTail,
  FOOTER_BYTES,
  indexBytesOf,
  placesOf,
} from './layout.ts';

/** What {@link SnapshotFiles} works with. */
export interface SnapshotFilesComponents {
  readonly files: FileStore;
  readonly crypto: Crypto;
}

/** A snapshot in a file of its own. */
export interface SnapshotFile {
  readonly stateCid: string;
  readonly list: StateList;
}

/** Blocks that are read with one call at most: these bytes are in memory at the same time. */
const RUN_BYTES_MAX = 512 * 1024;

/** A {@link SnapshotFile}, and where its blocks lie. */
interface Held extends SnapshotFile {
  readonly places: ReadonlyMap<string, BlockPlace>;
}

/** What a damaged file is told by. */
export type DamageListener = (stateCid: string, error: unknown) => void;

/**
 * The files of the snapshots that are kept, one for each, named after the state's CID. A file is
 * believed nothing: its list and every block that is read are checked against their CIDs.
 */
export class SnapshotFiles {
  readonly #components: SnapshotFilesComponents;
  readonly #held = new Map<string, Held>();
  /** Those of an earlier start: of their blocks nobody knows how many reached the disk. */
  readonly #doubted = new Set<string>();
  #onDamage: DamageListener = () => undefined;

  constructor(components: SnapshotFilesComponents) {
    this.#components = components;
  }

  /** Called for a file in which damage was met while a block was looked up for others. */
  onDamage(listener: DamageListener): void {
    this.#onDamage = listener;
  }

  /** Forgets what is held, without a change on the disk, and tells what is there, by CID. */
  async reset(): Promise<ReadonlyMap<string, number>> {
    this.#held.clear();
    this.#doubted.clear();
    const files = await this.#components.files.list();
    return new Map(files.map(({ name, sizeBytes }) => [name, sizeBytes]));
  }

  has(stateCid: string): boolean {
    return this.#held.has(stateCid);
  }

  /**
   * Opens the file of a snapshot: reads its end, not its blocks.
   *
   * @throws CooeeError ERR_STORAGE_DAMAGED, ERR_WIRE_* when it is not whole; ERR_STORAGE_*
   */
  async open(stateCid: string, at: { readonly index: number; readonly sizeBytes: number }) {
    const { sizeBytes } = at;
    if (sizeBytes < FILE_HEADER.length + FOOTER_BYTES) throw damaged('its length');
    const header = await this.#read(stateCid, { offset: 0, sizeBytes: FILE_HEADER.length });
    if (!equalBytes(header, FILE_HEADER)) throw damaged('its beginning');
    const footerAt = sizeBytes - FOOTER_BYTES;
    const footer = await this.#read(stateCid, { offset: footerAt, sizeBytes: FOOTER_BYTES });
    const indexBytes = indexBytesOf(footer, sizeBytes);
    const indexAt = footerAt - indexBytes;
    const index = await this.#read(stateCid, { offset: indexAt, sizeBytes: indexBytes });
    const tail = decodeIndex(index, sizeBytes);
    const place = { offset: indexAt - tail.list, sizeBytes: tail.list };
    const list = decodeList(await this.#verified(stateCid, stateCid, place));
    if (list.index !== at.index) throw damaged('its index');
    this.#doubted.add(stateCid);
    return this.add({ stateCid, list }, tail);
  }

  /** Notes a file that is whole. @throws CooeeError ERR_STORAGE_DAMAGED */
  add(file: SnapshotFile, tail: FileTail): SnapshotFile {
    const held = { ...file, places: placesOf(file, tail) };
    this.#held.set(file.stateCid, held);
    return held;
  }

  /**
   * A block out of any of the files; undefined when none has it. What turns out to be damaged is
   * told to who listens, and looked up elsewhere. @throws CooeeError ERR_STORAGE_*
   */
  async read(cid: string): Promise<Uint8Array | undefined> {
    for (const { stateCid, places } of [...this.#held.values()]) {
      const place = places.get(cid);
      if (place === undefined) continue;
      try {
        return await this.#verified(stateCid, cid, place);
      } catch (error) {
        // One that was removed meanwhile is no damage.
        if (!this.#held.has(stateCid)) continue;
        if (!isDamage(error)) throw error;
        this.#onDamage(stateCid, error);
      }
    }
    return undefined;
  }

  /**
   * Blocks of one file, in the order in which they are asked for, verified; those that lie behind
   * each other are read in one go.
   *
   * @throws CooeeError ERR_STORAGE_DAMAGED, also when the file does not have one; ERR_STORAGE_*
   */
  async *blocks(stateCid: string, cids: readonly string[]): AsyncGenerator<Uint8Array> {
    const places = this.#held.get(stateCid)?.places;
    for (const run of runsOf(cids.map((cid) => [cid, places?.get(cid)] as const))) {
      const bytes = await this.#read(stateCid, run);
      for (const [cid, { offset, sizeBytes }] of run.blocks) {
        const from = offset - run.offset;
        yield this.#assert(cid, bytes.subarray(from, from + sizeBytes));
      }
    }
  }

  /**
   * A file is on the disk, and is what it should be, when this resolves. That of an earlier start
   * is read for that: a sync makes durable what the loss of power has left of it, too.
   *
   * @throws CooeeError ERR_STORAGE_DAMAGED; ERR_STORAGE_*
   */
  async sync(stateCid: string): Promise<void> {
    await this.#components.files.sync(stateCid);
    if (!this.#doubted.has(stateCid)) return;
    const cids = this.#held.get(stateCid)?.list.buckets.flat() ?? [];
    for await (const _verified of this.blocks(stateCid, cids));
    this.#doubted.delete(stateCid);
  }

  /** Reads no more of a file; whether it did. */
  drop(stateCid: string): boolean {
    this.#doubted.delete(stateCid);
    return this.#held.delete(stateCid);
  }

  /** Removes a file. @throws CooeeError ERR_STORAGE_* */
  async remove(stateCid: string): Promise<void> {
    this.drop(stateCid);
    await this.#components.files.remove(stateCid);
  }

  async #verified(stateCid: string, cid: string, place: BlockPlace): Promise<Uint8Array> {
    return this.#assert(cid, await this.#read(stateCid, place));
  }

  #assert(cid: string, bytes: Uint8Array): Uint8Array {
    if (cidOf(this.#components.crypto.sha256, bytes) === cid) return bytes;
    throw damaged('a block');
  }

  async #read(stateCid: string, { offset, sizeBytes }: BlockPlace): Promise<Uint8Array> {
    const bytes = await this.#components.files.read(stateCid, offset, sizeBytes);
    if (bytes?.length === sizeBytes) return bytes;
    throw damaged(bytes === undefined ? 'a file that is gone' : 'its length');
  }
}

/** Whether an error means that a file will never be what it was. */
export function isDamage(error: unknown): error is CooeeError {
  if (!(error instanceof CooeeError)) return false;
  const { code, details } = error;
  if (code === 'ERR_STORAGE_DAMAGED' || code.startsWith('ERR_WIRE_')) return true;
  // A sector that cannot be read; not want of file handles.
  return code === 'ERR_STORAGE_IO' && details['cause'] === 'EIO';
}

interface Run extends BlockPlace {
  readonly blocks: (readonly [cid: string, place: BlockPlace])[];
}

function* runsOf(
  places: readonly (readonly [cid: string, place: BlockPlace | undefined])[],
): Iterable<Run> {
  let run: { offset: number; sizeBytes: number; readonly blocks: Run['blocks'] } | undefined;
  for (const [cid, place] of places) {
    if (place === undefined) throw damaged('a list');
    const end = run === undefined ? -1 : run.offset + run.sizeBytes;
    const isNext = end === place.offset;
    if (run !== undefined && isNext && run.sizeBytes + place.sizeBytes <= RUN_BYTES_MAX) {
      run.sizeBytes += place.sizeBytes;
      run.blocks.push([cid, place]);
      continue;
    }
    if (run !== undefined) yield run;
    run = { ...place, blocks: [[cid, place]] };
  }
  if (run !== undefined) yield run;
}

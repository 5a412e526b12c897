import {
  type CooeeError,
  type Crypto,
  type FileStore,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type StoreWrite,
  toError,
} from '../../../interface/index.ts';
import { cidOf } from '../../../wire/index.ts';
import { damaged } from '../files/layout.ts';
import { isDamage, SnapshotFiles } from '../files/snapshot-files.ts';
import { readRecords, type SnapshotRecord, snapshotRecord } from '../records.ts';
import { decodeList, type StateList } from '../state-blocks.ts';

/** Snapshots that are kept: who fetches one has a whole interval to finish. */
const KEPT = 2;

/** Rows that are deleted with one batch. */
const DELETED_AT_ONCE = 1_024;

/** What the log says of a snapshot whose blocks are not what they should be. */
const DAMAGED = 'a snapshot is damaged and is forgotten';

/** What {@link KeptSnapshots} works with. */
export interface KeptSnapshotsComponents {
  readonly store: KeyValueStore;
  readonly files: FileStore;
  readonly crypto: Crypto;
  readonly logger: Logger;
  /** The disk failed in a way after which nothing may be acknowledged: the process must end. */
  readonly onFatal?: ((error: CooeeError) => void) | undefined;
}

/**
 * The snapshots that this node has: for each a record in the store's namespace `snapshot`, and its
 * blocks. Those that it took itself have a file; those that it fetched and installed have rows of
 * the namespace `block`, until they are not kept any more.
 *
 * Taking one, in order: its draft is written; the draft gets its name; the record is written,
 * together with the removal of those that are not kept; their files are removed. None of it is
 * synced before {@link KeptSnapshots.sync}. Whatever a crash leaves of that,
 * {@link KeptSnapshots.open} comes to records and files that belong together:
 *
 * - A draft: `FileStore.open` removes it.
 * - A file without its record, since the process ended between the two, or the power took the
 *   record: it is removed.
 * - A record without its file, or with one that is cut, since the power took that, or brought back
 *   the record of one that was dropped: the record is forgotten.
 * - A file of the right length with other bytes in it: the record is forgotten as soon as a block
 *   of it is read, by who asks for it, to be copied into the next file, or before it counts as
 *   durable: the log goes by that.
 *
 * A snapshot that was forgotten is taken anew at the next mark. So that the others can still be
 * helped then, a file goes only when the newest snapshot that a majority signed, which is kept, is
 * durable: the log was compacted up to one of them.
 */
export class KeptSnapshots {
  readonly #components: KeptSnapshotsComponents;
  readonly #files: SnapshotFiles;
  #records: readonly SnapshotRecord[] = [];
  /** Lists of those whose blocks are rows of the store. */
  readonly #inRows = new Map<string, StateList>();
  /** Those that are durable for sure. */
  readonly #synced = new Set<string>();
  /** Nothing is left in the namespace `block` that is not needed. */
  #isSwept = false;
  /** Tasks that need what lies in the namespace `block`. */
  #rowUsers = 0;
  #forgetting: Promise<void> = Promise.resolve();

  constructor(components: KeptSnapshotsComponents) {
    this.#components = components;
    this.#files = new SnapshotFiles(components);
    this.#files.onDamage((stateCid, error) => this.forget(stateCid, error));
  }

  /** By rising index. */
  get records(): readonly SnapshotRecord[] {
    return this.#records;
  }

  /** The files of those that have one. */
  get files(): SnapshotFiles {
    return this.#files;
  }

  /**
   * Loads what is kept, and removes what nothing refers to. Of a snapshot whose file is damaged the
   * record is forgotten.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async open(): Promise<void> {
    await this.#forgetting;
    this.#isSwept = false;
    this.#inRows.clear();
    this.#synced.clear();
    const found = await this.#files.reset();
    const records: SnapshotRecord[] = [];
    for (const record of await this.#readRecords()) {
      if (await this.#isThere(record, found.get(record.stateCid))) records.push(record);
      else await this.#components.store.batch([removalOf(record)]);
    }
    this.#records = records;
    for (const name of found.keys()) if (!this.#files.has(name)) await this.#removeFile(name);
  }

  /** Resolves when nothing is being forgotten. */
  async idle(): Promise<void> {
    await this.#forgetting;
  }

  /**
   * Adds a snapshot whose file is whole, and forgets those that are not kept any more.
   *
   * @throws CooeeError ERR_STORAGE_*; nothing is added then
   */
  async add(record: SnapshotRecord): Promise<void> {
    try {
      await this.#add(record);
    } catch (error) {
      if (!this.#has(record.stateCid)) await this.#removeFile(record.stateCid);
      throw error;
    }
    await this.#sweep();
  }

  /** Notes the head that was signed for a snapshot. @throws CooeeError ERR_STORAGE_* */
  async keepHead(index: number, head: Uint8Array): Promise<void> {
    const record = this.#records.find((it) => it.index === index);
    if (record === undefined || record.head !== undefined) return;
    const signed = { ...record, head };
    this.#records = this.#records.map((it) => (it === record ? signed : it));
    await this.#components.store.batch([writeOf(signed)]);
  }

  /**
   * Makes a snapshot durable: its file, and what was stored up to here, the state up to it
   * included: one synced write takes those before it along. When that fails, or the file turns out
   * to be damaged, the snapshot is forgotten.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async sync(index: number): Promise<void> {
    const { stateCid } = this.#records.find((it) => it.index === index) ?? {};
    if (stateCid === undefined || this.#synced.has(stateCid)) return;
    if (this.#files.has(stateCid)) await this.#syncFile(stateCid);
    const record = this.#records.find((it) => it.stateCid === stateCid);
    if (record === undefined) throw damaged('a file');
    await this.#components.store.batch([writeOf(record)], { sync: true });
    this.#synced.add(stateCid);
  }

  /** While a task runs nothing is removed from the namespace `block`. */
  async keepRows<T>(task: () => Promise<T>): Promise<T> {
    this.#rowUsers++;
    try {
      return await task();
    } finally {
      this.#rowUsers--;
    }
  }

  /**
   * Forgets a snapshot. Never throws.
   *
   * @param said - what the log says of it, besides the error
   */
  forget(stateCid: string, error: unknown, said = DAMAGED): void {
    const { store, logger } = this.#components;
    const gone = this.#records.filter((it) => it.stateCid === stateCid);
    // At once: nobody is to read more of it.
    if (!this.#files.drop(stateCid) && gone.length === 0) return;
    const index = gone[0]?.index ?? 0;
    logger.warn({ err: toError(error), index }, said);
    this.#records = this.#records.filter((it) => it.stateCid !== stateCid);
    this.#forgetting = this.#forgetting
      .then(async () => {
        await this.#removeFile(stateCid);
        await store.batch(gone.map(removalOf));
      })
      .catch((thrown: unknown) => {
        // The next start meets a record without a file.
        logger.warn({ err: toError(thrown), index }, 'a forgotten snapshot cannot be removed');
      });
  }

  #has(stateCid: string): boolean {
    return this.#records.some((it) => it.stateCid === stateCid);
  }

  async #add(record: SnapshotRecord): Promise<void> {
    const all = [...this.#records.filter(({ index }) => index < record.index), record];
    const signed = all.findLast(({ head }) => head !== undefined);
    const kept = all.filter((it, i) => i >= all.length - KEPT || it === signed);
    const dropped = this.#records.filter((it) => !kept.includes(it));
    try {
      if (dropped.length > 0 && signed !== undefined) await this.sync(signed.index);
    } catch (error) {
      // It is forgotten now, and another one is the newest that a majority signed.
      if (isCooeeError(error, 'ERR_STORAGE_DAMAGED')) return await this.#add(record);
      throw error;
    }
    await this.#components.store.batch([...dropped.map(removalOf), writeOf(record)]);
    const isDropped = (cid: string): boolean => dropped.some(({ stateCid }) => stateCid === cid);
    // A head may have come meanwhile, or one may have been forgotten.
    this.#records = [...this.#records.filter(({ stateCid }) => !isDropped(stateCid)), record];
    for (const { stateCid } of dropped) {
      if (this.#inRows.delete(stateCid)) this.#isSwept = false;
      this.#synced.delete(stateCid);
      if (!this.#has(stateCid)) await this.#removeFile(stateCid);
    }
  }

  /** Rows that a snapshot of before, or a fetch, left behind. Never rejects. */
  async #sweep(): Promise<void> {
    if (this.#isSwept || this.#rowUsers > 0) return;
    const { store, logger } = this.#components;
    const needed = new Set(
      [...this.#inRows].flatMap(([stateCid, { buckets }]) => [stateCid, ...buckets.flat()]),
    );
    try {
      await deleteRows(store, 'block', (key) => !needed.has(key));
      this.#isSwept = true;
    } catch (error) {
      logger.warn({ err: toError(error) }, 'blocks that are not needed cannot be removed');
    }
  }

  async #syncFile(stateCid: string): Promise<void> {
    try {
      await this.#files.sync(stateCid);
    } catch (error) {
      this.forget(stateCid, error);
      if (isCooeeError(error) && error.details['fatal'] === true) this.#components.onFatal?.(error);
      throw error;
    }
  }

  /** Never rejects: what stays is removed at the next start. */
  async #removeFile(stateCid: string): Promise<void> {
    try {
      await this.#files.remove(stateCid);
    } catch (error) {
      this.#components.logger.warn({ err: toError(error) }, 'a snapshot cannot be removed');
    }
  }

  async #readRecords(): Promise<readonly SnapshotRecord[]> {
    const { store, logger } = this.#components;
    try {
      return await readRecords(store);
    } catch (error) {
      if (!isDamage(error)) throw error;
      logger.warn({ err: toError(error) }, 'the snapshots are damaged and are taken anew');
      await deleteRows(store, 'snapshot', () => true);
      return [];
    }
  }

  /** Whether a snapshot's blocks are where they should be, in a file or in rows. */
  async #isThere(record: SnapshotRecord, sizeBytes: number | undefined): Promise<boolean> {
    const { store, crypto, logger } = this.#components;
    const { stateCid, index } = record;
    try {
      if (sizeBytes !== undefined) {
        await this.#files.open(stateCid, { index, sizeBytes });
        return true;
      }
      const list = await store.get('block', stateCid);
      if (list === undefined || cidOf(crypto.sha256, list) !== stateCid) throw damaged('a list');
      this.#inRows.set(stateCid, decodeList(list));
      return true;
    } catch (error) {
      if (isCooeeError(error, 'ERR_STORAGE_NOT_OPEN')) throw error;
      logger.warn({ err: toError(error), index }, DAMAGED);
      return false;
    }
  }
}

async function deleteRows(
  store: KeyValueStore,
  namespace: 'block' | 'snapshot',
  isGone: (key: string) => boolean,
): Promise<void> {
  let writes: StoreWrite[] = [];
  for await (const [key] of store.entries(namespace, { isKeysOnly: true })) {
    if (isGone(key)) writes.push({ namespace, key });
    if (writes.length < DELETED_AT_ONCE) continue;
    await store.batch(writes);
    writes = [];
  }
  await store.batch(writes);
}

function writeOf(record: SnapshotRecord): StoreWrite {
  const key = snapshotRecord.key(record.index);
  return { namespace: 'snapshot', key, value: snapshotRecord.encode(record) };
}

function removalOf({ index }: SnapshotRecord): StoreWrite {
  return { namespace: 'snapshot', key: snapshotRecord.key(index) };
}

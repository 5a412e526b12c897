import {
  CooeeError,
  type Crypto,
  type HardState,
  isCooeeError,
  type LogRecord,
  type LogStore,
} from '../../interface/index.ts';
import {
  appendLeaf,
  EMPTY_FRONTIER,
  leafHash,
  type MerkleFrontier,
  merkleRoot,
} from '../../wire/index.ts';
import { RecentRecords } from './recent-records.ts';

/** Entries that are read at once. */
export const RUN_ENTRIES_MAX = 64;
/** A run is applied in one go, and the list of a large host (25 KB) takes a while: two of them. */
const RUN_BYTES_MAX = 64 * 1024;
/** Entries that may wait to be hashed: they are held in memory as long. */
const UNHASHED_MAX = 256;
/** What is written at once: more than a leader gathers, half of what a log takes. */
const WRITE_BYTES_MAX = 2 * 1024 * 1024;

/** All that is held of a log, committed or not: its end, its root, and the records. */
export class LogTail {
  readonly #log: LogStore;
  readonly #crypto: Crypto;
  readonly #recent = new RecentRecords();
  #frontier: MerkleFrontier = EMPTY_FRONTIER;
  /** The entries behind it: as a rule they are applied before anybody asks for the root. */
  #unhashed: Uint8Array[] = [];
  #term = 0;
  #fatal: CooeeError | undefined;

  constructor({ log, crypto }: { readonly log: LogStore; readonly crypto: Crypto }) {
    this.#log = log;
    this.#crypto = crypto;
  }

  /** The last index held. */
  get index(): number {
    return this.#frontier.size + this.#unhashed.length;
  }

  /** The term that was last persisted. */
  get term(): number {
    return Math.max(this.#log.hardState.term, this.#term);
  }

  /** Merkle root of all that is held. */
  root(): Uint8Array {
    return merkleRoot(this.#crypto.sha256, this.#hashed());
  }

  /** Entries up to there are applied, which takes their hashes: they need not be made twice. */
  reached(applied: MerkleFrontier): void {
    const count = applied.size - this.#frontier.size;
    if (count <= 0) return;
    this.#unhashed.splice(0, count);
    this.#frontier = applied;
  }

  /** The roots that the log would have with each of these entries behind it. */
  rootsWith(entries: readonly Uint8Array[]): readonly Uint8Array[] {
    const { sha256 } = this.#crypto;
    let frontier = this.#hashed();
    return entries.map((bytes) => {
      frontier = appendLeaf(sha256, frontier, leafHash(sha256, bytes));
      return merkleRoot(sha256, frontier);
    });
  }

  /**
   * Writes entries behind all that is held, and the hard state: with one fsync, but for what came
   * to a follower while its disk was busy, which may be more than a log takes at once.
   */
  async persist(records: readonly LogRecord[], hardState: HardState): Promise<void> {
    let from = 0;
    for (let to = writeEnd(records, 0); to < records.length; to = writeEnd(records, from)) {
      const first = records.slice(from, to);
      // Nothing is committed on the disk that is not there.
      const commit = Math.min(hardState.commit, first.at(-1)?.index ?? 0);
      await this.#append(first, { ...hardState, commit });
      from = to;
    }
    await this.#append(from === 0 ? records : records.slice(from), hardState);
  }

  async #append(records: readonly LogRecord[], hardState: HardState): Promise<void> {
    await this.#noting(this.#log.append(records, hardState));
    this.#recent.push(records);
    for (const { index, bytes } of records) {
      // The end may have been found anew meanwhile, with this.
      if (index > this.index) this.#unhashed.push(bytes);
    }
    if (this.#unhashed.length > UNHASHED_MAX) this.#hashed();
    this.#term = Math.max(this.#term, hardState.term);
  }

  /** Forgets entries from `from` on, all of them behind what is applied. */
  async truncateFrom(from: number, applied: MerkleFrontier): Promise<void> {
    if (from <= applied.size) {
      throw new CooeeError('ERR_STORAGE_SEQUENCE', `entry ${from} is applied: it stays`);
    }
    this.#recent.truncateFrom(from);
    await this.#noting(this.#log.truncateFrom(from));
    await this.load(applied);
  }

  /**
   * Opens the log when a write had failed, and finds its end anew.
   *
   * @throws CooeeError the failed sync, when it was that: what can be read by then need not be on
   * the disk, and only another process may go by it
   */
  async reopen(applied: MerkleFrontier): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal;
    if (this.#log.status === 'failed') await this.#log.open();
    this.#recent.clear();
    await this.load(applied);
  }

  /** Nothing in memory is of this log any more. */
  forget(): void {
    this.#recent.clear();
  }

  /** Finds the end of the log, from what is applied on. */
  async load(applied: MerkleFrontier): Promise<void> {
    const { sha256 } = this.#crypto;
    let frontier = applied;
    let { term } = this.#log.hardState;
    while (frontier.size < this.#log.lastIndex) {
      for (const record of await this.readRun(frontier.size + 1, RUN_ENTRIES_MAX)) {
        frontier = appendLeaf(sha256, frontier, leafHash(sha256, record.bytes));
        term = record.term;
      }
    }
    // At the end, so that a failed read does not leave half of it behind.
    this.#frontier = frontier;
    this.#unhashed = [];
    this.#term = term;
  }

  async read(from: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    return (
      this.readRecent(from, countMax, bytesMax) ?? (await this.#log.read(from, countMax, bytesMax))
    );
  }

  /** From memory alone; undefined when it takes the disk. */
  readRecent(from: number, countMax: number, bytesMax: number): readonly LogRecord[] | undefined {
    return this.#recent.read(from, countMax, bytesMax);
  }

  /**
   * Up to where this log is committed, by the disk and by what was known before: that stays, unless
   * it is not held any more.
   *
   * @throws CooeeError ERR_STORAGE_DAMAGED when the log ends before that
   */
  committed(applied: number, known: number): number {
    const { hardState, lastIndex: last } = this.#log;
    const commit = Math.max(applied, hardState.commit, Math.min(known, last));
    if (commit <= last) return commit;
    throw new CooeeError('ERR_STORAGE_DAMAGED', 'the log ends before what was committed of it', {
      details: { applied, commit, last },
    });
  }

  /** At least one record, or the loops that wait for more would never end. */
  async readRun(from: number, countMax: number): Promise<readonly LogRecord[]> {
    const records = await this.read(from, countMax, RUN_BYTES_MAX);
    if (records.length > 0) return records;
    throw new CooeeError('ERR_STORAGE_DAMAGED', 'the log lacks an entry', { details: { from } });
  }

  /** The frontier right behind all that is held. */
  #hashed(): MerkleFrontier {
    const { sha256 } = this.#crypto;
    for (const bytes of this.#unhashed.splice(0)) {
      this.#frontier = appendLeaf(sha256, this.#frontier, leafHash(sha256, bytes));
    }
    return this.#frontier;
  }

  /** Keeps in mind what a sync failed with. */
  async #noting(write: Promise<void>): Promise<void> {
    try {
      await write;
    } catch (error) {
      if (isCooeeError(error) && error.details['fatal'] === true) this.#fatal = error;
      throw error;
    }
  }
}

/** Where a write ends that begins with the record at `from`: it holds that one, and what fits. */
function writeEnd(records: readonly LogRecord[], from: number): number {
  let bytes = 0;
  for (let to = from; to < records.length; to++) {
    bytes += records[to]?.bytes.length ?? 0;
    if (to > from && bytes > WRITE_BYTES_MAX) return to;
  }
  return records.length;
}

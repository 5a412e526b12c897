/**
 * Namespaces of the key-value store: append-only. A retired one stays listed. Keys sort bytewise as
 * UTF-8.
 *
 * | namespace | key -> value |
 * |---|---|
 * | `meta` | name -> dag-cbor (`format`, `applied` = last applied index and what belongs to it) |
 * | `state` | state key -> dag-cbor value (protocols/slurp) |
 * | `outbox` | `<boot, 10 digits>-<number, 12 digits>` -> signed batch |
 * | `replay` | origin peer -> high mark of the replay window |
 * | `head` | name -> signed head (`highest` = the highest one ever verified) |
 * | `announcement` | peer -> signed original announcement |
 * | `pending` | id -> enrolment request that waits for its grant |
 * | `gpuinfo` | tuple hash -> GPU description, on leaders that opened it |
 * | `chain` | 16 decimal digits of the index -> link of the trust chain: a signed head |
 * | `block` | CID -> part of a snapshot of the state that was fetched from others |
 * | `tile` | 16 decimal digits of an index, a multiple of 256 -> inner nodes of the Merkle tree |
 * | `snapshot` | 16 decimal digits of the index -> what a snapshot is made of; `install` |
 * | `dht` | `change/<token>`, `entry/<index>`, `path/<index>`: what proves this node's agents |
 * | `webhook` | `due/<webhook>/<n>`, `dirty/<call>`, `told/<call>`: what webhooks wait for |
 * | `session` | id -> agent, beginning and end of a session, while its ticket is good |
 * | `heldback` | as `outbox` -> accepted command whose blocks are not held yet |
 * | `refusal` | 12 decimal digits -> submission that was accepted here and then refused |
 * | `refusedcall` | 12 decimal digits -> call that was accepted here and then refused |
 * | `content` | CID -> block of a submission: a large content or a patch |
 * | `contentinfo` | `held/<CID>`, `loose/<CID>`: blocks that are here, referred to or not yet |
 */
export const NAMESPACES = [
  'meta',
  'state',
  'outbox',
  'heldback',
  'replay',
  'head',
  'announcement',
  'pending',
  'gpuinfo',
  'chain',
  'block',
  'tile',
  'snapshot',
  'dht',
  'webhook',
  'session',
  'refusal',
  'refusedcall',
  'content',
  'contentinfo',
] as const;

/** One of {@link NAMESPACES}. */
export type Namespace = (typeof NAMESPACES)[number];

/** One change of a batch; without a value the key is deleted. */
export interface StoreWrite {
  readonly namespace: Namespace;
  readonly key: string;
  readonly value?: Uint8Array;
}

/** Bounds of {@link KeyValueStore.entries}, and what of them is wanted. */
export interface StoreRange {
  readonly gt?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly reverse?: boolean;
  /** At most this many entries. */
  readonly limit?: number;
  /** The values are not read: empty ones stand in their place. */
  readonly isKeysOnly?: boolean;
}

/**
 * Where a store is in its life. `failed` = a write failed; it acknowledges nothing until it was
 * reopened.
 */
export type StoreStatus = 'closed' | 'open' | 'failed';

/**
 * The contents of a store at one moment, whatever is written after. Whoever took it closes it; it
 * ends with the store at the latest.
 */
export interface StoreSnapshot {
  /** As {@link KeyValueStore.get}. @throws CooeeError ERR_STORAGE_NOT_OPEN, also once closed */
  get(namespace: Namespace, key: string): Promise<Uint8Array | undefined>;
  /** As {@link KeyValueStore.entries}. @throws CooeeError ERR_STORAGE_NOT_OPEN, also once closed */
  entries(namespace: Namespace, range?: StoreRange): AsyncIterable<readonly [string, Uint8Array]>;
  /**
   * As {@link entries}, as many at a time as were read in one go, at least one: to wait for each of
   * many costs more than to read it.
   */
  pages(
    namespace: Namespace,
    range?: StoreRange,
  ): AsyncIterable<readonly (readonly [string, Uint8Array])[]>;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * A durable, ordered key-value store. One suite in test/unit/storage runs against every
 * implementation.
 */
export interface KeyValueStore {
  readonly status: StoreStatus;
  /**
   * Opens the store, or reopens it after a failure.
   *
   * @throws CooeeError ERR_STORAGE_HOME_LOCKED, ERR_STORAGE_FORMAT_NEWER, ERR_STORAGE_DAMAGED,
   * ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO
   */
  open(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
  /** The value, or undefined. @throws CooeeError ERR_STORAGE_NOT_OPEN */
  get(namespace: Namespace, key: string): Promise<Uint8Array | undefined>;
  /**
   * As {@link get}, at once: for small values, since the caller waits for the disk. What a batch
   * wrote is seen when that batch has resolved.
   *
   * @throws CooeeError ERR_STORAGE_NOT_OPEN
   */
  getSync(namespace: Namespace, key: string): Uint8Array | undefined;
  /** Entries in key order; bounded by `range`. */
  entries(namespace: Namespace, range?: StoreRange): AsyncIterable<readonly [string, Uint8Array]>;
  /**
   * What the store holds now, at once: batches and deferred writes that have resolved, and none
   * that has not.
   *
   * @throws CooeeError ERR_STORAGE_NOT_OPEN
   */
  snapshot(): StoreSnapshot;
  /**
   * Writes all or nothing; later writes to one key win. With `sync` it is on the disk when this
   * resolves; earlier batches without it may still not be. An empty batch does nothing. After any
   * failed write the store is `failed` and refuses everything until {@link open} was called again.
   *
   * @throws CooeeError ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO (with `details.fatal` when an fsync
   * may have failed: the process must end), ERR_STORAGE_NOT_OPEN, ERR_STORAGE_BUSY when too much
   * waits, ERR_STORAGE_KEY
   */
  batch(writes: readonly StoreWrite[], options?: { readonly sync?: boolean }): Promise<void>;
  /**
   * As {@link batch}, for what can be rebuilt and is written often: readers see it at once, and it
   * goes to the disk with the next batch, before that, or a moment later; of several writes to one
   * key the last. It resolves when it is written, not synced. When that fails it is kept, to be
   * written when the store is opened again, and is gone with the process: all of what was deferred
   * since some moment, and never what came before something that is there. It is never refused for
   * want of room: who defers much waits for it. The bytes must not be changed any more. A key that
   * is deferred is not written by a batch that may fail and be there all the same: what is kept
   * would come over a part of it.
   *
   * @param options isUrgent: it goes to the disk at once, with what was deferred before it
   * @throws CooeeError at once ERR_STORAGE_NOT_OPEN, ERR_STORAGE_KEY; what it resolves to as
   *   {@link batch}
   */
  defer(writes: readonly StoreWrite[], options?: { readonly isUrgent?: boolean }): Promise<void>;
}

/** A file of a {@link FileStore} that is whole. */
export interface StoredFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * Large files beside the stores: each is written once, from front to back, under the name of a
 * draft, gets its own name when it is whole, and is only read from then on. Nothing of it is
 * durable before {@link FileStore.sync}: after a crash it may be gone, cut, or hold zeros. Names
 * are of the characters `a-z`, `0-9` and `-`, 64 at most. One suite in test/unit/storage runs
 * against every implementation.
 *
 * Everything but {@link FileStore.open} throws ERR_STORAGE_NOT_OPEN while it is not open,
 * ERR_STORAGE_KEY for what is no name, ERR_STORAGE_DISK_FULL and ERR_STORAGE_IO.
 */
export interface FileStore {
  /** Removes the drafts that an earlier start left. @throws CooeeError ERR_STORAGE_* */
  open(): Promise<void>;
  /** Idempotent. What was begun is given up. */
  close(): Promise<void>;
  /** All that are whole, by name. */
  list(): Promise<readonly StoredFile[]>;
  /**
   * Writes behind what the draft holds; begins it when there is none. One call at a time for each
   * draft. The bytes are the caller's again when it resolves. After an error the draft is good for
   * nothing but {@link discard}.
   */
  append(draft: string, bytes: Uint8Array): Promise<void>;
  /** Gives a draft its name; what had that name is gone then. */
  finish(draft: string, name: string): Promise<void>;
  /** Gives up a draft, when there is one. */
  discard(draft: string): Promise<void>;
  /** That part of a file: less when it ends before; undefined when there is no such file. */
  read(name: string, offset: number, sizeBytes: number): Promise<Uint8Array | undefined>;
  /**
   * A whole file is on the disk, with its name, when this resolves.
   *
   * @throws CooeeError ERR_STORAGE_IO with `details.fatal` after a failed fsync: the process must
   * end; without it when there is no such file
   */
  sync(name: string): Promise<void>;
  /** Idempotent; a crash may bring it back. */
  remove(name: string): Promise<void>;
}

/** One entry as the log store keeps it. */
export interface LogRecord {
  /** From 1, without holes. */
  readonly index: number;
  readonly term: number;
  /** The canonical bytes of the entry. */
  readonly bytes: Uint8Array;
}

/** Raft's hard state (Ongaro & Ousterhout 2014, figure 2: "persistent state on all servers"). */
export interface HardState {
  readonly term: number;
  /** The peer voted for in `term`, or null. */
  readonly vote: string | null;
  /** The highest index known committed. */
  readonly commit: number;
}

/**
 * What a voter must not forget besides its {@link HardState}, each with an index. Append-only: a
 * name never gets another meaning.
 *
 * | mark | set while |
 * |---|---|
 * | `lost-state` | it lost what it had promised; the index is where its log ended then, or 0 |
 * | `seat-out` | its seat was given away; until its state is that of the index |
 */
export const LOG_MARKS = ['lost-state', 'seat-out'] as const;

/** One of {@link LOG_MARKS}. */
export type LogMark = (typeof LOG_MARKS)[number];

/** What opening a log found. */
export interface LogRecovery {
  /** Bytes of an incomplete last record that were cut, 0 when there was none. */
  readonly tornBytes: number;
}

/**
 * The durable, append-only log. One suite in test/unit/storage runs against every implementation.
 */
export interface LogStore {
  readonly status: StoreStatus;
  /** The first index held; 1 unless compacted. */
  readonly firstIndex: number;
  /** The last index held; firstIndex - 1 when empty. */
  readonly lastIndex: number;
  readonly hardState: HardState;
  /** The marks that are set, as they are on the disk. */
  readonly marks: ReadonlyMap<LogMark, number>;
  /** Term of a record that is held; undefined for others. From memory. */
  termOf(index: number): number | undefined;
  /**
   * Opens the log, or reopens it after a failure; cuts a torn tail, and makes durable what it
   * found.
   *
   * @throws CooeeError ERR_STORAGE_DAMAGED with details file and offset when bytes that were
   * written have changed
   * @throws CooeeError ERR_STORAGE_FORMAT_NEWER, ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO
   */
  open(): Promise<LogRecovery>;
  /** Idempotent; lets what waits be written first. */
  close(): Promise<void>;
  /**
   * Of a log that failed because the disk was full, and was opened again: has room made for what is
   * appended next. Whoever only reads, or makes room by {@link compactBefore}, goes without.
   *
   * @throws CooeeError ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO, ERR_STORAGE_NOT_OPEN
   */
  ensureRoom(): Promise<void>;
  /**
   * Appends records (and the hard state, when given) as a whole; on the disk when this resolves.
   * Calls are written in their order; those that wait share one fdatasync. Records follow the last
   * one handed in without a hole. After a failed write the log is `failed` until reopened, and what
   * the call wrote may be there then or not.
   *
   * @throws CooeeError ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO; with `details.fatal` after a failed
   * fsync: the process must end, trying again proves nothing
   * @throws CooeeError ERR_STORAGE_NOT_OPEN, ERR_STORAGE_SEQUENCE, ERR_STORAGE_TOO_LARGE,
   * ERR_STORAGE_BUSY
   */
  append(records: readonly LogRecord[], hardState?: HardState): Promise<void>;
  /**
   * Sets a mark, or takes it back (null), durably and in order with the appends. No truncation or
   * compaction forgets it. Throws as {@link append} does, ERR_STORAGE_SEQUENCE for an index out of
   * range.
   */
  mark(mark: LogMark, index: number | null): Promise<void>;
  /**
   * Records from `from` on: at most `countMax` and about `bytesMax` bytes, at least one when there
   * is one.
   *
   * @throws CooeeError ERR_STORAGE_COMPACTED below `firstIndex`; ERR_STORAGE_DAMAGED,
   * ERR_STORAGE_IO, ERR_STORAGE_NOT_OPEN
   */
  read(from: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]>;
  /**
   * Forgets all records from `from` on, durably and in order with the appends. Throws as
   * {@link append} does.
   */
  truncateFrom(from: number): Promise<void>;
  /**
   * May forget whole segments whose records are all below `before`. Beyond the end (a snapshot was
   * installed) it forgets all records, and the log goes on with `before` as its next index. Throws
   * as {@link append} does.
   */
  compactBefore(before: number): Promise<void>;
}

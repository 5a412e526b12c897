import {
  type Clock,
  CooeeError,
  type Crypto,
  type Health,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type LogRecord,
  type LogStore,
  type StateReader,
  type StoreWrite,
  toError,
} from '../../interface/index.ts';
import {
  appendLeaf,
  EMPTY_FRONTIER,
  leafHash,
  type MerkleFrontier,
  merkleRoot,
} from '../../wire/index.ts';
import { type AppliedEntry, applyEntry } from '../machine/apply.ts';
import { decodeBatch, decodeEntry } from '../machine/codec.ts';
import { MeshState, StateOverlay } from '../machine/state.ts';
import { untilAborted } from '../until-aborted.ts';
import { AppliedStore } from './applied-store.ts';

/** Entries that are applied with one batch of the store. */
const RUN_ENTRIES_MAX = 64;
/** A run is applied in one go, and the list of a large host (25 KB) takes a while: two of them. */
const RUN_BYTES_MAX = 64 * 1024;

/** What the log of a mesh is built from. */
export interface MeshLogComponents {
  readonly log: LogStore;
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
}

/** Settings of {@link MeshLog}. */
export interface MeshLogInit {
  readonly meshId: string;
}

/**
 * Adds writes that must be in the same batch of the store as the entry's own (the outbox forgets
 * what was decided).
 */
export type ApplyHook = (entry: AppliedEntry) => readonly StoreWrite[];

/**
 * The replicated log with the state that follows from it. Entries are appended durably to the
 * segment log; once they are committed they are applied in order, each run with one batch of the
 * store that also holds the applied index, so a crash at any point is mended by applying again from
 * there.
 */
export class MeshLog {
  readonly #components: MeshLogComponents;
  readonly #stored: AppliedStore;
  readonly #meshId: string;
  readonly #state = new MeshState();
  readonly #hooks: ApplyHook[] = [];
  readonly #listeners: ((entry: AppliedEntry) => void)[] = [];
  readonly #stopped = new AbortController();
  #applied: MerkleFrontier = EMPTY_FRONTIER;
  #tail: MerkleFrontier = EMPTY_FRONTIER;
  #tailTerm = 0;
  #appliedTimeMs = 0;
  #appliedTerm = 0;
  #commit = 0;
  #work: Promise<void> = Promise.resolve();
  #halted: CooeeError | undefined;

  constructor(components: MeshLogComponents, init: MeshLogInit) {
    this.#components = components;
    this.#stored = new AppliedStore(components);
    this.#meshId = init.meshId;
  }

  get state(): StateReader {
    return this.#state;
  }

  get meshId(): string {
    return this.#meshId;
  }

  /** The last index whose entry is part of {@link state}. */
  get appliedIndex(): number {
    return this.#applied.size;
  }

  /** Term of the last applied entry; 0 before the first. */
  get appliedTerm(): number {
    return this.#appliedTerm;
  }

  get commitIndex(): number {
    return this.#commit;
  }

  /** The last index held, committed or not. */
  get tailIndex(): number {
    return this.#tail.size;
  }

  /** The agreed time of the last applied entry. */
  get appliedTimeMs(): number {
    return this.#appliedTimeMs;
  }

  /** The term that was last persisted. */
  get term(): number {
    return Math.max(this.#components.log.hardState.term, this.#tailTerm);
  }

  /**
   * Why nothing more can be applied (an entry of a newer program, damage); undefined while all is
   * well.
   */
  get halted(): CooeeError | undefined {
    return this.#halted;
  }

  /** True after a failed write, until {@link reopenLog}: nothing can be appended or read. */
  get isLogFailed(): boolean {
    return this.#components.log.status === 'failed';
  }

  /** Merkle root of the applied log. */
  appliedRoot(): Uint8Array {
    return merkleRoot(this.#components.crypto.sha256, this.#applied);
  }

  /** Merkle root of all that is held. */
  tailRoot(): Uint8Array {
    return merkleRoot(this.#components.crypto.sha256, this.#tail);
  }

  /** Called in order for each applied entry, after it is in the store and the state. */
  onApplied(listener: (entry: AppliedEntry) => void): void {
    this.#listeners.push(listener);
  }

  /** See {@link ApplyHook}. */
  addHook(hook: ApplyHook): void {
    this.#hooks.push(hook);
  }

  /**
   * Loads the state, applies what was committed and not applied, and finds the end of the log.
   *
   * @throws CooeeError ERR_STORAGE_DAMAGED; ERR_SLURP_LEVEL for an entry of a newer program;
   * ERR_STORAGE_*
   */
  async open(): Promise<void> {
    const { log } = this.#components;
    const applied = await this.#stored.load(this.#state);
    const commit = Math.max(applied.frontier.size, log.hardState.commit);
    if (commit > log.lastIndex) {
      throw new CooeeError('ERR_STORAGE_DAMAGED', 'the log ends before what was committed of it', {
        details: { applied: applied.frontier.size, commit, last: log.lastIndex },
      });
    }
    this.#applied = applied.frontier;
    this.#appliedTimeMs = applied.timeMs;
    this.#appliedTerm = applied.term;
    this.#commit = commit;
    await this.#loadTail();
    await this.#schedule(() => this.#applyCommitted());
  }

  /** Stops retries; the stores are closed by their owner. */
  async close(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_STORAGE_NOT_OPEN', 'the node stops'));
    await this.#work.catch(() => undefined);
  }

  /**
   * Appends entries durably, behind all that is held; `commit` becomes part of the same write.
   *
   * @throws CooeeError ERR_STORAGE_* : nothing was appended as far as callers may know
   */
  async append(records: readonly LogRecord[], commit: number): Promise<void> {
    const { log, crypto } = this.#components;
    const term = records.at(-1)?.term ?? this.term;
    await log.append(records, { term, vote: log.hardState.vote, commit });
    for (const { bytes } of records) {
      this.#tail = appendLeaf(crypto.sha256, this.#tail, leafHash(crypto.sha256, bytes));
    }
    this.#tailTerm = term;
  }

  /** The root that the log would have with these entries behind it. */
  rootsWith(entries: readonly Uint8Array[]): readonly Uint8Array[] {
    const { sha256 } = this.#components.crypto;
    let frontier = this.#tail;
    return entries.map((bytes) => {
      frontier = appendLeaf(sha256, frontier, leafHash(sha256, bytes));
      return merkleRoot(sha256, frontier);
    });
  }

  /** Forgets what was never committed: it does not fit the head that was to prove it. */
  async dropUncommitted(): Promise<void> {
    await this.#components.log.truncateFrom(this.#commit + 1);
    await this.#loadTail();
  }

  /**
   * Opens the log again after a failed write and finds its end anew. @throws CooeeError when it
   * still fails
   */
  async reopenLog(): Promise<void> {
    const { log } = this.#components;
    if (log.status === 'failed') await log.open();
    await this.#loadTail();
  }

  /**
   * Marks entries as committed and applies them; resolves once they are applied here. While the
   * store fails that takes as long as it takes: `signal` ends the waiting, not the work.
   *
   * @throws CooeeError why applying has halted; what reading the log throws; the signal's reason
   */
  async commitTo(index: number, signal?: AbortSignal): Promise<void> {
    this.#commit = Math.max(this.#commit, Math.min(index, this.#tail.size));
    const applied = this.#schedule(() => this.#applyCommitted());
    await (signal === undefined ? applied : untilAborted(applied, signal));
  }

  /** Records as they are held, for those who follow. */
  async read(from: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    return await this.#components.log.read(from, countMax, bytesMax);
  }

  async #loadTail(): Promise<void> {
    const { log, crypto } = this.#components;
    let tail = this.#applied;
    let term = log.hardState.term;
    while (tail.size < log.lastIndex) {
      for (const record of await this.#readRun(tail.size + 1, RUN_ENTRIES_MAX)) {
        tail = appendLeaf(crypto.sha256, tail, leafHash(crypto.sha256, record.bytes));
        term = record.term;
      }
    }
    // At the end, so that a failed read does not leave half of it behind.
    this.#tail = tail;
    this.#tailTerm = term;
  }

  /** At least one record, or the loops that wait for more would never end. */
  async #readRun(from: number, countMax: number): Promise<readonly LogRecord[]> {
    const records = await this.#components.log.read(from, countMax, RUN_BYTES_MAX);
    if (records.length > 0) return records;
    throw new CooeeError('ERR_STORAGE_DAMAGED', 'the log lacks an entry', { details: { from } });
  }

  async #schedule(task: () => Promise<void>): Promise<void> {
    const run = this.#work.then(task);
    // The chain goes on after a failure; whoever asked for this task is told of it.
    this.#work = run.catch(() => undefined);
    await run;
  }

  async #applyCommitted(): Promise<void> {
    while (this.#applied.size < this.#commit) {
      if (this.#halted !== undefined) throw this.#halted;
      const countMax = Math.min(RUN_ENTRIES_MAX, this.#commit - this.#applied.size);
      await this.#applyRun(await this.#readRun(this.#applied.size + 1, countMax));
    }
  }

  async #applyRun(records: readonly LogRecord[]): Promise<void> {
    const { crypto } = this.#components;
    const overlay = new StateOverlay(this.#state);
    const applied: AppliedEntry[] = [];
    let frontier = this.#applied;
    try {
      for (const { bytes } of records) {
        const entry = decodeEntry(bytes);
        const batch = decodeBatch(entry.batch).value;
        applied.push(applyEntry(overlay, { entry, batch }, { crypto, meshId: this.#meshId }));
        frontier = appendLeaf(crypto.sha256, frontier, leafHash(crypto.sha256, bytes));
      }
    } catch (error) {
      if (applied.length === 0) throw this.#halt(error);
      // What came before the entry that stops us is applied; the next round meets that entry first.
    }
    const timeMs = applied.at(-1)?.timeMs ?? this.#appliedTimeMs;
    const alongside = applied.flatMap((entry) => this.#hooks.flatMap((hook) => hook(entry)));
    const term = applied.at(-1)?.term ?? this.#appliedTerm;
    const run = { changes: overlay.changes(), alongside, frontier, timeMs, term };
    await this.#stored.save(run, this.#stopped.signal);
    this.#state.merge(overlay.changes());
    this.#applied = frontier;
    this.#appliedTimeMs = timeMs;
    this.#appliedTerm = term;
    for (const entry of applied) this.#tell(entry);
  }

  /** A listener's fault is its own: the log goes on, and so do the other listeners. */
  #tell(entry: AppliedEntry): void {
    for (const listener of this.#listeners) {
      try {
        listener(entry);
      } catch (error) {
        const { logger } = this.#components;
        logger.error({ err: toError(error), index: entry.index }, 'a listener of the log failed');
      }
    }
  }

  #halt(thrown: unknown): CooeeError {
    const { health, logger } = this.#components;
    const cause = toError(thrown);
    const isOld = isCooeeError(cause, 'ERR_SLURP_LEVEL') || isCooeeError(cause, 'ERR_WIRE_VERSION');
    const error = new CooeeError(isOld ? 'ERR_SLURP_LEVEL' : 'ERR_STORAGE_DAMAGED', undefined, {
      cause,
      details: { index: this.#applied.size + 1 },
    });
    this.#halted = error;
    logger.error({ err: cause, index: this.#applied.size + 1 }, 'an entry cannot be applied');
    health.raise({
      code: isOld ? 'upgrade-needed' : 'log-damaged',
      severity: 'error',
      text: `${error.message} (entry ${this.#applied.size + 1})`,
      remedy: error.remedy,
    });
    return error;
  }
}

import {
  CooeeError,
  type HardState,
  type LogRecord,
  type LogStore,
  type StateReader,
  toError,
  type VoterSetRecord,
  voterSetKey,
} from '../../interface/index.ts';
import { EMPTY_FRONTIER, equalBytes, type MerkleFrontier, merkleRoot } from '../../wire/index.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import { decodeEntry } from '../machine/codec.ts';
import { MeshState } from '../machine/state.ts';
import { untilAborted } from '../until-aborted.ts';
import { type AppliedRun, AppliedStore } from './applied-store.ts';
import { applyRecords, pendingLinks } from './apply-run.ts';
import { ColdKeys } from './cold-keys.ts';
import { haltError, isUnread } from './halt.ts';
import { LogTail, RUN_ENTRIES_MAX } from './log-tail.ts';
import type { ApplyHook, MeshLogComponents, MeshLogInit } from './ports.ts';
import { tileWrites } from './tiles.ts';

/** Applied indices whose Merkle frontier is kept at hand: heads are of the last few. */
const FRONTIERS_KEPT = 1_024;

/** Entries from one mark to the next; part of what the voters agree on. */
const SNAPSHOT_EVERY_ENTRIES = 8_192;

/**
 * The replicated log with the state that follows from it. Entries are appended durably to the
 * segment log; once they are committed they are applied in order, and the store gets the state of a
 * run together with the applied index, a moment later, so a crash at any point is mended by
 * applying again from there.
 */
export class MeshLog {
  readonly snapshotEveryEntries: number;
  readonly #levelMax: number;
  readonly #components: MeshLogComponents;
  readonly #stored: AppliedStore;
  readonly #meshId: string;
  readonly #state: MeshState;
  readonly #tail: LogTail;
  readonly #hooks: ApplyHook[] = [];
  #listeners: readonly ((entry: AppliedEntry) => void)[] = [];
  readonly #runListeners: ((run: AppliedRun) => void)[] = [];
  readonly #replaceListeners: ((index: number) => void)[] = [];
  readonly #stopped = new AbortController();
  #applied: MerkleFrontier = EMPTY_FRONTIER;
  /** The last {@link FRONTIERS_KEPT} of them: a ring by index. */
  readonly #frontiers: MerkleFrontier[] = [];
  #appliedTimeMs = 0;
  #appliedTerm = 0;
  #commit = 0;
  #work: Promise<void> = Promise.resolve();
  #halted: CooeeError | undefined;

  constructor(components: MeshLogComponents, init: MeshLogInit) {
    this.#components = components;
    this.#stored = new AppliedStore(components, new ColdKeys(components));
    this.#state = new MeshState(this.#stored.cold);
    this.#tail = new LogTail(components);
    this.#meshId = init.meshId;
    this.snapshotEveryEntries = init.snapshotEveryEntries ?? SNAPSHOT_EVERY_ENTRIES;
    this.#levelMax = init.levelMax ?? Number.POSITIVE_INFINITY;
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
    return this.#tail.index;
  }

  /** The agreed time of the last applied entry. */
  get appliedTimeMs(): number {
    return this.#appliedTimeMs;
  }

  /**
   * The term that was last persisted; never an earlier one than that of what is applied, for a
   * state that was installed comes without entries.
   */
  get term(): number {
    return Math.max(this.#tail.term, this.#appliedTerm);
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

  /**
   * The Merkle frontier right after an applied entry: of the last 1,024 of them that this program
   * applied itself.
   */
  frontierAt(index: number): MerkleFrontier | undefined {
    if (index === this.#applied.size) return this.#applied;
    const kept = this.#frontiers[index % FRONTIERS_KEPT];
    return kept?.size === index ? kept : undefined;
  }

  /** Merkle root of all that is held. */
  tailRoot(): Uint8Array {
    return this.#tail.root();
  }

  /**
   * Called in order for each applied entry, after it is in the store and the state. @returns ends
   * it
   */
  onApplied(listener: (entry: AppliedEntry) => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((it) => it !== listener);
    };
  }

  /**
   * Called for each run of entries, after it is in the state and can be read in the store, and
   * before anything that follows. At a mark, and after a change of voters, it is written, and the
   * store holds the state of that very index.
   */
  onRun(listener: (run: AppliedRun) => void): void {
    this.#runListeners.push(listener);
  }

  /**
   * Called with {@link appliedIndex} after the state was replaced as a whole: entries may have been
   * passed over that nobody was told of.
   */
  onReplaced(listener: (appliedIndex: number) => void): void {
    this.#replaceListeners.push(listener);
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
    await this.#load();
    await this.#schedule(() => this.#applyCommitted());
  }

  /**
   * Has the state, and what of the log it makes needless, replaced on the disk by `task`, then
   * loads both anew and applies what is committed beyond. Nothing is applied meanwhile.
   *
   * @throws CooeeError what the task throws: nothing more can be applied then; as {@link open}
   */
  async replace(task: () => Promise<void>): Promise<void> {
    await this.#schedule(async () => {
      try {
        this.#stored.forgetKeys();
        await task();
        this.#tail.forget();
        this.#frontiers.length = 0;
        await this.#load();
        this.#halted = undefined;
      } catch (error) {
        this.#halted = new CooeeError('ERR_STORAGE_DAMAGED', 'the state was not replaced in full', {
          cause: error,
        });
        throw error;
      }
      this.#tell(this.#replaceListeners, this.appliedIndex);
    });
    await this.#schedule(() => this.#applyCommitted());
  }

  async #load(): Promise<void> {
    const applied = await this.#stored.load(this.#state);
    this.#commit = this.#tail.committed(applied.frontier.size, this.#commit);
    this.#applied = applied.frontier;
    this.#appliedTimeMs = applied.timeMs;
    this.#appliedTerm = applied.term;
    await this.#tail.load(this.#applied);
  }

  /** Stops retries; the stores are closed by their owner. */
  async close(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_STORAGE_NOT_OPEN', 'the node stops'));
    await this.#work.catch(() => undefined);
    await this.#stored.close();
  }

  /**
   * Appends entries durably, behind all that is held; `commit` becomes part of the same write.
   *
   * @throws CooeeError ERR_STORAGE_* : nothing was appended as far as callers may know
   */
  async append(records: readonly LogRecord[], commit: number): Promise<void> {
    const { vote } = this.held.hardState;
    // It never goes back: who pulls may have been a voter in a later term than that of what it
    // pulls, and must not forget what it did there.
    const term = Math.max(this.term, records.at(-1)?.term ?? 0);
    await this.persist(records, { term, vote, commit });
  }

  /**
   * Writes what a voter must not forget: entries behind all that is held and the hard state, as a
   * rule with one fsync. Of more than 2 MiB the first ones may be there when this fails.
   *
   * @throws CooeeError ERR_STORAGE_* : nothing was appended as far as callers may know
   */
  async persist(records: readonly LogRecord[], hardState: HardState): Promise<void> {
    await this.#tail.persist(records, hardState);
  }

  /**
   * Forgets entries that were never committed.
   *
   * @param from the first one; behind what is applied
   * @throws CooeeError ERR_STORAGE_*
   */
  async truncateFrom(from: number): Promise<void> {
    await this.#tail.truncateFrom(from, this.#applied);
  }

  /** Who votes and learns as of what is applied, and the index of the entry that said so. */
  configuration(): {
    readonly configuration: Pick<VoterSetRecord, 'voters' | 'learners'>;
    readonly configurationIndex: number;
  } {
    const latest = this.#state.get('voterset', voterSetKey(this.#state.size('voterset')));
    const { voters, learners, index } = latest ?? { voters: [], learners: [], index: 0 };
    return { configuration: { voters, learners }, configurationIndex: index };
  }

  /** What the log holds, for who decides about it: Raft's core. */
  get held(): Pick<LogStore, 'firstIndex' | 'lastIndex' | 'hardState' | 'termOf'> {
    return this.#components.log;
  }

  /** The root that the log would have with these entries behind it. */
  rootsWith(entries: readonly Uint8Array[]): readonly Uint8Array[] {
    return this.#tail.rootsWith(entries);
  }

  /** Forgets what was never committed: it does not fit the head that was to prove it. */
  async dropUncommitted(): Promise<void> {
    await this.truncateFrom(this.#commit + 1);
  }

  /**
   * Opens the log again after a failed write. What turns out to be on the disk counts, as after a
   * start: a recovery commits more than was known before.
   *
   * @throws CooeeError when it still fails; the error of a failed sync, for good
   */
  async reopenLog(): Promise<void> {
    await this.#tail.reopen(this.#applied);
    const { commit } = this.held.hardState;
    if (commit > this.#commit) await this.commitTo(commit);
  }

  /** See {@link LogStore.ensureRoom}. */
  async ensureRoom(): Promise<void> {
    await this.#components.log.ensureRoom();
  }

  /**
   * Marks entries as committed and applies them; resolves once they are applied here. While the
   * store fails that takes as long as it takes: `signal` ends the waiting, not the work.
   * @throws CooeeError why applying has halted; what reading the log throws; the signal's reason
   */
  async commitTo(index: number, signal?: AbortSignal): Promise<void> {
    this.#commit = Math.max(this.#commit, Math.min(index, this.#tail.index));
    const applied = this.#schedule(() => this.#applyCommitted());
    await (signal === undefined ? applied : untilAborted(applied, signal));
  }

  /** Whether a batch is committed, and waits to be applied: it is as durable as it can be. */
  isCommitted(batch: Uint8Array): boolean {
    const waiting = this.#commit - this.appliedIndex;
    if (waiting === 0) return false;
    const records = this.readRecent(this.appliedIndex + 1, waiting, Number.MAX_SAFE_INTEGER);
    return records?.some(({ bytes }) => equalBytes(decodeEntry(bytes).batch, batch)) ?? false;
  }

  /** Records as they are held, for those who follow. */
  async read(from: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    return await this.#tail.read(from, countMax, bytesMax);
  }

  /** As {@link read}, from memory alone; undefined when it takes the disk. */
  readRecent(from: number, countMax: number, bytesMax: number): readonly LogRecord[] | undefined {
    return this.#tail.readRecent(from, countMax, bytesMax);
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
      await this.#applyRun(await this.#tail.readRun(this.#applied.size + 1, countMax));
    }
  }

  async #applyRun(records: readonly LogRecord[]): Promise<void> {
    const { crypto } = this.#components;
    const { signal } = this.#stopped;
    await this.#stored.readable(signal);
    const start = { state: this.#state, frontier: this.#applied };
    const { meshId, snapshotEveryEntries } = this;
    const init = { crypto, meshId, snapshotEveryEntries, levelMax: this.#levelMax };
    const done = applyRecords(start, records, init);
    const { overlay, applied, frontiers, isExact, stop } = done;
    // What came before the entry that stops us is applied; the next round meets that entry first.
    if (stop !== undefined && applied.length === 0) {
      throw isUnread(stop.error) ? stop.error : this.#halt(stop.error);
    }
    const frontier = frontiers.at(-1) ?? this.#applied;
    const timeMs = applied.at(-1)?.timeMs ?? this.#appliedTimeMs;
    const term = applied.at(-1)?.term ?? this.#appliedTerm;
    const alongside = applied.flatMap((entry) => this.#hooks.flatMap((hook) => hook(entry)));
    alongside.push(...pendingLinks(crypto, done));
    alongside.push(...tileWrites(crypto.sha256, start.frontier, { records, frontiers }));
    const run = { changes: overlay.changes(), alongside, frontier, timeMs, term };
    await this.#stored.save(run, { isExact, signal });
    this.#state.merge(run.changes);
    this.#applied = frontier;
    this.#tail.reached(frontier);
    for (const it of frontiers) this.#frontiers[it.size % FRONTIERS_KEPT] = it;
    this.#appliedTimeMs = timeMs;
    this.#appliedTerm = term;
    this.#tell(this.#runListeners, run);
    for (const entry of applied) this.#tell(this.#listeners, entry);
  }

  /** A listener's fault is its own: the log goes on, and so do the other listeners. */
  #tell<T>(listeners: readonly ((it: T) => void)[], it: T): void {
    for (const listener of listeners) {
      try {
        listener(it);
      } catch (error) {
        const { logger } = this.#components;
        logger.error({ err: toError(error) }, 'a listener of the log failed');
      }
    }
  }

  #halt(thrown: unknown): CooeeError {
    const error = haltError(this.#components, thrown, this.#applied.size + 1);
    this.#halted = error;
    return error;
  }
}

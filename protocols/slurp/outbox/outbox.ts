import { CooeeError, type StateReader, type StoreWrite, toError } from '../../interface/index.ts';
import { encodeCanonical, equalBytes } from '../../wire/index.ts';
import { ChurnMap } from '../churn-map.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import { type Command, decodeBatch, encodeBatch, forgetSigned } from '../machine/codec.ts';
import type { CommandBody, CommandKind } from '../machine/kinds.ts';
import { isLeaderBatch } from '../machine/leader-kinds.ts';
import { Callers } from './callers.ts';
import { batchLength, Gathering } from './gathering.ts';
import { HeldBack, type HeldCommand } from './held-back.ts';
import { LateAcceptance } from './late-acceptance.ts';
import { NewCommands } from './new-commands.ts';
import { OutboxQuota } from './outbox-quota.ts';
import { decidedIn, isBehind, keyOf, refusedIn } from './own-batch.ts';
import type {
  OutboxBatch,
  OutboxComponents,
  OutboxInit,
  SubmitOptions,
  Submitted,
} from './ports.ts';
import { writeSynced } from './synced.ts';

export type * from './ports.ts';

interface Waiting {
  readonly command: Command;
  readonly bytes: number;
  readonly isAlone: boolean;
  /** It was accepted before, and has a row of its own. */
  readonly isHeld: boolean;
  readonly accept: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Commands on their way into the log. Each is on the disk before it is acknowledged, in the signed
 * batch in which it will be sent, so that a retry after any crash is the same bytes with the same
 * number and is applied once.
 */
export class Outbox {
  readonly #components: OutboxComponents;
  readonly #meshId: string;
  readonly #boot: number;
  readonly #batches = new ChurnMap<string, OutboxBatch>();
  /** Keys of batches that are not on the disk: a leader's, not accepted yet. */
  readonly #unwritten = new Set<string>();
  readonly #callers = new Callers();
  readonly #commands: NewCommands;
  readonly #quota = new OutboxQuota();
  readonly #held: HeldBack;
  readonly #late: LateAcceptance;
  readonly #gathering: Gathering;
  readonly #changeListeners: (() => void)[] = [];
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #seq: number;
  #closed: CooeeError | undefined;

  constructor(components: OutboxComponents, init: OutboxInit) {
    this.#components = components;
    this.#held = new HeldBack({
      ...components,
      refusalOf: (commands, error) => this.#refusalOf(commands, error),
      onRefused: (command, error) => {
        this.#quota.release(command);
        this.#callers.tell(command.id, { error });
      },
      onChange: () => this.#changed(),
    });
    this.#late = new LateAcceptance({ ...components, secure: (key) => this.#secure(key) });
    this.#gathering = new Gathering(components.clock, init.gatherMs ?? 0);
    this.#commands = new NewCommands(components, init.boot);
    this.#meshId = init.meshId;
    this.#boot = init.boot;
    this.#seq = init.lastSeq ?? 0;
  }

  /** Commands taken in and not decided yet. */
  get waitingCount(): number {
    return this.#quota.items;
  }

  /** Called when a batch was added or decided, or a command is held back. */
  onChange(listener: () => void): void {
    this.#changeListeners.push(listener);
  }

  /**
   * Loads what an earlier start left behind. Batches that the log had decided by then are
   * forgotten.
   *
   * @throws CooeeError ERR_WIRE_* when a stored batch is damaged
   */
  async open(state: StateReader): Promise<void> {
    const gone: OutboxBatch[] = [];
    const entered = new Set<string>();
    const mark = state.get('origin', this.#components.signer.peer);
    for await (const [key, bytes] of this.#components.store.entries('outbox')) {
      const { boot, seq, commands } = decodeBatch(bytes).value;
      // A number is never used for other bytes, nor a name for another command.
      if (boot === this.#boot) {
        this.#seq = Math.max(this.#seq, seq);
        this.#commands.skipTo(this.#commands.count + commands.length);
      }
      for (const { id } of commands) entered.add(id);
      const batch = { key, boot, seq, bytes, commands };
      if (isBehind(batch, mark)) {
        gone.push(batch);
        continue;
      }
      for (const command of commands) this.#quota.add(command);
      this.#batches.set(key, batch);
    }
    await this.#held.open(entered);
    this.#commands.skipTo(this.#held.lastNumber(this.#boot));
    for (const { command } of this.#held.all()) this.#quota.add(command);
    const stale = gone.flatMap((batch) => this.#skipped(batch));
    for (const { commands } of gone) this.#held.forget(commands);
    if (stale.length > 0) await this.#components.store.batch(stale);
  }

  /**
   * Hands a command in.
   *
   * @throws CooeeError ERR_SLURP_OUTBOX_FULL, ERR_SLURP_COMMAND for a wrong form,
   * ERR_WIRE_TOO_LARGE, and whatever this
   *   outbox was closed with (ERR_MEMBERSHIP_REMOVED, ERR_MEMBERSHIP_CLONE)
   */
  submit<K extends CommandKind>(
    kind: K,
    body: CommandBody<K>,
    options: SubmitOptions = {},
  ): Submitted {
    if (this.#closed !== undefined) throw this.#closed;
    const { command, bytes } = this.#commands.make(kind, body, options.actor);
    this.#quota.reserve(command);
    const { id } = command;
    const decided = this.#callers.expect(id, options.isAwaited === true);
    if (this.#held.concerns(command)) return { id, decided, accepted: this.#holdBack(command) };
    const accepted = new Promise<void>((accept, fail) => {
      const isAlone = options.alone ?? false;
      this.#waiting.push({ command, bytes, isAlone, isHeld: false, accept, fail });
    });
    this.#gathering.added(this.#waiting.length);
    this.#flushing ??= this.#flush();
    return { id, accepted, decided };
  }

  /** Commands that were accepted and are in no batch: their blocks are not held yet. */
  get held(): HeldBack {
    return this.#held;
  }

  /**
   * Puts a command that was held back into a batch; resolves when that is on the disk.
   *
   * @throws CooeeError ERR_STORAGE_*, and whatever this outbox was closed with: it stays held back
   */
  async enter({ command }: HeldCommand): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed;
    const bytes = encodeCanonical(command).length;
    await new Promise<void>((accept, fail) => {
      this.#waiting.push({ command, bytes, isAlone: true, isHeld: true, accept, fail });
      this.#flushing ??= this.#flush();
    });
  }

  /**
   * Takes a batch back whose blocks cannot be held: its commands wait for them, and what is behind
   * it goes on. Its number is used up; should the log have it all the same, then what refers to
   * blocks is there once, however often it comes.
   *
   * @throws CooeeError ERR_STORAGE_*: it is still there
   */
  async takeBack(batch: OutboxBatch): Promise<void> {
    const rows = this.#held.rowsFor(batch);
    await this.#write([{ namespace: 'outbox', key: batch.key }, ...rows]);
    if (this.#batches.get(batch.key) !== batch) {
      // Decided by the log meanwhile: that word stands.
      return await this.#write(rows.map(({ namespace, key }) => ({ namespace, key })));
    }
    this.#batches.delete(batch.key);
    this.#held.setEntered(batch.commands, false);
    this.#changed();
  }

  /** The batches that are not decided yet, in the order in which they are sent. */
  waiting(): Iterable<OutboxBatch> {
    return this.#batches.values();
  }

  /** The batch that is next to be sent; the same one until it was decided. */
  first(): OutboxBatch | undefined {
    for (const batch of this.#batches.values()) return batch;
    return undefined;
  }

  /** Commands that are not decided yet, in the order in which they came. */
  undecided(): Iterable<Command> {
    return this.#held.among([...this.#batches.values()].flatMap(({ commands }) => commands));
  }

  /**
   * The writes by which the store forgets a batch, for the batch of the store that applies its
   * entry.
   */
  writesFor(entry: AppliedEntry): readonly StoreWrite[] {
    const batch = this.#own(entry);
    if (batch === undefined) return [];
    const isWritten = !this.#unwritten.has(batch.key);
    const writes: StoreWrite[] = isWritten ? [{ namespace: 'outbox', key: batch.key }] : [];
    writes.push(...this.#held.deletesFor(batch.commands));
    for (const { command, refused } of refusedIn(entry, batch)) {
      writes.push(...(this.#components.onRefused?.(command, refused) ?? []));
    }
    return writes;
  }

  /** Tells the callers what the log decided. */
  onApplied(entry: AppliedEntry): void {
    const batch = this.#own(entry);
    if (batch === undefined) return;
    this.#remove(batch);
    for (const [id, decided] of decidedIn(entry, batch)) this.#callers.tell(id, decided);
  }

  /**
   * The state was replaced by one further on: what it has decided is forgotten, and how it was
   * decided cannot be told.
   *
   * @throws CooeeError ERR_STORAGE_*: the next start forgets it
   */
  async onReplaced(state: StateReader): Promise<void> {
    const mark = state.get('origin', this.#components.signer.peer);
    const gone = [...this.#batches.values()].filter((batch) => isBehind(batch, mark));
    const writes = gone.flatMap((batch) => this.#skipped(batch));
    for (const batch of gone) {
      this.#remove(batch);
      const error = new CooeeError('ERR_SLURP_SKIPPED');
      for (const { id } of batch.commands) this.#callers.tell(id, { error });
    }
    if (writes.length > 0) await this.#write(writes);
  }

  /**
   * Drops a batch that will never be in the log, and tells its callers why.
   *
   * @throws CooeeError ERR_STORAGE_*: it is still there
   */
  async refuse(batch: OutboxBatch, error: CooeeError): Promise<void> {
    const { key, commands } = batch;
    const rows = this.#held.deletesFor(commands);
    await this.#write([{ namespace: 'outbox', key }, ...rows, ...this.#refusalOf(commands, error)]);
    // Decided by the log meanwhile: that word stands.
    if (this.#batches.get(batch.key) !== batch) return;
    this.#remove(batch);
    for (const { id } of batch.commands) this.#callers.tell(id, { error });
  }

  /**
   * Takes nothing more: every later command is refused with `error`, and so is what was not
   * accepted yet.
   */
  shut(error: CooeeError): void {
    this.#closed = error;
    this.#fail(this.#waiting.splice(0), error);
  }

  /** Waits for the flush that is under way; who waits for the log is told that this is closed. */
  async stop(): Promise<void> {
    this.#closed ??= new CooeeError('ERR_API_STARTING', 'the node stops');
    this.#gathering.end();
    await this.#flushing;
    await this.#held.settled();
    this.#late.stop(this.#closed);
  }

  /**
   * True when the entry has this node's name and number but other bytes: the identity runs twice.
   */
  isForged(entry: AppliedEntry): boolean {
    const { origin } = entry.batch;
    if (origin !== this.#components.signer.peer || isLeaderBatch(entry.batch)) return false;
    if (entry.batch.boot !== this.#boot) return entry.batch.boot > this.#boot;
    if (entry.batch.seq > this.#seq) return true;
    const own = this.#batches.get(keyOf(entry.batch));
    return own !== undefined && !equalBytes(own.bytes, entry.batchBytes);
  }

  async #flush(): Promise<void> {
    // One turn of the loop, so that commands handed in together share a batch and its fsync.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      await this.#gathering.wait(this.#batches.size, this.#waiting.length, this.#callers.awaited);
      const taken = this.#waiting.splice(0, batchLength(this.#waiting));
      // All were refused meanwhile.
      if (taken.length === 0) break;
      // What was accepted before must be here until it is decided: it has no 20 ms.
      const isLeader = !taken.some((it) => it.isHeld) && (this.#components.isLeader?.() ?? false);
      try {
        const key = await this.#keep(taken, isLeader);
        if (isLeader) this.#late.wait(key, taken);
        else for (const { accept } of taken) accept();
      } catch (error) {
        this.#components.logger.warn({ err: toError(error) }, 'a command could not be kept');
        this.#fail(taken, error);
        continue;
      }
      this.#changed();
    }
    this.#flushing = undefined;
  }

  #fail(items: readonly Waiting[], error: unknown): void {
    for (const { command, isHeld, fail } of items) {
      if (!isHeld) this.#giveUp(command);
      fail(error);
    }
  }

  #giveUp(command: Command): void {
    this.#quota.release(command);
    this.#callers.forget(command.id);
  }

  async #holdBack(command: Command): Promise<void> {
    try {
      await this.#held.add({ boot: this.#boot, number: this.#commands.count, command });
    } catch (error) {
      this.#components.logger.warn({ err: toError(error) }, 'a command could not be kept');
      this.#giveUp(command);
      throw error;
    }
  }

  /** @param isLeader the log is about to have it: it is written here when that takes longer */
  async #keep(taken: readonly Waiting[], isLeader: boolean): Promise<string> {
    const boot = this.#boot;
    const seq = this.#seq + 1;
    const commands = taken.map(({ command }) => command);
    const batch = { mesh: this.#meshId, boot, seq, commands };
    const bytes = encodeBatch(this.#components.signer, batch);
    const key = keyOf({ boot, seq });
    // When this fails its bytes may be on the disk all the same: nobody has seen them, and the next
    // batch takes the same number, so that it overwrites them.
    if (isLeader) this.#unwritten.add(key);
    else await this.#write([{ namespace: 'outbox', key, value: bytes }]);
    this.#seq = seq;
    this.#batches.set(key, { key, boot, seq, bytes, commands });
    this.#held.setEntered(commands, true);
    return key;
  }

  async #secure(key: string): Promise<void> {
    const batch = this.#batches.get(key);
    if (batch === undefined) return;
    // Before the write: an entry that is applied meanwhile removes what this puts there.
    this.#unwritten.delete(key);
    await this.#write([{ namespace: 'outbox', key, value: batch.bytes }]);
  }

  async #write(writes: readonly StoreWrite[]): Promise<void> {
    await writeSynced(this.#components.store, writes);
  }

  #remove(batch: OutboxBatch): void {
    this.#batches.delete(batch.key);
    this.#unwritten.delete(batch.key);
    forgetSigned(batch.bytes);
    this.#held.forget(batch.commands);
    this.#late.settle(batch.key);
    this.#gathering.end();
    for (const command of batch.commands) this.#quota.release(command);
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#changeListeners) listener();
  }

  /** The writes that forget a batch which the log has decided while this node was away. */
  #skipped({ key, commands }: OutboxBatch): readonly StoreWrite[] {
    const rows = this.#held.deletesFor(commands);
    const kept = this.#refusalOf(commands, new CooeeError('ERR_SLURP_SKIPPED'));
    return [{ namespace: 'outbox', key }, ...rows, ...kept];
  }

  /** What is kept of commands that were refused before the log. */
  #refusalOf(commands: readonly Command[], { code, message }: CooeeError): readonly StoreWrite[] {
    return commands.flatMap((it) => this.#components.onRefused?.(it, { code, message }) ?? []);
  }

  #own(entry: AppliedEntry): OutboxBatch | undefined {
    // A leader's own never came from here, whatever their number.
    if (isLeaderBatch(entry.batch)) return undefined;
    if (entry.batch.origin !== this.#components.signer.peer) return undefined;
    return this.#batches.get(keyOf(entry.batch));
  }
}

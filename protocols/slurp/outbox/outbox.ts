import { CooeeError, type StateReader, type StoreWrite, toError } from '../../interface/index.ts';
import { encodeCanonical } from '../../wire/index.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import type { Command } from '../machine/codec.ts';
import type { CommandBody, CommandKind } from '../machine/kinds.ts';
import { decidedIn, refusedIn } from './batches/own-batch.ts';
import { OwnBatches } from './batches/own-batches.ts';
import { Batching } from './batching.ts';
import { Callers } from './callers.ts';
import { HeldBack, type HeldCommand } from './held-back.ts';
import { LateAcceptance } from './late-acceptance.ts';
import { NewCommands } from './new-commands.ts';
import { OutboxQuota } from './outbox-quota.ts';
import type {
  OutboxBatch,
  OutboxComponents,
  OutboxInit,
  SubmitOptions,
  Submitted,
} from './ports.ts';
import { writeSynced } from './synced.ts';

export type * from './ports.ts';

/**
 * Commands on their way into the log. Each is on the disk before it is acknowledged, in the signed
 * batch in which it will be sent, so that a retry after any crash is the same bytes with the same
 * number and is applied once.
 */
export class Outbox {
  readonly #components: OutboxComponents;
  readonly #boot: number;
  readonly #batches: OwnBatches;
  readonly #callers = new Callers();
  readonly #commands: NewCommands;
  readonly #quota = new OutboxQuota();
  readonly #held: HeldBack;
  readonly #late: LateAcceptance;
  readonly #batching: Batching;
  readonly #changeListeners: (() => void)[] = [];
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
    this.#batches = new OwnBatches(components, init);
    this.#late = new LateAcceptance({
      ...components,
      secure: (key) => this.#batches.secure(key),
      withdraw: (key) => this.#withdraw(key),
    });
    this.#batching = new Batching(
      {
        ...{ clock: components.clock, logger: components.logger, isLeader: components.isLeader },
        ...{ batches: this.#batches, late: this.#late },
        isClosed: () => this.#closed !== undefined,
        awaited: () => this.#callers.awaited,
        onEntered: (commands) => this.#held.setEntered(commands, true),
        onGivenUp: (command) => this.#giveUp(command),
        onBatch: () => this.#changed(),
      },
      init.gatherMs ?? 0,
    );
    this.#commands = new NewCommands(components, init.boot);
    this.#boot = init.boot;
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
   * Loads what an earlier start left behind. Batches behind the mark of the log are forgotten, and
   * their outcome is not known.
   *
   * @throws CooeeError ERR_WIRE_* when a stored batch is damaged
   */
  async open(state: StateReader): Promise<void> {
    const { kept, gone } = await this.#batches.open(state);
    const entered = new Set<string>();
    for (const { boot, commands } of [...kept, ...gone]) {
      // A name is never used for another command.
      if (boot === this.#boot) this.#commands.skipTo(this.#commands.count + commands.length);
      for (const { id } of commands) entered.add(id);
    }
    for (const command of kept.flatMap(({ commands }) => commands)) this.#quota.add(command);
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
   * @throws CooeeError ERR_SLURP_OUTBOX_FULL, ERR_SLURP_COMMAND (its form), ERR_WIRE_TOO_LARGE, and
   * whatever this was closed with (ERR_MEMBERSHIP_REMOVED, ERR_MEMBERSHIP_CLONE)
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
      this.#batching.add({ command, bytes, isAlone, isHeld: false, accept, fail });
    });
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
      this.#batching.add({ command, bytes, isAlone: true, isHeld: true, accept, fail });
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
    // Decided meanwhile; or it is given another number, and the leader's word on that one counts.
    if (!this.#batches.has(batch) || this.#batches.isOvertaken(batch)) return;
    const rows = this.#held.rowsFor(batch);
    this.#commands.skipTo(this.#held.lastNumber(this.#boot));
    await this.#write([{ namespace: 'outbox', key: batch.key }, ...rows]);
    if (!this.#batches.has(batch)) {
      // Decided by the log meanwhile: that word stands.
      return await this.#write(rows.map(({ namespace, key }) => ({ namespace, key })));
    }
    this.#batches.remove(batch);
    this.#held.setEntered(batch.commands, false);
    this.#changed();
  }

  /** The batches that are not decided yet, in the order in which they are sent. */
  waiting(): Iterable<OutboxBatch> {
    return this.#batches.values();
  }

  /** The batch that is next to be sent; the same one until it was decided. */
  first(): OutboxBatch | undefined {
    return this.#batches.first();
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
    const writes = [...this.#batches.strayDeletes()];
    const batch = this.#batches.decidedBy(entry);
    if (batch === undefined) return writes;
    writes.push(...this.#batches.deletesFor(batch), ...this.#held.deletesFor(batch.commands));
    for (const { command, refused } of refusedIn(entry, batch)) {
      writes.push(...(this.#components.onRefused?.(command, refused) ?? []));
    }
    return writes;
  }

  /**
   * Tells the callers what the log decided. A batch that the entry has overtaken, since whoever
   * relayed both handed on the later one alone, is given another number.
   */
  onApplied(entry: AppliedEntry): void {
    const batch = this.#batches.decidedBy(entry);
    if (batch !== undefined) {
      this.#remove(batch);
      for (const [id, decided] of decidedIn(entry, batch)) this.#callers.tell(id, decided);
    }
    this.#batches.passed(entry);
    this.#batching.mend();
  }

  /**
   * The state was replaced by one further on: what it has decided is forgotten, and how it was
   * decided cannot be told. Of what was overtaken before, it is known that it was not.
   *
   * @throws CooeeError ERR_STORAGE_*: the next start forgets it
   */
  async onReplaced(state: StateReader): Promise<void> {
    const gone = this.#batches.behind(state);
    const writes = gone.flatMap((batch) => this.#skipped(batch));
    for (const batch of gone) this.#end(batch, new CooeeError('ERR_SLURP_SKIPPED'));
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
    if (this.#batches.has(batch)) this.#end(batch, error);
  }

  /**
   * Takes nothing more: every later command is refused with `error`, and so is what was not
   * accepted yet.
   */
  shut(error: CooeeError): void {
    this.#closed = error;
    this.#batching.refuse(error);
  }

  /** Waits for the write that is under way; who waits for the log is told that this is closed. */
  async stop(): Promise<void> {
    this.#closed ??= new CooeeError('ERR_API_STARTING', 'the node stops');
    await this.#batching.stop();
    await this.#held.settled();
    this.#late.stop(this.#closed);
  }

  /**
   * True when the entry has this node's name and number but other bytes: the identity runs twice.
   */
  isForged(entry: AppliedEntry): boolean {
    return this.#batches.isForged(entry);
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

  async #write(writes: readonly StoreWrite[]): Promise<void> {
    await writeSynced(this.#components.store, writes);
  }

  #remove(batch: OutboxBatch): void {
    this.#batches.remove(batch);
    this.#held.forget(batch.commands);
    this.#late.settle(batch.key);
    this.#batching.hurry();
    for (const command of batch.commands) this.#quota.release(command);
    this.#changed();
  }

  /** It will not be in the log, or what became of it there cannot be told. */
  #end(batch: OutboxBatch, error: CooeeError): void {
    this.#remove(batch);
    for (const { id } of batch.commands) this.#callers.tell(id, { error });
  }

  #withdraw(key: string): void {
    const batch = this.#batches.withdraw(key);
    if (batch === undefined) return;
    this.#remove(batch);
    for (const { id } of batch.commands) this.#callers.forget(id);
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
}

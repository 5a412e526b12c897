import {
  type Actor,
  CooeeError,
  ERROR_CODES,
  LIMITS,
  type StateReader,
  type StoreWrite,
  toError,
} from '../../interface/index.ts';
import { cidOf, encodeCanonical, equalBytes } from '../../wire/index.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import { assertCommandForm, type Command, decodeBatch, encodeBatch } from '../machine/codec.ts';
import { assertCommand, type CommandBody, type CommandKind } from '../machine/kinds.ts';
import { isLeaderBatch } from '../machine/leader-kinds.ts';
import { BATCH_OVERHEAD_BYTES, batchLength, Gathering } from './gathering.ts';
import { LateAcceptance } from './late-acceptance.ts';
import { OutboxQuota } from './outbox-quota.ts';
import type {
  Decided,
  OutboxBatch,
  OutboxComponents,
  OutboxInit,
  SubmitOptions,
  Submitted,
} from './ports.ts';

export type * from './ports.ts';

interface Waiting {
  readonly command: Command;
  readonly bytes: number;
  readonly isAlone: boolean;
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
  readonly #batches = new Map<string, OutboxBatch>();
  /** Keys of batches that are not on the disk: a leader's, not accepted yet. */
  readonly #unwritten = new Set<string>();
  readonly #decided = new Map<string, (decided: Decided) => void>();
  readonly #quota = new OutboxQuota();
  readonly #late: LateAcceptance;
  /** Commands whose callers go on only when they are decided. */
  readonly #awaited = new Set<string>();
  readonly #gathering: Gathering;
  readonly #changeListeners: (() => void)[] = [];
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #seq: number;
  #commandCount = 0;
  #closed: CooeeError | undefined;

  constructor(components: OutboxComponents, init: OutboxInit) {
    this.#components = components;
    this.#late = new LateAcceptance({ ...components, secure: (key) => this.#secure(key) });
    this.#gathering = new Gathering(components.clock, init.gatherMs ?? 0);
    this.#meshId = init.meshId;
    this.#boot = init.boot;
    this.#seq = init.lastSeq ?? 0;
  }

  /** Commands taken in and not decided yet. */
  get waitingCount(): number {
    return this.#quota.items;
  }

  /** Called when a batch was added or decided. */
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
    const stale: StoreWrite[] = [];
    const mark = state.get('origin', this.#components.signer.peer);
    for await (const [key, bytes] of this.#components.store.entries('outbox')) {
      const { boot, seq, commands } = decodeBatch(bytes).value;
      // A number is never used for other bytes, nor a name for another command.
      if (boot === this.#boot) {
        this.#seq = Math.max(this.#seq, seq);
        this.#commandCount += commands.length;
      }
      if (isBehind({ boot, seq }, mark)) {
        stale.push({ namespace: 'outbox', key }, ...this.#skipped(commands));
        continue;
      }
      for (const command of commands) this.#quota.add(command);
      this.#batches.set(key, { key, boot, seq, bytes, commands });
    }
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
    const command = this.#command(kind, body as Record<string, unknown>, options.actor);
    assertCommandForm(command);
    assertCommand(command);
    const bytes = encodeCanonical(command).length;
    if (bytes > LIMITS.batchBytesMax - BATCH_OVERHEAD_BYTES) {
      throw new CooeeError('ERR_WIRE_TOO_LARGE');
    }
    this.#quota.reserve(command);
    const decided = new Promise<Decided>((resolve) => this.#decided.set(command.id, resolve));
    const accepted = new Promise<void>((accept, fail) => {
      this.#waiting.push({ command, bytes, isAlone: options.alone ?? false, accept, fail });
    });
    if (options.isAwaited === true) this.#awaited.add(command.id);
    this.#gathering.added(this.#waiting.length);
    this.#flushing ??= this.#flush();
    return { id: command.id, accepted, decided };
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
  *undecided(): Iterable<Command> {
    for (const { commands } of this.#batches.values()) yield* commands;
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
    const { onRefused } = this.#components;
    // A second start with this number names its commands alike: their outcomes are not ours.
    if (onRefused === undefined || !equalBytes(batch.bytes, entry.batchBytes)) return writes;
    for (const { command, outcome } of entry.decisions) {
      if (outcome.ok) continue;
      const { code, message = ERROR_CODES[code].meaning } = outcome;
      writes.push(...onRefused(command, { code, message, index: entry.index }));
    }
    return writes;
  }

  /** Tells the callers what the log decided. */
  onApplied(entry: AppliedEntry): void {
    const batch = this.#own(entry);
    if (batch === undefined) return;
    this.#remove(batch);
    // A second start with this number names its commands alike: their outcomes are not ours.
    const isOurs = equalBytes(batch.bytes, entry.batchBytes);
    const decisions = isOurs ? entry.decisions : [];
    const outcomes = new Map(decisions.map((it) => [it.command.id, it.outcome]));
    for (const { id } of batch.commands) {
      const outcome = outcomes.get(id);
      this.#settle(
        id,
        outcome === undefined
          ? { error: new CooeeError('ERR_MEMBERSHIP_CLONE', 'another start used this number') }
          : { index: entry.index, outcome },
      );
    }
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
    for (const batch of gone) {
      this.#remove(batch);
      const error = new CooeeError('ERR_SLURP_SKIPPED');
      for (const { id } of batch.commands) this.#settle(id, { error });
    }
    const writes = gone.flatMap(({ key, commands }): StoreWrite[] => [
      { namespace: 'outbox', key },
      ...this.#skipped(commands),
    ]);
    if (writes.length > 0) await this.#write(writes);
  }

  /**
   * Drops a batch that will never be in the log, and tells its callers why.
   *
   * @throws CooeeError ERR_STORAGE_*: it is still there
   */
  async refuse(batch: OutboxBatch, error: CooeeError): Promise<void> {
    const { onRefused } = this.#components;
    const { code, message } = error;
    const kept = batch.commands.flatMap((it) => onRefused?.(it, { code, message }) ?? []);
    await this.#write([{ namespace: 'outbox', key: batch.key }, ...kept]);
    // Decided by the log meanwhile: that word stands.
    if (this.#batches.get(batch.key) !== batch) return;
    this.#remove(batch);
    for (const { id } of batch.commands) this.#settle(id, { error });
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
    const own = this.#batches.get(keyOf(entry.batch.boot, entry.batch.seq));
    return own !== undefined && !equalBytes(own.bytes, entry.batchBytes);
  }

  #command(kind: string, body: Record<string, unknown>, actor?: Omit<Actor, 'peer'>): Command {
    const { signer, clock, crypto } = this.#components;
    this.#commandCount++;
    const name = [signer.peer, this.#boot, this.#commandCount];
    return {
      id: cidOf(crypto.sha256, encodeCanonical(name)),
      kind,
      actor: {
        ...(actor?.agent === undefined ? {} : { agent: actor.agent }),
        ...(actor?.human === undefined ? {} : { human: actor.human }),
        peer: signer.peer,
      },
      timeMs: clock.nowMs(),
      body,
    };
  }

  async #flush(): Promise<void> {
    // One turn of the loop, so that commands handed in together share a batch and its fsync.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const { size } = this.#batches;
      await this.#gathering.wait(size, this.#waiting.length, this.#awaited.size);
      const taken = this.#waiting.splice(0, batchLength(this.#waiting));
      // All were refused meanwhile.
      if (taken.length === 0) break;
      const isLeader = this.#components.isLeader?.() ?? false;
      try {
        const key = await this.#keep(taken, isLeader);
        if (isLeader) this.#late.wait(key, taken);
        else for (const { accept } of taken) accept();
      } catch (error) {
        this.#components.logger.warn({ err: toError(error) }, 'a command could not be kept');
        this.#fail(taken, error);
        continue;
      }
      for (const listener of this.#changeListeners) listener();
    }
    this.#flushing = undefined;
  }

  #fail(items: readonly Waiting[], error: unknown): void {
    for (const { command, fail } of items) {
      this.#quota.release(command);
      this.#decided.delete(command.id);
      this.#awaited.delete(command.id);
      fail(error);
    }
  }

  /** @param isLeader the log is about to have it: it is written here when that takes longer */
  async #keep(taken: readonly Waiting[], isLeader: boolean): Promise<string> {
    const boot = this.#boot;
    const seq = this.#seq + 1;
    const commands = taken.map(({ command }) => command);
    const batch = { mesh: this.#meshId, boot, seq, commands };
    const bytes = encodeBatch(this.#components.signer, batch);
    const key = keyOf(boot, seq);
    // When this fails its bytes may be on the disk all the same: nobody has seen them, and the next
    // batch takes the same number, so that it overwrites them.
    if (isLeader) this.#unwritten.add(key);
    else await this.#write([{ namespace: 'outbox', key, value: bytes }]);
    this.#seq = seq;
    this.#batches.set(key, { key, boot, seq, bytes, commands });
    return key;
  }

  async #secure(key: string): Promise<void> {
    const batch = this.#batches.get(key);
    if (batch === undefined) return;
    // Before the write: an entry that is applied meanwhile removes what this puts there.
    this.#unwritten.delete(key);
    await this.#write([{ namespace: 'outbox', key, value: batch.bytes }]);
  }

  /**
   * On the disk when it resolves. A failed store acknowledges nothing until it was opened again.
   */
  async #write(writes: readonly StoreWrite[]): Promise<void> {
    const { store } = this.#components;
    if (store.status === 'failed') await store.open();
    await store.batch(writes, { sync: true });
  }

  #remove(batch: OutboxBatch): void {
    this.#batches.delete(batch.key);
    this.#unwritten.delete(batch.key);
    this.#late.settle(batch.key);
    this.#gathering.end();
    for (const command of batch.commands) this.#quota.release(command);
    for (const listener of this.#changeListeners) listener();
  }

  /** What is kept of commands that the log has decided while this node was away. */
  #skipped(commands: readonly Command[]): readonly StoreWrite[] {
    const code = 'ERR_SLURP_SKIPPED';
    const refused = { code, message: ERROR_CODES[code].meaning } as const;
    return commands.flatMap((it) => this.#components.onRefused?.(it, refused) ?? []);
  }

  #own(entry: AppliedEntry): OutboxBatch | undefined {
    // A leader's own never came from here, whatever their number.
    if (isLeaderBatch(entry.batch)) return undefined;
    if (entry.batch.origin !== this.#components.signer.peer) return undefined;
    return this.#batches.get(keyOf(entry.batch.boot, entry.batch.seq));
  }

  #settle(id: string, decided: Decided): void {
    this.#decided.get(id)?.(decided);
    this.#decided.delete(id);
    this.#awaited.delete(id);
  }
}

function keyOf(boot: number, seq: number): string {
  return `${String(boot).padStart(10, '0')}-${String(seq).padStart(12, '0')}`;
}

/** Whether the log has decided a batch: its origin's mark is at or beyond it. */
function isBehind(
  batch: { readonly boot: number; readonly seq: number },
  mark: { readonly boot: number; readonly seq: number } | undefined,
): boolean {
  if (mark === undefined) return false;
  return batch.boot < mark.boot || (batch.boot === mark.boot && batch.seq <= mark.seq);
}

import { z } from 'zod';
import {
  type CooeeError,
  type Crypto,
  type KeyValueStore,
  LIMITS,
  type StoreWrite,
} from '../../interface/index.ts';
import { count, decodeAs, encodeCanonical, timeMs } from '../../wire/index.ts';
import { type Command, commandSchema } from '../machine/codec.ts';
import { blocksOfCommand, orderKeysOf } from '../machine/kinds.ts';
import { keyOf, type Numbered } from './batches/own-batch.ts';
import { writeSynced } from './synced.ts';

/** Room in a row for everything but the command. */
const ROW_OVERHEAD_BYTES = 256;

const rowSchema = z.strictObject({
  v: z.literal(1),
  boot: count.min(1),
  /** Of the commands of that start. */
  number: count.min(1),
  command: commandSchema,
  /** Since when voters say that they cannot hold its blocks, by the clock of this node. */
  failingMs: timeMs.optional(),
});

type Row = Omit<z.output<typeof rowSchema>, 'v'>;

/** A command that was accepted and has no place in a batch yet. */
export interface HeldCommand {
  readonly command: Command;
  /** Nothing is before it, here or in a batch, that it must not overtake. */
  readonly isFirst: boolean;
  /** Since when its blocks cannot be held, by the clock of this node. */
  readonly failingMs: number | undefined;
}

/** What {@link HeldBack} works with. */
export interface HeldBackComponents {
  readonly store: KeyValueStore;
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** The writes that remember a refusal. */
  readonly refusalOf: (commands: readonly Command[], error: CooeeError) => readonly StoreWrite[];
  /** A command is here no longer, and is in no batch. */
  readonly onRefused: (command: Command, error: CooeeError) => void;
  /** A command came, or went. */
  readonly onChange: () => void;
}

/** A row and where it stands. */
interface Kept {
  readonly row: Row;
  /** Commands that have one in common stay in their order. */
  readonly keys: readonly string[];
  /** In a batch, or on its way: the row stays on the disk until that is decided. */
  readonly isEntered: boolean;
}

/**
 * Commands that were accepted and whose blocks a majority does not hold yet, and those that must
 * not overtake them. Each has a row of its own on the disk and no number of a batch, since what has
 * one holds up all that is numbered behind it. The row outlives the entry into a batch: whatever
 * became of that write, one of the two is there.
 */
export class HeldBack {
  readonly #components: HeldBackComponents;
  /** By id of the command, in the order in which they were accepted. */
  readonly #kept = new Map<string, Kept>();

  /** Writes under way. */
  readonly #adding = new Set<Promise<void>>();

  constructor(components: HeldBackComponents) {
    this.#components = components;
  }

  /**
   * Loads the rows of earlier starts.
   *
   * @param entered ids of commands that are in a batch of the outbox
   * @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* when a row is damaged
   */
  async open(entered: ReadonlySet<string>): Promise<void> {
    for await (const [, bytes] of this.#components.store.entries('heldback')) {
      const { v: _v, ...row } = decodeRow(bytes);
      this.#add(row, entered.has(row.command.id));
    }
  }

  /** Numbers of commands of a start up to this one are taken. */
  lastNumber(boot: number): number {
    const numbers = [...this.#kept.values()].map(({ row }) => (row.boot === boot ? row.number : 0));
    return numbers.reduce((a, b) => Math.max(a, b), 0);
  }

  /** Whether a command needs a row of its own. */
  concerns(command: Command): boolean {
    if (blocksOfCommand(command).length > 0) return true;
    if (this.#kept.size === 0) return false;
    const keys = this.#keysOf(command);
    return keys.length > 0 && this.#isBehindAny(keys);
  }

  /**
   * Takes a command in: it is on the disk when it resolves.
   *
   * @throws CooeeError ERR_STORAGE_*: it is not here then
   */
  async add(row: Row): Promise<void> {
    // Before the write, so that what comes behind it meanwhile does not overtake it.
    this.#add(row, true);
    const writing = this.#write([writeOf(row)]);
    this.#adding.add(writing);
    try {
      await writing;
    } catch (error) {
      this.forget([row.command]);
      throw error;
    } finally {
      this.#adding.delete(writing);
    }
    this.setEntered([row.command], false);
    this.#components.onChange();
  }

  /** Resolves when what came is on the disk, or is not here. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#adding);
  }

  /** Those that are in no batch, in the order in which they were accepted. */
  *all(): Iterable<HeldCommand> {
    const ahead = new Set<string>();
    for (const { row, keys, isEntered } of this.#kept.values()) {
      const { command, failingMs } = row;
      if (!isEntered) yield { command, failingMs, isFirst: !keys.some((key) => ahead.has(key)) };
      for (const key of keys) ahead.add(key);
    }
  }

  /** Commands that are in batches and those that are in none, the oldest first. */
  *among(commands: readonly Command[]): Iterable<Command> {
    const held = [...this.all()].map(({ command }) => command).reverse();
    for (const command of commands) {
      while ((held.at(-1)?.timeMs ?? Infinity) < command.timeMs) yield* held.splice(-1);
      yield command;
    }
    yield* held.reverse();
  }

  /** Whether it is here, and in no batch. */
  has({ id }: Command): boolean {
    return this.#kept.get(id)?.isEntered === false;
  }

  /** They are in a batch, or no longer. */
  setEntered(commands: readonly Command[], isEntered: boolean): void {
    for (const { id } of commands) {
      const kept = this.#kept.get(id);
      if (kept !== undefined) this.#kept.set(id, { ...kept, isEntered });
    }
  }

  /** They are decided, or were never kept. */
  forget(commands: readonly Command[]): void {
    for (const { id } of commands) this.#kept.delete(id);
  }

  /** Notes since when its blocks cannot be held. @throws CooeeError ERR_STORAGE_* */
  async noteFailing({ command }: HeldCommand, failingMs: number): Promise<void> {
    const kept = this.#kept.get(command.id);
    if (kept === undefined || kept.row.failingMs !== undefined) return;
    const row = { ...kept.row, failingMs };
    this.#kept.set(command.id, { ...kept, row });
    await this.#write([writeOf(row)]);
  }

  /**
   * Drops a command, and tells its caller why.
   *
   * @throws CooeeError ERR_STORAGE_*: it is still here
   */
  async refuse({ command }: HeldCommand, error: CooeeError): Promise<void> {
    if (!this.has(command)) return;
    const { refusalOf, onRefused, onChange } = this.#components;
    // It is to be refused: it enters no batch meanwhile.
    this.setEntered([command], true);
    try {
      await this.#write([...this.deletesFor([command]), ...refusalOf([command], error)]);
    } catch (thrown) {
      this.setEntered([command], false);
      throw thrown;
    }
    this.forget([command]);
    onRefused(command, error);
    onChange();
  }

  /** The writes by which the store forgets commands. */
  deletesFor(commands: readonly Command[]): readonly StoreWrite[] {
    return commands.flatMap(({ id }): StoreWrite[] => {
      const row = this.#kept.get(id)?.row;
      return row === undefined ? [] : [{ namespace: 'heldback', key: keyOfRow(row) }];
    });
  }

  /**
   * The writes by which the commands of a batch have rows, those of another version of this program
   * too, whose batches with blocks had none. These come behind all that their start left behind: a
   * number of its own that another command has would take that one's row.
   */
  rowsFor({ boot, commands }: Numbered & { readonly commands: readonly Command[] }) {
    return commands.map((command): StoreWrite => {
      const known = this.#kept.get(command.id)?.row;
      if (known !== undefined) return writeOf(known);
      const row = { boot, number: this.lastNumber(boot) + 1, command };
      this.#add(row, true);
      return writeOf(row);
    });
  }

  async #write(writes: readonly StoreWrite[]): Promise<void> {
    await writeSynced(this.#components.store, writes);
  }

  #add(row: Row, isEntered: boolean): void {
    this.#kept.set(row.command.id, { row, keys: this.#keysOf(row.command), isEntered });
  }

  #keysOf(command: Command): readonly string[] {
    return orderKeysOf(this.#components.crypto.sha256, command);
  }

  #isBehindAny(keys: readonly string[]): boolean {
    for (const kept of this.#kept.values()) {
      if (kept.keys.some((key) => keys.includes(key))) return true;
    }
    return false;
  }
}

/** The command of a row of the namespace `heldback`. @throws CooeeError ERR_WIRE_* */
export function decodeHeldCommand(bytes: Uint8Array): Command {
  return decodeRow(bytes).command;
}

function decodeRow(bytes: Uint8Array): z.output<typeof rowSchema> {
  return decodeAs(rowSchema, bytes, LIMITS.batchBytesMax + ROW_OVERHEAD_BYTES);
}

function writeOf({ failingMs, ...row }: Row): StoreWrite {
  const value = { v: 1, ...row, ...(failingMs === undefined ? {} : { failingMs }) };
  return { namespace: 'heldback', key: keyOfRow(row), value: encodeCanonical(value) };
}

function keyOfRow({ boot, number }: Pick<Row, 'boot' | 'number'>): string {
  return keyOf({ boot, seq: number });
}

import {
  type ColdTable,
  type HotTable,
  isColdTable,
  type StateReader,
  type StateTable,
  type StateTables,
  type StateWriter,
} from '../../interface/index.ts';
import { bucketOf } from './bucket.ts';
import { RecentValues } from './recent-values.ts';

/** One change of the replicated state; without a value the key is deleted. */
export interface StateChange {
  readonly table: StateTable;
  readonly key: string;
  readonly value?: StateTables[StateTable];
}

/** With the bucket that its key belongs to: whoever stores it needs that, and the next snapshot. */
export interface PlacedChange extends StateChange {
  readonly bucket: number;
}

type Table = Map<string, StateTables[StateTable]>;

/** Values of cold tables that were written last: what comes in is often asked for at once. */
const RECENT_MAX = 4_096;

/**
 * Keys that were looked for and are not there: whoever hands a command in looks before the log
 * does.
 */
const ABSENT_MAX = 1_024;

/** Those that nothing reads while commands are applied; contents are large, too. */
const UNREAD: ReadonlySet<StateTable> = new Set(['content', 'submitted', 'version']);

/** Where the values of cold tables are read from. */
export interface ColdReader {
  /** From memory: true = there is surely none, false = it has to be read. */
  isAbsent(table: ColdTable, key: string): boolean;
  /** @throws CooeeError ERR_STORAGE_* */
  read(table: ColdTable, key: string): StateTables[StateTable] | undefined;
}

/**
 * The replicated state: in memory, but for the cold tables, which stay in the store. Changed by
 * {@link MeshState.merge} alone, after the changes are in the store; so a value of a cold table is
 * there to be read from the moment on at which a hot one is.
 */
export class MeshState implements StateReader {
  #tables = new Map<StateTable, Table>();
  readonly #cold: ColdReader | undefined;
  readonly #recent = new RecentValues<StateTables[StateTable]>(RECENT_MAX);
  readonly #absent = new Set<string>();

  /** @param cold - without it the cold tables are kept in memory like the others */
  constructor(cold?: ColdReader) {
    this.#cold = cold;
  }

  get<T extends StateTable>(table: T, key: string): StateTables[T] | undefined {
    if (this.#cold !== undefined && isColdTable(table)) {
      return this.#getCold(this.#cold, table, key) as StateTables[T] | undefined;
    }
    return this.#tables.get(table)?.get(key) as StateTables[T] | undefined;
  }

  *entries<T extends HotTable>(table: T): Iterable<readonly [string, StateTables[T]]> {
    const entries = this.#tables.get(table);
    if (entries !== undefined) yield* entries as Iterable<readonly [string, StateTables[T]]>;
  }

  size(table: HotTable): number {
    return this.#tables.get(table)?.size ?? 0;
  }

  merge(changes: Iterable<StateChange>): void {
    for (const { table, key, value } of changes) {
      if (this.#cold !== undefined && isColdTable(table)) {
        if (!UNREAD.has(table)) this.#remember(table, key, value);
        continue;
      }
      let entries = this.#tables.get(table);
      if (entries === undefined) {
        entries = new Map();
        this.#tables.set(table, entries);
      }
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
    }
  }

  /**
   * Takes over what another one holds in memory, in one go: nobody sees half a state. The other
   * must not be changed any more.
   */
  become(other: MeshState): void {
    this.#tables = other.#tables;
    this.#recent.clear();
    this.#absent.clear();
  }

  #getCold(cold: ColdReader, table: ColdTable, key: string): StateTables[StateTable] | undefined {
    // First: most are not there, and it takes no text to be put together.
    if (cold.isAbsent(table, key)) return undefined;
    const name = `${table}/${key}`;
    const recent = this.#recent.get(name);
    if (recent !== undefined || this.#absent.has(name)) return recent;
    const value = cold.read(table, key);
    if (value !== undefined || UNREAD.has(table)) return value;
    if (this.#absent.size >= ABSENT_MAX) this.#absent.clear();
    this.#absent.add(name);
    return value;
  }

  #remember(table: ColdTable, key: string, value: StateTables[StateTable] | undefined): void {
    const name = `${table}/${key}`;
    this.#absent.delete(name);
    if (value === undefined) this.#recent.delete(name);
    else this.#recent.set(name, value);
  }
}

const DELETED = Symbol('deleted');

type Changed = StateTables[StateTable] | typeof DELETED;

/** What a key had in an overlay before it was written; undefined = nothing, there. */
interface Before {
  readonly table: Map<string, Changed>;
  readonly key: string;
  readonly changed: Changed | undefined;
}

/**
 * Changes on top of a state that is left as it is: those of a run of entries, which go into one
 * batch of the store. What a command wrote that is refused after all is taken back.
 */
export class StateOverlay implements StateWriter {
  readonly #base: StateReader;
  readonly #changes = new Map<StateTable, Map<string, Changed>>();
  /** Since {@link settle}, in order. */
  readonly #before: Before[] = [];

  constructor(base: StateReader) {
    this.#base = base;
  }

  get<T extends StateTable>(table: T, key: string): StateTables[T] | undefined {
    const changed = this.#changes.get(table)?.get(key);
    if (changed === DELETED) return undefined;
    if (changed !== undefined) return changed as StateTables[T];
    return this.#base.get(table, key);
  }

  *entries<T extends HotTable>(table: T): Iterable<readonly [string, StateTables[T]]> {
    // As it is now: the caller may write while it walks, and meets each key once, with the value it
    // had before.
    const found = new Map<string, StateTables[T]>(this.#base.entries(table));
    for (const [key, value] of this.#changes.get(table) ?? []) {
      if (value === DELETED) found.delete(key);
      else found.set(key, value as StateTables[T]);
    }
    yield* found;
  }

  size(table: HotTable): number {
    let size = this.#base.size(table);
    for (const [key, value] of this.#changes.get(table) ?? []) {
      const isInBase = this.#base.get(table, key) !== undefined;
      if (value === DELETED && isInBase) size--;
      if (value !== DELETED && !isInBase) size++;
    }
    return size;
  }

  put<T extends StateTable>(table: T, key: string, value: StateTables[T]): void {
    this.#write(table, key, value);
  }

  delete(table: StateTable, key: string): void {
    this.#write(table, key, DELETED);
  }

  /** A point to which {@link rollback} leads, until the next {@link settle}. */
  savepoint(): number {
    return this.#before.length;
  }

  /** Takes back what was written since. */
  rollback(savepoint: number): void {
    while (this.#before.length > savepoint) {
      const { table, key, changed } = this.#before.pop() as Before;
      if (changed === undefined) table.delete(key);
      else table.set(key, changed);
    }
  }

  /** What was written stays: no savepoint is needed any more. */
  settle(): void {
    this.#before.length = 0;
  }

  changes(): readonly PlacedChange[] {
    const all: PlacedChange[] = [];
    for (const [table, changes] of this.#changes) {
      for (const [key, value] of changes) {
        const bucket = bucketOf(`${table}/${key}`);
        all.push(value === DELETED ? { table, key, bucket } : { table, key, value, bucket });
      }
    }
    return all;
  }

  #write(name: StateTable, key: string, changed: Changed): void {
    let table = this.#changes.get(name);
    if (table === undefined) {
      table = new Map();
      this.#changes.set(name, table);
    }
    this.#before.push({ table, key, changed: table.get(key) });
    table.set(key, changed);
  }
}

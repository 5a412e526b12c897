import type { StoreWrite } from '../../protocols/interface/index.ts';
import { storedKey, writeBytes } from './store-keys.ts';

/** Deferred writes that go to the disk together, the last one to each key. */
export interface DeferredGroup {
  readonly writes: ReadonlyMap<string, StoreWrite>;
  /** About what they take. */
  readonly bytes: number;
}

interface Group extends DeferredGroup {
  readonly writes: Map<string, StoreWrite>;
  bytes: number;
  readonly written: PromiseWithResolvers<void>;
}

/**
 * Writes that were taken in and are not in the database yet: readers look here first. They gather
 * in one group; what was taken out of here to be written stays to be read until it is.
 */
export class DeferredWrites {
  #current: Group | undefined;
  /** Taken, the oldest first. */
  #taken: Group[] = [];

  /** Whether any gather. */
  get isGathering(): boolean {
    return this.#current !== undefined;
  }

  /** What gathers, in bytes. */
  get bytes(): number {
    return this.#current?.bytes ?? 0;
  }

  /** Whether nothing is here, on its way or not. */
  get isEmpty(): boolean {
    return this.#current === undefined && this.#taken.length === 0;
  }

  /** Resolves when these are written, rejects with what {@link putBack} is given. */
  add(writes: readonly StoreWrite[]): Promise<void> {
    this.#current ??= newGroup();
    const group = this.#current;
    for (const write of writes) group.writes.set(storedKey(write.namespace, write.key), write);
    group.bytes += writeBytes(writes);
    return group.written.promise;
  }

  /** The newest write to a key; undefined when there is none. */
  find(key: string): StoreWrite | undefined {
    const found = this.#current?.writes.get(key);
    if (found !== undefined || this.#taken.length === 0) return found;
    return this.#taken.findLast((group) => group.writes.has(key))?.writes.get(key);
  }

  /** What gathers goes to the disk: the next write begins another group. */
  take(): DeferredGroup | undefined {
    const group = this.#current;
    if (group === undefined) return undefined;
    this.#current = undefined;
    this.#taken.push(group);
    return group;
  }

  /** A group is in the database. */
  settle(group: DeferredGroup | undefined): void {
    const at = this.#taken.indexOf(group as Group);
    if (at < 0) return;
    const [settled] = this.#taken.splice(at, 1);
    settled?.written.resolve();
  }

  /** The group that was taken right before this is not to be written yet: it gathers on. */
  untake(group: DeferredGroup | undefined): void {
    if (group !== undefined && this.#taken.at(-1) === group) this.#current = this.#taken.pop();
  }

  /**
   * A group could not be written, and so none of those taken behind it: all that was taken is kept,
   * below what came later. Of a group that is not here any more that is no news.
   */
  putBack(group: DeferredGroup | undefined, error: unknown): void {
    if (this.#taken.includes(group as Group)) this.#current = joined(this.#empty(), error);
  }

  /** Nothing of it will be written: the store is closed. */
  drop(error: unknown): void {
    joined(this.#empty(), error);
  }

  /** Takes out all there is, the oldest first. */
  #empty(): readonly Group[] {
    const groups = [...this.#taken, this.#current].filter((it) => it !== undefined);
    this.#taken = [];
    this.#current = undefined;
    return groups;
  }
}

/** One group of several, the oldest first; whoever waits for them is told. */
function joined(groups: readonly Group[], error: unknown): Group | undefined {
  if (groups.length === 0) return undefined;
  const all = newGroup();
  for (const { writes, bytes, written } of groups) {
    for (const [key, write] of writes) all.writes.set(key, write);
    all.bytes += bytes;
    written.reject(error);
  }
  return all;
}

function newGroup(): Group {
  const written = Promise.withResolvers<void>();
  // Who cares takes what add() returns; a group that was put back belongs to nobody.
  written.promise.catch(() => undefined);
  return { writes: new Map(), bytes: 0, written };
}

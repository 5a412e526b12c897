import {
  type FileStore,
  type HardState,
  isCooeeError,
  type KeyValueStore,
  type LogRecord,
  type LogStore,
  NAMESPACES,
  type StoreWrite,
} from '../../../protocols/interface/index.ts';
import { type FaultPoint, type Faults, systemError } from '../../../storage/faults.ts';
import { type FileFate, MemoryFiles } from '../../../storage/files/memory-files.ts';
import { MemoryLog } from '../../../storage/memory-log.ts';
import { MemoryStore } from '../../../storage/memory-store.ts';
import type { SimProcess } from './process.ts';
import type { SimRandom } from './random.ts';
import type { World } from './world.ts';

/** As long as LevelDB's twin is behind: what is deferred is lost with the process until then. */
const DEFER_MS = 20;

/** What may become of a file that was not synced, when the power goes. */
const FATES: readonly FileFate[] = ['lost', 'cut', 'zeroed', 'kept'];

/** What fails while a disk is full. */
const FILLING: ReadonlySet<FaultPoint> = new Set([
  'log:spare',
  'log:write',
  'store:write',
  'file:write',
]);

/** How disks behave in a run. */
export interface DiskProfile {
  readonly syncMsMin: number;
  readonly syncMsMean: number;
}

/** What a disk kept at some moment, to be put back later. */
export interface DiskCopy {
  readonly log: MemoryLog;
  readonly store: MemoryStore;
}

/** The stores on a disk. */
export interface SimStores {
  readonly log: LogStore;
  readonly store: KeyValueStore;
  readonly files: FileStore;
}

/** The disk of a machine: it outlives its processes, and its faults outlive what they broke. */
export class SimDisk implements Faults {
  readonly #world: World;
  readonly #random: SimRandom;
  readonly #profile: DiskProfile;
  #log: MemoryLog;
  #store: MemoryStore;
  #files: MemoryFiles;
  #slowness = 1;
  #isFull = false;
  #syncFailures = 0;
  #isDamaged = false;
  /** Somebody copies the disk of a machine that is off. */
  #isCopying = false;

  constructor(world: World, profile: DiskProfile) {
    this.#world = world;
    this.#random = world.random.fork();
    this.#profile = profile;
    this.#log = this.#newLog();
    this.#store = this.#newStore();
    this.#files = this.#newFiles();
  }

  get log(): MemoryLog {
    return this.#log;
  }

  hit(point: FaultPoint): void {
    if (this.#isCopying) return;
    if (this.#isFull && FILLING.has(point)) {
      throw systemError('ENOSPC');
    }
    if (this.#syncFailures > 0 && (point === 'log:sync' || point === 'file:sync')) {
      this.#syncFailures--;
      throw systemError('EIO');
    }
  }

  /** Writes take long, or fail. */
  get isHindered(): boolean {
    return this.#isFull || this.#slowness > 1;
  }

  fill(isFull: boolean): void {
    this.#isFull = isFull;
  }

  slow(slowness: number): void {
    this.#slowness = slowness;
  }

  failSync(): void {
    this.#syncFailures = 1;
  }

  /** Whether a bit was flipped in what it holds now. */
  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  /** Flips a bit of an entry. */
  flip(index: number): void {
    this.#isDamaged = true;
    this.#log.damage(index);
  }

  mend(): void {
    this.#isFull = false;
    this.#slowness = 1;
    this.#syncFailures = 0;
  }

  /** What becomes of the writes under way when a process ends, or the power. */
  crash(isPowerLost: boolean): void {
    if (isPowerLost) {
      this.#log.crash(this.#random.pick(['lost', 'torn', 'kept']));
      // Between batches only: none of what was not synced has reached the disk, or all of it.
      this.#store.crash(this.#random.chance(0.5) ? 0 : Number.MAX_SAFE_INTEGER);
      this.#files.crash(() => this.#random.pick(FATES));
    } else {
      this.#log.crash('kept');
      this.#store.crash(Number.MAX_SAFE_INTEGER);
      this.#files.kill();
    }
  }

  /** What a disk holds before the first start. */
  async fillLog(records: readonly LogRecord[], hardState: HardState): Promise<void> {
    await this.#offline(async () => {
      await this.#log.open();
      await this.#log.append(records, hardState);
      await this.#log.close();
    });
  }

  /** A copy of what is durable, undefined when it is damaged; the disk must not be in use. */
  async copy(): Promise<DiskCopy | undefined> {
    return await this.#offline(async () => {
      try {
        const log = await copyLog(this.#log, new MemoryLog());
        return { log, store: await copyStore(this.#store, new MemoryStore()) };
      } catch (error) {
        if (!isCooeeError(error, 'ERR_STORAGE_DAMAGED')) throw error;
        return undefined;
      }
    });
  }

  /** Puts an old copy in the place of everything. */
  async restore(copy: DiskCopy): Promise<void> {
    await this.#offline(async () => {
      this.#isDamaged = false;
      this.#log = await copyLog(copy.log, this.#newLog());
      this.#store = await copyStore(copy.store, this.#newStore());
      // In a copy they may be those of a moment before the store's, or not there at all.
      if (this.#random.chance(0.5)) this.#files = this.#newFiles();
    });
  }

  /** An empty disk in its place. */
  replace(): void {
    this.#isDamaged = false;
    this.#log = this.#newLog();
    this.#store = this.#newStore();
    this.#files = this.#newFiles();
  }

  /** An empty disk in its place, but for what `kept` finds on the old one. */
  async startOver(kept: (store: KeyValueStore) => Promise<readonly StoreWrite[]>): Promise<void> {
    await this.#offline(async () => {
      await this.#store.open();
      const writes = await kept(this.#store);
      await this.#store.close();
      // They stay where they are; without their records they are nothing.
      const files = this.#files;
      this.replace();
      this.#files = files;
      await this.#store.open();
      if (writes.length > 0) await this.#store.batch(writes, { sync: true });
      await this.#store.close();
    });
  }

  /** The stores as one process has them. */
  of(process: SimProcess): SimStores {
    return {
      log: gated(this.#log, process),
      store: gated(this.#store, process),
      files: gated(this.#files, process),
    };
  }

  async #offline<T>(task: () => Promise<T>): Promise<T> {
    this.#isCopying = true;
    try {
      return await task();
    } finally {
      this.#isCopying = false;
    }
  }

  #newLog(): MemoryLog {
    return new MemoryLog({ faults: this, sync: () => this.#sync() });
  }

  #newStore(): MemoryStore {
    return new MemoryStore({
      faults: this,
      sync: () => this.#sync(),
      later: (write) => void this.#world.schedule(DEFER_MS, write),
    });
  }

  #newFiles(): MemoryFiles {
    return new MemoryFiles({ faults: this, sync: () => this.#sync() });
  }

  async #sync(): Promise<void> {
    if (this.#isCopying) return;
    const { syncMsMin, syncMsMean } = this.#profile;
    const delayMs = (syncMsMin + this.#random.exponential(syncMsMean)) * this.#slowness;
    await new Promise<void>((resolve) => void this.#world.schedule(delayMs, resolve));
  }
}

/** A dead process hears nothing more of its disk, a frozen one later. */
function gated<T extends object>(port: T, process: SimProcess): T {
  const never = new Promise<never>(() => undefined);
  return new Proxy(port, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...parameters: unknown[]): unknown => {
        if (process.isDead) return never;
        const answer: unknown = value.apply(target, parameters);
        return answer instanceof Promise ? process.gate(answer) : answer;
      };
    },
  });
}

async function copyLog(from: MemoryLog, to: MemoryLog): Promise<MemoryLog> {
  await from.open();
  await to.open();
  await to.compactBefore(from.firstIndex);
  const records = await from.read(from.firstIndex, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE);
  await to.append(records, from.hardState);
  for (const [mark, index] of from.marks) await to.mark(mark, index);
  await to.close();
  await from.close();
  return to;
}

async function copyStore(from: MemoryStore, to: MemoryStore): Promise<MemoryStore> {
  await from.open();
  await to.open();
  for (const namespace of NAMESPACES) {
    const writes: StoreWrite[] = [];
    for await (const [key, value] of from.entries(namespace))
      writes.push({ namespace, key, value });
    if (writes.length > 0) await to.batch(writes, { sync: true });
  }
  await to.close();
  await from.close();
  return to;
}

import {
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type LogStore,
  NAMESPACES,
  type StoreSnapshot,
  type StoreWrite,
} from '../../protocols/interface/index.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { SegmentLog } from '../../storage/segment-log.ts';

/** Together less than half a segment of the log, which is what one append may take. */
const RUN_BYTES_MAX = 1024 * 1024;
const RUN_ENTRIES_MAX = 1_024;

/** A log may be compacted while it is copied; then it is some thousand entries to the next time. */
const ATTEMPTS_MAX = 3;

/** What is copied: the stores of a mesh, in use. */
export interface StoresInUse {
  readonly log: LogStore;
  readonly store: KeyValueStore;
  /** The last index that is known to be committed. */
  readonly commitIndex: () => number;
  readonly logger: Logger;
  /** Ends the copying. */
  readonly signal: AbortSignal;
}

/** Where the copies go: folders that are not there. */
export interface CopyTargets {
  readonly log: string;
  readonly store: string;
}

/**
 * Copies log and state as a node would find them after a crash: the state of one moment, and all
 * committed entries up to that moment at least. The stores go on being used.
 *
 * @throws CooeeError ERR_STORAGE_*; what the signal was aborted with; what was written of the
 * copies is the caller's to remove
 */
export async function copyStores(stores: StoresInUse, targets: CopyTargets): Promise<void> {
  const { logger } = stores;
  const copy = new SegmentLog({ logger }, { directory: targets.log });
  try {
    await copy.open();
    // First what is there now, so that little is left to do while the moment passes.
    await copyLog(stores, copy);
    const snapshot = stores.store.snapshot();
    try {
      await copyLog(stores, copy);
      for (const [mark, index] of stores.log.marks) await copy.mark(mark, index);
      await copyStore(snapshot, targets.store, stores.signal);
    } finally {
      await snapshot.close();
    }
  } finally {
    await copy.close();
  }
}

/**
 * Copies what is committed and not in the copy yet: entries that are committed are never replaced.
 */
async function copyLog(stores: StoresInUse, copy: SegmentLog): Promise<void> {
  const { log, commitIndex, signal } = stores;
  const end = Math.min(commitIndex(), log.lastIndex);
  for (let attempt = 1; copy.lastIndex < end; ) {
    signal.throwIfAborted();
    if (copy.lastIndex + 1 < log.firstIndex) await copy.compactBefore(log.firstIndex);
    try {
      await copyRun(log, copy, end);
    } catch (error) {
      if (!isCooeeError(error, 'ERR_STORAGE_COMPACTED') || attempt === ATTEMPTS_MAX) throw error;
      attempt++;
    }
  }
  await copy.append([], { ...log.hardState, commit: copy.lastIndex });
}

async function copyRun(log: LogStore, copy: SegmentLog, end: number): Promise<void> {
  const from = copy.lastIndex + 1;
  const count = Math.min(RUN_ENTRIES_MAX, end - from + 1);
  const records = await log.read(from, count, RUN_BYTES_MAX);
  await copy.append(records, { ...log.hardState, commit: records.at(-1)?.index ?? copy.lastIndex });
}

async function copyStore(
  snapshot: StoreSnapshot,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const store = new LevelStore({}, { directory });
  try {
    await store.open();
    let writes: StoreWrite[] = [];
    let bytes = 0;
    for (const namespace of NAMESPACES) {
      for await (const [key, value] of snapshot.entries(namespace)) {
        writes.push({ namespace, key, value });
        bytes += value.length;
        if (bytes < RUN_BYTES_MAX && writes.length < RUN_ENTRIES_MAX) continue;
        signal.throwIfAborted();
        await store.batch(writes);
        writes = [];
        bytes = 0;
      }
    }
    await store.batch(writes, { sync: true });
  } finally {
    await store.close();
  }
}

import type { StoreWrite } from '../../protocols/interface/index.ts';
import type { DeferredGroup, DeferredWrites } from './deferred-writes.ts';
import { writeBytes } from './store-keys.ts';
import type { WriteQueue } from './write-queue.ts';

/** What a store writes as one, with what was deferred before it. */
export interface StoreJob {
  readonly writes: readonly StoreWrite[];
  readonly sync: boolean;
  readonly deferred: DeferredGroup | undefined;
}

/** About the bytes of a job. */
export function jobBytes({ writes, deferred }: StoreJob): number {
  return writeBytes(writes) + (deferred?.bytes ?? 0);
}

/** Bytes of a job that were not taken in before: what was deferred is held, written or not. */
export function askedBytes({ writes }: StoreJob): number {
  return writeBytes(writes);
}

/** The writes of jobs, in the order in which they count. */
export function* writesOf(jobs: readonly StoreJob[]): Iterable<StoreWrite> {
  for (const { deferred, writes } of jobs) {
    if (deferred !== undefined) yield* deferred.writes.values();
    yield* writes;
  }
}

/**
 * Hands writes in behind all that is deferred; resolves when both are written. What is deferred is
 * taken before this returns; without writes of its own it is not refused.
 *
 * @throws CooeeError as `KeyValueStore.batch`: what was deferred is kept
 */
export async function pushWithDeferred(
  queue: WriteQueue<StoreJob>,
  waiting: DeferredWrites,
  { writes, sync }: Pick<StoreJob, 'writes' | 'sync'>,
): Promise<void> {
  const deferred = waiting.take();
  let written: Promise<void>;
  try {
    written = queue.push({ writes, sync, deferred });
  } catch (error) {
    waiting.untake(deferred);
    throw error;
  }
  try {
    await written;
  } catch (error) {
    waiting.putBack(deferred, error);
    throw error;
  }
}

import { describe, expect, it } from 'vitest';
import type { StoreWrite } from '../../../../protocols/interface/index.ts';
import { DeferredWrites } from '../../../../storage/disk/deferred-writes.ts';
import {
  askedBytes,
  jobBytes,
  pushWithDeferred,
  type StoreJob,
  writesOf,
} from '../../../../storage/disk/store-job.ts';
import { WriteQueue } from '../../../../storage/disk/write-queue.ts';

const put = (key: string, size = 1): StoreWrite => ({
  namespace: 'state',
  key,
  value: new Uint8Array(size),
});
const batch = (...writes: StoreWrite[]) => ({ writes, sync: false });

/** A queue with its deferred writes, and the keys that each flush wrote. */
function bench() {
  const deferred = new DeferredWrites();
  const flushed: string[][] = [];
  const fault: { error: Error | undefined } = { error: undefined };
  const queue = new WriteQueue<StoreJob>({
    sizeOf: jobBytes,
    askedOf: askedBytes,
    groupBytesMax: 1_000,
    waitingBytesMax: 2_000,
    flush: async (jobs) => {
      await new Promise(setImmediate);
      if (fault.error !== undefined) throw fault.error;
      flushed.push([...writesOf(jobs)].map(({ key }) => key));
      for (const job of jobs) deferred.settle(job.deferred);
    },
  });
  const push = (...writes: StoreWrite[]) => pushWithDeferred(queue, deferred, batch(...writes));
  return { deferred, flushed, fault, push };
}

describe('pushWithDeferred', () => {
  it('writes what was deferred before, then the batch, in one go', async () => {
    const { deferred, flushed, push } = bench();
    const written = deferred.add([put('a'), put('b')]);
    const first = push(put('a'), put('c'));
    deferred.add([put('d')]);
    await Promise.all([written, first, push(put('e'))]);
    expect(flushed).toEqual([['a', 'b', 'a', 'c', 'd', 'e']]);
    expect(deferred.isEmpty).toBe(true);
  });

  it('counts what was deferred for the size of a group, not as asking for room', async () => {
    const { deferred, flushed, push } = bench();
    deferred.add([put('a', 900)]);
    const jobs = [push(put('b', 900))];
    deferred.add([put('c', 5_000)]);
    jobs.push(push());
    deferred.add([put('d', 5_000)]);
    jobs.push(push());
    await Promise.all(jobs);
    expect(flushed).toEqual([['a', 'b'], ['c'], ['d']]);
  });

  it('leaves what is deferred where it was when the batch is refused', async () => {
    const { deferred, flushed, push } = bench();
    const first = push(put('a', 1_500));
    const written = deferred.add([put('b')]);
    await expect(push(put('c', 1_000))).rejects.toMatchObject({ code: 'ERR_STORAGE_BUSY' });
    expect(deferred.isGathering).toBe(true);
    expect(deferred.add([put('d')])).toBe(written);
    await Promise.all([first, push(), written]);
    expect(flushed).toEqual([['a'], ['b', 'd']]);
  });

  it('keeps what is deferred, in order, when a flush fails with several behind it', async () => {
    const { deferred, flushed, fault, push } = bench();
    fault.error = new Error('broken');
    const jobs: Promise<void>[] = [push(put('batch'))];
    const written = [1, 2, 3].map((n) => {
      const promise = deferred.add([put('a', n), put(`only ${n}`)]);
      jobs.push(push(put(`batch ${n}`, 400)));
      return promise;
    });
    const results = await Promise.allSettled([...jobs, ...written]);
    expect(results.map(({ status }) => status)).toEqual(Array(7).fill('rejected'));
    expect(deferred.find('state!a')?.value).toHaveLength(3);
    fault.error = undefined;
    await push(put('later'));
    expect(flushed).toEqual([['a', 'only 1', 'only 2', 'only 3', 'later']]);
  });
});

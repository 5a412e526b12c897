import { expect, it } from 'vitest';
import { WriteQueue } from '../../../../storage/disk/write-queue.ts';

const makeQueue = (flush: (jobs: readonly number[]) => Promise<void>) =>
  new WriteQueue<number>({ sizeOf: (job) => job, flush, groupBytesMax: 10, waitingBytesMax: 40 });

it('groups what waits in order, within the size of a group, one flush at a time', async () => {
  const groups: (readonly number[])[] = [];
  let running = 0;
  const queue = makeQueue(async (jobs) => {
    expect(++running).toBe(1);
    groups.push(jobs);
    await new Promise(setImmediate);
    running--;
  });
  await Promise.all([4, 5, 2, 25, 1, 1].map((job) => queue.push(job)));
  expect(groups).toEqual([[4, 5], [2], [25], [1, 1]]);
  await queue.idle();
});

it('refuses a job when too much waits, never the only one, and has room after', async () => {
  const queue = makeQueue(async () => undefined);
  await queue.push(100);
  const waiting = [queue.push(30), queue.push(10)];
  expect(() => queue.push(1)).toThrow(expect.objectContaining({ code: 'ERR_STORAGE_BUSY' }));
  await Promise.all(waiting);
  await queue.push(40);
});

it('rejects the group that failed, and what waited as not open; then works again', async () => {
  let isBroken = true;
  const queue = makeQueue(async () => {
    if (isBroken) throw new Error('broken');
  });
  const results = await Promise.allSettled([queue.push(10), queue.push(5), queue.push(5)]);
  expect(results[0]).toMatchObject({ reason: { message: 'broken' } });
  for (const result of results.slice(1)) {
    expect(result).toMatchObject({ reason: { code: 'ERR_STORAGE_NOT_OPEN' } });
  }
  isBroken = false;
  await Promise.all([queue.push(30), queue.push(10)]);
});

it('refuses no job that asks for no room', async () => {
  const queue = new WriteQueue<{ size: number; asked: number }>({
    sizeOf: ({ size }) => size,
    askedOf: ({ asked }) => asked,
    flush: async () => undefined,
    groupBytesMax: 10,
    waitingBytesMax: 40,
  });
  const jobs = [queue.push({ size: 100, asked: 100 }), queue.push({ size: 50, asked: 0 })];
  expect(() => queue.push({ size: 1, asked: 1 })).toThrow(
    expect.objectContaining({ code: 'ERR_STORAGE_BUSY' }),
  );
  await Promise.all(jobs);
  await queue.push({ size: 50, asked: 40 });
});

import { expect, it } from 'vitest';
import { MemoryStore } from '../../../storage/memory-store.ts';
import { keyValueSuite } from './key-value-suite.ts';
import { SwitchFaults } from './log-store-suite.ts';
import { bytes, listed, type StoreBench } from './store-bench.ts';

keyValueSuite('MemoryStore', async () => {
  const faults = new SwitchFaults();
  let waiting: (() => void)[] = [];
  const store = new MemoryStore({ faults, later: (write) => waiting.push(write) });
  const bench: StoreBench = {
    store,
    faults,
    reborn: async () => {
      store.crash();
      return store;
    },
    pass: async () => {
      const due = waiting;
      waiting = [];
      for (const write of due) write();
    },
    killed: async () => {
      store.crash(Number.MAX_SAFE_INTEGER);
      return bench;
    },
  };
  return bench;
});

it('a crash of the twin loses what was not synced, but for the kept writes', async () => {
  for (const kept of [0, 1, 2]) {
    const store = new MemoryStore();
    await store.open();
    const write = (key: string, sync: boolean) =>
      store.batch([{ namespace: 'state', key, value: bytes(key) }], { sync });
    await write('a', false);
    await write('b', true);
    await write('c', false);
    await write('d', false);
    store.crash(kept);
    expect(store.status).toBe('closed');
    await store.open();
    const keys = (await listed(store)).map(([key]) => key);
    expect(keys).toEqual(['a', 'b', 'c', 'd'].slice(0, 2 + kept));
  }
});

it('a crash in the middle of a synced batch acknowledges nothing', async () => {
  const store = new MemoryStore({ sync: () => new Promise(() => undefined) });
  await store.open();
  const inFlight = store.batch([{ namespace: 'state', key: 'a', value: bytes('a') }], {
    sync: true,
  });
  inFlight.catch(() => undefined);
  await new Promise(setImmediate);
  const waiting = store.batch([{ namespace: 'state', key: 'b', value: bytes('b') }]);
  store.crash();
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_STORAGE_NOT_OPEN' });
  await store.open();
  expect(await listed(store)).toEqual([]);
});

it('a crash in the middle of a flush has no part in what the next life defers', async () => {
  const syncs: (() => void)[] = [];
  const store = new MemoryStore({
    sync: () => new Promise((resolve) => syncs.push(resolve)),
    later: () => undefined,
  });
  const put = (key: string, value: string) =>
    ({ namespace: 'state', key, value: bytes(value) }) as const;
  await store.open();
  const lost = store.defer([put('a', 'lost')]);
  const inFlight = store.batch([put('b', 'lost')], { sync: true });
  await new Promise(setImmediate);
  store.crash();
  await expect(lost).rejects.toMatchObject({ code: 'ERR_STORAGE_NOT_OPEN' });
  await store.open();
  const deferred = store.defer([put('a', '1')]);
  const batch = store.batch([put('a', '2')], { sync: true });
  await new Promise(setImmediate);
  // The flush of the first life ends only now.
  for (const end of syncs) end();
  await expect(inFlight).rejects.toMatchObject({ code: 'ERR_STORAGE_NOT_OPEN' });
  await Promise.all([deferred, batch]);
  expect(await listed(store)).toEqual([['a', '2']]);
  await store.batch([put('c', '1')]);
  expect(await listed(store)).toEqual([
    ['a', '2'],
    ['c', '1'],
  ]);
});

it.each([10, 3_000])('has %i keys that come at once in order by code point', async (count) => {
  const store = new MemoryStore();
  await store.open();
  const heads = ['a', 'é', '\u{10000}', '\uffee', '\ud7ff', '\ue000'];
  const keys = Array.from({ length: count }, (_, n) => `${heads[n % 6]}${(n * 7919) % count}`);
  const ordered = keys.map((key) => Buffer.from(key)).sort(Buffer.compare);
  // The second half comes between what was read in order before.
  for (const some of [keys.slice(0, count / 2), keys.slice(count / 2)]) {
    await store.batch(some.map((key) => ({ namespace: 'state', key, value: bytes(key) })));
    await listed(store);
  }
  expect(await listed(store)).toEqual(ordered.map((key) => [`${key}`, `${key}`]));
});

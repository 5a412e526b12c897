import { expect, it } from 'vitest';
import { MemoryStore } from '../../../storage/memory-store.ts';
import { bytes, keyValueSuite, listed } from './key-value-suite.ts';
import { SwitchFaults } from './log-store-suite.ts';

keyValueSuite('MemoryStore', async () => {
  const faults = new SwitchFaults();
  const store = new MemoryStore({ faults });
  return {
    store,
    faults,
    reborn: async () => {
      store.crash();
      return store;
    },
  };
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

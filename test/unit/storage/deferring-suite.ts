import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { KeyValueStore, StoreWrite } from '../../../protocols/interface/index.ts';
import { bytes, listed, type StoreBench, text } from './store-bench.ts';

const put = (key: string, value = key): StoreWrite => ({
  namespace: 'state',
  key,
  value: bytes(value),
});
const del = (key: string): StoreWrite => ({ namespace: 'state', key });
const notOpen = { code: 'ERR_STORAGE_NOT_OPEN' };
const full = { code: 'ERR_STORAGE_DISK_FULL' };

const now = (store: KeyValueStore, key: string): string | undefined =>
  text(store.getSync('state', key));
const later = async (store: KeyValueStore, key: string): Promise<string | undefined> =>
  text(await store.get('state', key));
const written = async (store: KeyValueStore): Promise<(readonly [string, string])[]> => {
  const all: (readonly [string, string])[] = [];
  const snapshot = store.snapshot();
  for await (const [key, value] of snapshot.entries('state')) {
    all.push([key, Buffer.from(value).toString()]);
  }
  await snapshot.close();
  return all;
};
const opened = async (bench: StoreBench): Promise<StoreBench> => {
  await bench.store.open();
  return bench;
};
const killed = async (bench: StoreBench): Promise<StoreBench> => await opened(await bench.killed());

/** What every KeyValueStore does with deferred writes. */
export function deferring(makeBench: () => Promise<StoreBench>): void {
  reading(makeBench);
  goingToTheDisk(makeBench);
  ending(makeBench);
  failing(makeBench);
  random(makeBench);
}

function reading(makeBench: () => Promise<StoreBench>): void {
  it('shows a deferred write at once to all who read; of several to a key the last', async () => {
    const { store } = await opened(await makeBench());
    await store.batch([put('a', 'old'), put('gone')]);
    void store.defer([put('a', '1'), put('b', '1'), del('gone')]);
    void store.defer([put('b', '2'), put('b', '3'), put('c', '')]);
    expect(['a', 'b', 'c', 'gone'].map((key) => now(store, key))).toEqual([
      '1',
      '3',
      '',
      undefined,
    ]);
    expect(await later(store, 'b')).toBe('3');
    expect(await later(store, 'gone')).toBeUndefined();
    expect(Object.getPrototypeOf(store.getSync('state', 'a'))).toBe(Uint8Array.prototype);
    const found = store.getSync('state', 'a') as Uint8Array;
    found[0] = 0;
    expect(now(store, 'a')).toBe('1');
    expect(await listed(store)).toEqual([
      ['a', '1'],
      ['b', '3'],
      ['c', ''],
    ]);
    await store.close();
  });

  it('keeps a moment free of what is not written yet', async () => {
    const { store } = await opened(await makeBench());
    const done = store.defer([put('a')]);
    expect(await written(store)).toEqual([]);
    await store.batch([put('b')]);
    await done;
    expect(await written(store)).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ]);
    await store.close();
  });

  it('refuses a deferred write at once for its key, or when it is not open', async () => {
    const { store } = await makeBench();
    expect(() => store.defer([put('a')])).toThrow(expect.objectContaining(notOpen));
    await store.open();
    expect(() => store.defer([put('a'), put('')])).toThrow(
      expect.objectContaining({ code: 'ERR_STORAGE_KEY' }),
    );
    expect(now(store, 'a')).toBeUndefined();
    await store.close();
  });
}

function goingToTheDisk(makeBench: () => Promise<StoreBench>): void {
  it('writes what is deferred by itself, when told to, and with the next batch', async () => {
    let bench = await opened(await makeBench());
    const ways = [
      async (it: StoreBench) => await it.pass(),
      async (it: StoreBench) => await it.store.defer([put('urgent')], { isUrgent: true }),
      async (it: StoreBench) => await it.store.batch([put('batch')]),
      async (it: StoreBench) => void (await listed(it.store)),
    ];
    for (const [i, way] of ways.entries()) {
      const done = bench.store.defer([put(`deferred ${i}`)]);
      await way(bench);
      await done;
      bench = await killed(bench);
      expect(now(bench.store, `deferred ${i}`)).toBe(`deferred ${i}`);
    }
    await bench.store.close();
  });

  it('keeps the order against batches, both ways', async () => {
    const bench = await opened(await makeBench());
    const { store } = bench;
    void store.defer([put('a', 'deferred'), put('b', 'deferred'), del('d')]);
    const batch = store.batch([put('a', 'batch'), put('c', 'batch'), put('d', 'batch')]);
    void store.defer([put('c', 'after'), del('a')]);
    await batch;
    expect(['a', 'b', 'c', 'd'].map((key) => now(store, key))).toEqual([
      undefined,
      'deferred',
      'after',
      'batch',
    ]);
    expect(await written(store)).toEqual([
      ['a', 'batch'],
      ['b', 'deferred'],
      ['c', 'batch'],
      ['d', 'batch'],
    ]);
    await store.batch([put('e')]);
    const again = await killed(bench);
    expect(await listed(again.store)).toEqual([
      ['b', 'deferred'],
      ['c', 'after'],
      ['d', 'batch'],
      ['e', 'e'],
    ]);
    await again.store.close();
  });
}

function ending(makeBench: () => Promise<StoreBench>): void {
  it('loses with the process what is not written, and nothing from before that', async () => {
    const bench = await opened(await makeBench());
    const { store } = bench;
    const first = store.defer([put('a', '1')]);
    await store.batch([put('b', '1')]);
    await first;
    const lost = store.defer([put('a', '2'), del('b')]);
    lost.catch(() => undefined);
    const again = await killed(bench);
    expect(await listed(again.store)).toEqual([
      ['a', '1'],
      ['b', '1'],
    ]);
    await expect(lost).rejects.toThrow();
    await again.pass();
    expect(now(again.store, 'a')).toBe('1');
    await again.store.close();
  });

  it('writes what is deferred before it closes, also what comes with the call', async () => {
    const bench = await opened(await makeBench());
    const first = bench.store.defer([put('a')]);
    const closing = bench.store.close();
    await Promise.all([first, closing]);
    expect(() => bench.store.defer([put('b')])).toThrow(expect.objectContaining(notOpen));
    const again = await killed(bench);
    expect(await listed(again.store)).toEqual([['a', 'a']]);
    await again.store.close();
  });
}

function failing(makeBench: () => Promise<StoreBench>): void {
  for (const point of ['store:write', 'store:written'] as const) {
    it(`keeps what is deferred over a failure at ${point}, and writes it when opened`, async () => {
      const bench = await opened(await makeBench());
      const { store, faults } = bench;
      await store.batch([put('a', 'old'), put('b', 'old')]);
      faults.failAt(point);
      const first = store.defer([put('a', '1'), put('c', '1')]);
      const batch = store.batch([{ namespace: 'outbox', key: 'k', value: bytes('v') }]);
      const second = store.defer([put('c', '2'), del('b')]);
      await expect(batch).rejects.toMatchObject(full);
      await expect(first).rejects.toMatchObject(full);
      await expect(second).rejects.toMatchObject(full);
      expect(() => store.defer([put('a')])).toThrow(expect.objectContaining(notOpen));
      // The disk is still full: opening says so, and nothing is forgotten.
      await expect(store.open()).rejects.toMatchObject(full);
      expect(store.status).toBe('failed');
      faults.failAt(null);
      await store.open();
      expect([now(store, 'a'), now(store, 'b'), now(store, 'c')]).toEqual(['1', undefined, '2']);
      const again = await killed(bench);
      expect(await listed(again.store)).toEqual([
        ['a', '1'],
        ['c', '2'],
      ]);
      await again.store.close();
    });
  }

  it('does not refuse what is deferred when too much waits, nor a reader', async () => {
    const { store } = await opened(await makeBench());
    const value = 'x'.repeat(1024 * 1024);
    const calls = Array.from({ length: 20 }, (_, i) => {
      void store.defer([put(`deferred ${i}`)]);
      return store.batch([put(`k${i}`, value)]);
    });
    const all = listed(store);
    const done = store.defer([put('urgent')], { isUrgent: true });
    const refused = (await Promise.allSettled(calls)).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    const found = (await all).filter(([key]) => key.startsWith('deferred'));
    expect(found).toHaveLength(20);
    await done;
    await store.close();
  });

  it('has nothing left of another life when it is opened again', async () => {
    const bench = await opened(await makeBench());
    bench.faults.failAt('store:write');
    await expect(bench.store.defer([put('a')], { isUrgent: true })).rejects.toMatchObject(full);
    await bench.store.close();
    bench.faults.failAt(null);
    await bench.store.open();
    expect(await listed(bench.store)).toEqual([]);
    await bench.store.close();
  });
}

const KEYS = ['a', 'b', 'ab', 'é', '😀'];
const write = fc.record({ key: fc.constantFrom(...KEYS), isThere: fc.boolean() });
const writes = fc.array(write, { maxLength: 4 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('defer' as const), writes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('urgent' as const), writes }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('batch' as const), writes }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('pass', 'list', 'settle', 'reopen', 'kill', 'fail', 'failLate' as const),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A store and what it must hold: what readers see, and what a kill would leave. */
class Model {
  bench: StoreBench;
  seen = new Map<string, string>();
  disk = new Map<string, string>();
  /** Calls that nobody has waited for yet, and whether the last of them are deferred. */
  #calls: Promise<unknown>[] = [];
  #deferred: Promise<unknown>[] = [];
  #count = 0;

  constructor(bench: StoreBench) {
    this.bench = bench;
  }

  async take(one: Step): Promise<void> {
    if ('writes' in one) this.#write(one.do, one.writes);
    else await this.#other(one.do);
    // A batch is seen when it has resolved, what is deferred at once.
    if (this.#calls.length > 0) return;
    for (const key of KEYS) expect(now(this.bench.store, key)).toBe(this.seen.get(key));
  }

  #write(how: 'defer' | 'urgent' | 'batch', list: readonly { key: string; isThere: boolean }[]) {
    const value = `${++this.#count}`;
    const all = list.map(({ key, isThere }) => (isThere ? put(key, value) : del(key)));
    for (const { key, isThere } of list) {
      if (isThere) this.seen.set(key, value);
      else this.seen.delete(key);
    }
    const { store } = this.bench;
    if (how === 'batch') this.#calls.push(store.batch(all));
    else this.#deferred.push(store.defer(all, { isUrgent: how === 'urgent' }));
    if (how === 'defer' || (how === 'batch' && all.length === 0)) return;
    this.#calls.push(...this.#deferred.splice(0));
    this.disk = new Map(this.seen);
  }

  /** Nothing is under way any more; what was deferred since the last batch still waits. */
  async settle(): Promise<void> {
    await Promise.all(this.#calls.splice(0));
  }

  async #other(how: string): Promise<void> {
    await this.settle();
    if (how === 'settle') return;
    if (how === 'kill') {
      for (const lost of this.#deferred.splice(0)) lost.catch(() => undefined);
      this.bench = await killed(this.bench);
      this.seen = new Map(this.disk);
      return;
    }
    await this.#writeAll(how);
    this.disk = new Map(this.seen);
  }

  async #writeAll(how: string): Promise<void> {
    const { store, faults, pass } = this.bench;
    if (how.startsWith('fail')) {
      faults.failAt(how === 'fail' ? 'store:write' : 'store:written');
      await expect(store.batch([{ namespace: 'outbox', key: 'k' }])).rejects.toMatchObject(full);
      for (const failed of this.#deferred) await expect(failed).rejects.toMatchObject(full);
      this.#deferred = [];
      faults.failAt(null);
      await store.open();
    } else if (how === 'pass') await pass();
    else if (how === 'reopen') {
      await store.close();
      await store.open();
    } else await listed(store);
    await Promise.all(this.#deferred.splice(0));
  }
}

function random(makeBench: () => Promise<StoreBench>): void {
  it('behaves as a map does, whatever is deferred, fails or is killed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const model = new Model(await opened(await makeBench()));
        for (const one of steps) await model.take(one);
        await model.settle();
        expect(new Map(await written(model.bench.store))).toEqual(model.disk);
        expect(new Map(await listed(model.bench.store))).toEqual(model.seen);
        await model.bench.store.close();
      }),
      { numRuns: 40 },
    );
  });
}

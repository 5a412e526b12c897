import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyValueStore, StoreRange } from '../../../protocols/interface/index.ts';
import { deferring } from './deferring-suite.ts';
import { bytes, listed, type StoreBench, text } from './store-bench.ts';

const put = (key: string, value = key) =>
  ({ namespace: 'state', key, value: bytes(value) }) as const;
const del = (key: string) => ({ namespace: 'state', key }) as const;
const notOpen = { code: 'ERR_STORAGE_NOT_OPEN' };

const everyCall = (store: KeyValueStore): Promise<unknown>[] => [
  store.get('state', 'a'),
  listed(store),
  store.batch([put('a')]),
  store.batch([]),
  store.batch([put('a')], { sync: true }),
];

/** The suite that every KeyValueStore passes, whatever it is made of. */
export function keyValueSuite(name: string, makeBench: () => Promise<StoreBench>): void {
  describe(`${name}: a KeyValueStore`, () => {
    lifecycle(makeBench);
    contents(makeBench);
    order(makeBench);
    moments(makeBench);
    failures(makeBench);
    deferring(makeBench);
    model(makeBench);
  });
}

function lifecycle(makeBench: () => Promise<StoreBench>): void {
  it('is closed at first, refuses every call, and can be closed again', async () => {
    const { store } = await makeBench();
    expect(store.status).toBe('closed');
    for (const call of everyCall(store)) await expect(call).rejects.toMatchObject(notOpen);
    await store.close();
    expect(store.status).toBe('closed');
  });

  it('keeps everything over close and open, and refuses calls in between', async () => {
    const { store } = await makeBench();
    await store.open();
    await store.open();
    await store.batch([put('a', '1')]);
    await store.close();
    await store.close();
    for (const call of everyCall(store)) await expect(call).rejects.toMatchObject(notOpen);
    await store.open();
    expect(store.status).toBe('open');
    expect(text(await store.get('state', 'a'))).toBe('1');
    await store.close();
  });

  it('writes what waits before it closes', async () => {
    const { store, reborn } = await makeBench();
    await store.open();
    const written = store.batch([put('a')], { sync: true });
    await store.close();
    await written;
    const again = await reborn();
    await again.open();
    expect(text(await again.get('state', 'a'))).toBe('a');
    await again.close();
  });

  it('has what was synced after a restart', async () => {
    const { store, reborn } = await makeBench();
    await store.open();
    await store.batch([put('a'), put('b')], { sync: true });
    await store.batch([del('a')], { sync: true });
    const again = await reborn();
    await again.open();
    expect((await listed(again)).map(([key]) => key)).toEqual(['b']);
    await again.close();
  });
}

function contents(makeBench: () => Promise<StoreBench>): void {
  it('gives undefined for what is not there, and bytes as they were', async () => {
    const { store } = await makeBench();
    await store.open();
    expect(await store.get('state', 'none')).toBeUndefined();
    const value = new Uint8Array([0, 255, 128, 10]);
    await store.batch([{ namespace: 'state', key: 'k', value }]);
    value[0] = 9;
    const found = await store.get('state', 'k');
    expect(found).toEqual(new Uint8Array([0, 255, 128, 10]));
    expect(Object.getPrototypeOf(found)).toBe(Uint8Array.prototype);
    await store.batch([put('empty', '')]);
    expect(await store.get('state', 'empty')).toEqual(new Uint8Array(0));
    await store.close();
  });

  it('reads at once what a batch has written, and nothing while it is not open', async () => {
    const { store } = await makeBench();
    expect(() => store.getSync('state', 'a')).toThrow(expect.objectContaining(notOpen));
    await store.open();
    expect(store.getSync('state', 'a')).toBeUndefined();
    await store.batch([put('a', '1'), put('empty', '')]);
    const found = store.getSync('state', 'a');
    expect(text(found)).toBe('1');
    expect(Object.getPrototypeOf(found)).toBe(Uint8Array.prototype);
    expect(store.getSync('state', 'empty')).toEqual(new Uint8Array(0));
    expect(store.getSync('outbox', 'a')).toBeUndefined();
    if (found !== undefined) found[0] = 9;
    await store.batch([put('b'), del('empty')]);
    expect([text(store.getSync('state', 'a')), store.getSync('state', 'empty')]).toEqual([
      '1',
      undefined,
    ]);
    await store.close();
    expect(() => store.getSync('state', 'a')).toThrow(expect.objectContaining(notOpen));
    await store.open();
    expect(text(store.getSync('state', 'a'))).toBe('1');
    await store.close();
  });

  it('keeps namespaces apart', async () => {
    const { store } = await makeBench();
    await store.open();
    await store.batch([
      put('k', 'state'),
      { namespace: 'outbox', key: 'k', value: bytes('outbox') },
      { namespace: 'head', key: 'k', value: bytes('head') },
    ]);
    expect(text(await store.get('outbox', 'k'))).toBe('outbox');
    expect(await store.get('replay', 'k')).toBeUndefined();
    expect(await listed(store)).toEqual([['k', 'state']]);
    await store.close();
  });

  it('takes a batch as a whole; the last write to a key wins', async () => {
    const { store } = await makeBench();
    await store.open();
    await store.batch([put('a', '1'), del('a'), put('b', '1'), put('b', '2'), del('none')]);
    expect(await listed(store)).toEqual([['b', '2']]);
    const bad = store.batch([put('c'), put('')]);
    await expect(bad).rejects.toMatchObject({ code: 'ERR_STORAGE_KEY' });
    await expect(store.batch([put('\ud800')])).rejects.toMatchObject({ code: 'ERR_STORAGE_KEY' });
    expect(await listed(store)).toEqual([['b', '2']]);
    await store.close();
  });
}

function order(makeBench: () => Promise<StoreBench>): void {
  it('lists in the order of UTF-8 bytes, within bounds, both ways', async () => {
    const { store } = await makeBench();
    await store.open();
    const keys = ['!', 'A', 'a', 'aa', 'b', 'é', '\uffee', '😀'];
    await store.batch([...keys].reverse().map((key) => put(key)));
    const found = async (range?: StoreRange) => (await listed(store, range)).map(([key]) => key);
    expect(await found()).toEqual(keys);
    expect(await found({ reverse: true, limit: 2 })).toEqual(['😀', '\uffee']);
    expect(await found({ gt: 'a', lt: 'é' })).toEqual(['aa', 'b']);
    expect(await found({ gte: 'a', lt: 'b' })).toEqual(['a', 'aa']);
    expect(await found({ gte: 'a', gt: 'a', limit: 1 })).toEqual(['aa']);
    expect(await found({ gte: 'b', gt: 'A', limit: 1 })).toEqual(['b']);
    expect(await found({ gt: 'a', reverse: true, lt: 'b' })).toEqual(['aa']);
    expect(await found({ limit: 0 })).toEqual([]);
    expect(await found({ gt: 'x', lt: 'c' })).toEqual([]);
    await store.close();
  });

  it('lists many, and stops with a typed error when it is closed meanwhile', async () => {
    const { store } = await makeBench();
    await store.open();
    await store.batch(Array.from({ length: 500 }, (_, i) => put(String(i).padStart(4, '0'))));
    expect((await listed(store)).length).toBe(500);
    const reading = (async () => {
      for await (const [key] of store.entries('state')) if (key === '0003') await store.close();
    })();
    await expect(reading).rejects.toMatchObject(notOpen);
  });
}

function moments(makeBench: () => Promise<StoreBench>): void {
  it('keeps a moment apart from what is written after', async () => {
    const { store } = await makeBench();
    expect(() => store.snapshot()).toThrow(expect.objectContaining(notOpen));
    await store.open();
    await store.batch([put('a', '1'), put('b', '1'), put('c', '1')]);
    const moment = store.snapshot();
    const seen = async (range?: StoreRange) => {
      const all: string[] = [];
      for await (const [key, value] of moment.entries('state', range)) all.push(key + text(value));
      return all;
    };
    await store.batch([put('a', '2'), del('b'), put('d', '2')]);
    expect(await seen()).toEqual(['a1', 'b1', 'c1']);
    expect(await seen({ gt: 'a', lt: 'c' })).toEqual(['b1']);
    expect(await seen({ reverse: true, limit: 1 })).toEqual(['c1']);
    expect(await seen({ limit: 0 })).toEqual([]);
    expect(text(await moment.get('state', 'a'))).toBe('1');
    expect(await moment.get('state', 'd')).toBeUndefined();
    const later = store.snapshot();
    expect(text(await later.get('state', 'a'))).toBe('2');
    await moment.close();
    await moment.close();
    await expect(moment.get('state', 'a')).rejects.toMatchObject(notOpen);
    await expect(seen()).rejects.toMatchObject(notOpen);
    expect(text(await later.get('state', 'a'))).toBe('2');
    await later.close();
    await store.close();
  });

  it('shows a moment in pages as one by one', async () => {
    const { store } = await makeBench();
    await store.open();
    const keys = Array.from({ length: 300 }, (_, i) => String(i).padStart(3, '0'));
    await store.batch(keys.map((key) => put(key, key)));
    const moment = store.snapshot();
    const seen = async (range: StoreRange) => {
      const pages: (readonly (readonly [string, Uint8Array])[])[] = [];
      for await (const page of moment.pages('state', range)) pages.push(page);
      expect(pages.every(({ length }) => length > 0)).toBe(true);
      return pages.flat().map(([key, value]) => `${key}${text(value)}`);
    };
    expect(await seen({})).toEqual(keys.map((key) => key + key));
    expect(await seen({ gte: '010', lt: '290' })).toHaveLength(280);
    expect(await seen({ gte: 'x' })).toEqual([]);
    expect(await seen({ gte: '010', isKeysOnly: true })).toEqual(keys.slice(10));
    await store.close();
    await expect(seen({})).rejects.toMatchObject(notOpen);
  });

  it('ends a moment with the store, also when it is opened again', async () => {
    const { store } = await makeBench();
    await store.open();
    await store.batch([put('a')]);
    const moment = store.snapshot();
    await store.close();
    await expect(moment.get('state', 'a')).rejects.toMatchObject(notOpen);
    await store.open();
    await expect(moment.get('state', 'a')).rejects.toMatchObject(notOpen);
    await moment.close();
    await store.close();
  });
}

function failures(makeBench: () => Promise<StoreBench>): void {
  for (const point of ['store:write', 'store:written'] as const) {
    it(`fails at ${point}, acknowledges nothing more, and goes on after a reopen`, async () => {
      const { store, faults } = await makeBench();
      await store.open();
      await store.batch([put('kept')], { sync: true });
      faults.failAt(point);
      const results = await Promise.allSettled([
        store.batch([put('a')], { sync: true }),
        store.batch([put('b')], { sync: true }),
      ]);
      expect(results[0]).toMatchObject({ reason: { code: 'ERR_STORAGE_DISK_FULL' } });
      expect(results[1]).toMatchObject({ status: 'rejected' });
      faults.failAt(null);
      expect(store.status).toBe('failed');
      // Whoever meets it later is told why, and what to do: not to look into a log.
      const why = { ...notOpen, message: expect.stringContaining('failed: the disk is full') };
      const told = { ...why, remedy: expect.stringMatching(/^Make room/) };
      for (const call of everyCall(store)) await expect(call).rejects.toMatchObject(told);
      expect(() => store.getSync('state', 'kept')).toThrow(expect.objectContaining(told));
      await store.open();
      expect(text(await store.get('state', 'kept'))).toBe('kept');
      await store.batch([put('c')], { sync: true });
      expect(text(await store.get('state', 'c'))).toBe('c');
      await store.close();
    });
  }

  it('refuses new writes with a typed error when too much waits', async () => {
    const { store } = await makeBench();
    await store.open();
    const value = 'x'.repeat(1024 * 1024);
    const calls = Array.from({ length: 20 }, (_, i) => store.batch([put(`k${i}`, value)]));
    const results = await Promise.allSettled(calls);
    const busy = results.filter((result) => result.status === 'rejected');
    expect(busy.length).toBeGreaterThan(0);
    for (const result of busy)
      expect(result).toMatchObject({ reason: { code: 'ERR_STORAGE_BUSY' } });
    expect((await listed(store)).length).toBe(20 - busy.length);
    await store.close();
  });
}

function model(makeBench: () => Promise<StoreBench>): void {
  const key = fc.oneof(
    fc.constantFrom('a', 'b', 'ab', '!', '"'),
    fc.string({ minLength: 1, unit: 'grapheme' }),
  );
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('batch' as const),
      keys: fc.array(key, { maxLength: 5 }),
      sync: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('delete' as const), key }),
    fc.record({ kind: fc.constant('reopen' as const) }),
  );

  it('behaves as a sorted map does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { store } = await makeBench();
        await store.open();
        const expected = new Map<string, string>();
        for (const [i, one] of steps.entries()) {
          if (one.kind === 'batch') {
            await store.batch(
              one.keys.map((k) => put(k, `${i}`)),
              { sync: one.sync },
            );
            for (const k of one.keys) expected.set(k, `${i}`);
          } else if (one.kind === 'delete') {
            await store.batch([del(one.key)]);
            expected.delete(one.key);
          } else {
            await store.close();
            await store.open();
          }
        }
        const sorted = [...expected].sort(([a], [b]) =>
          Buffer.compare(Buffer.from(a), Buffer.from(b)),
        );
        expect(await listed(store)).toEqual(sorted);
        await store.close();
      }),
      { numRuns: 25 },
    );
  });
}

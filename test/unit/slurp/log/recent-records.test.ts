import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../../protocols/interface/index.ts';
import { RecentRecords } from '../../../../protocols/slurp/log/recent-records.ts';

const record = (index: number, size = 10): LogRecord => ({
  index,
  term: 1,
  bytes: new Uint8Array(size).fill(index),
});

describe('RecentRecords', () => {
  it('reads what a plain list would give, over pushes and truncations', () => {
    const step = fc.record({ push: fc.boolean(), count: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(200), (steps, pick) => {
        const recent = new RecentRecords();
        let list: LogRecord[] = [];
        for (const { push, count } of steps) {
          if (push) {
            const added = Array.from({ length: count }, (_, i) => record(list.length + 1 + i));
            recent.push(added);
            list = [...list, ...added];
          } else {
            const from = Math.max(1, list.length - count + 1);
            recent.truncateFrom(from);
            list = list.slice(0, from - 1);
          }
        }
        const from = 1 + (pick % (list.length + 2));
        const expected = list.slice(from - 1, from + 4);
        expect(recent.read(from, 5, 1000) ?? []).toEqual(expected);
        expect(recent.read(from, 5, 25) ?? []).toEqual(expected.slice(0, 2));
      }),
    );
  });

  it('gives one record at least, however long', () => {
    const recent = new RecentRecords();
    recent.push([record(1, 100), record(2, 100)]);
    expect(recent.read(1, 10, 5)).toHaveLength(1);
  });

  it('begins anew behind a hole', () => {
    const recent = new RecentRecords();
    recent.push([record(1), record(2)]);
    recent.push([record(9)]);
    expect(recent.read(1, 5, 1000)).toBeUndefined();
    expect(recent.read(9, 5, 1000)).toHaveLength(1);
  });

  it('forgets the oldest beyond its bounds, and knows that it did', () => {
    const recent = new RecentRecords();
    for (let index = 1; index <= 10_000; index++) recent.push([record(index)]);
    expect(recent.read(1, 1, 1000)).toBeUndefined();
    expect(recent.read(10_000 - 4_095, 1, 1000)?.[0]?.index).toBe(10_000 - 4_095);
    expect(recent.read(10_000 - 4_096, 1, 1000)).toBeUndefined();
    for (let index = 10_001; index <= 10_020; index++) recent.push([record(index, 1024 * 1024)]);
    expect(recent.read(10_012, 1, 10)).toBeUndefined();
    expect(recent.read(10_013, 20, 1e9)).toHaveLength(8);
  });

  it('holds nothing of what it forgot', async () => {
    const recent = new RecentRecords();
    const held = new WeakRef(push(1, recent));
    for (let index = 2; index <= 9; index++) push(index, recent);
    expect(recent.read(1, 1, 1000)).toBeUndefined();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    // What a weak reference was asked for, or made of, lives to the end of that turn.
    await new Promise((turned) => setImmediate(turned));
    collect();
    expect(held.deref()).toBeUndefined();
  });
});

function push(index: number, recent: RecentRecords): Uint8Array {
  const { bytes } = record(index, 1024 * 1024);
  recent.push([{ index, term: 1, bytes }]);
  return bytes;
}

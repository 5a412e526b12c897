import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChurnMap } from '../../../protocols/slurp/churn-map.ts';

describe('ChurnMap', () => {
  it('is as a plain map, however much comes and goes', () => {
    const step = fc.record({
      what: fc.constantFrom('set', 'set', 'delete', 'clear' as const),
      key: fc.nat(40),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 300, maxLength: 900 }), (steps) => {
        const map = new ChurnMap<number, number>();
        const plain = new Map<number, number>();
        for (const [i, { what, key }] of steps.entries()) {
          if (what === 'set') {
            map.set(key, i);
            plain.set(key, i);
          } else if (what === 'delete') {
            expect(map.delete(key)).toBe(plain.delete(key));
          } else if (key === 0) {
            map.clear();
            plain.clear();
          }
          expect([map.size, map.get(key)]).toEqual([plain.size, plain.get(key)]);
        }
        expect([...map.values()]).toEqual([...plain.values()]);
      }),
      { numRuns: 30 },
    );
  });

  it('leaves nothing behind of what went, other than a plain map', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const left = leftBy(new ChurnMap(), collect);
    const plain = leftBy(new Map(), collect);
    expect(plain).toBeGreaterThan(8);
    expect(left).toBeLessThan(plain / 3);
  });
});

interface Churned {
  set(key: number, value: unknown): unknown;
  delete(key: number): unknown;
}

/** MB of the old space that are taken after 64 of 30,000 values at a time were in a map. */
function leftBy(map: Churned, collect: () => void): number {
  for (let i = 0; i < 64; i++) map.set(i, new Array(100).fill(i));
  // What is there now is old.
  collect();
  const before = oldMb();
  let other: unknown;
  for (let i = 64; i < 30_000; i++) {
    map.set(i, new Array(100).fill(i));
    map.delete(i - 64);
    for (let made = 0; made < 20; made++) other = new Array(100).fill(made);
  }
  expect(other).toBeDefined();
  const left = oldMb() - before;
  collect();
  return left;
}

function oldMb(): number {
  const space = getHeapSpaceStatistics().find((it) => it.space_name === 'old_space');
  return (space?.space_used_size ?? 0) / 1024 / 1024;
}

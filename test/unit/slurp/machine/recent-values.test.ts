import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecentValues } from '../../../../protocols/slurp/machine/recent-values.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const step = fc.record({ name, value: fc.option(fc.nat(9), { nil: undefined }) });

describe('RecentValues', () => {
  it('knows of each name the last value or none, and of the last few names for sure', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const recent = new RecentValues<number>(8);
        const twin = new Map<string, number>();
        for (const { name: it, value } of steps) {
          // Behind all others again.
          twin.delete(it);
          if (value === undefined) recent.delete(it);
          else {
            recent.set(it, value);
            twin.set(it, value);
          }
          const last = new Set([...twin.keys()].slice(-3));
          for (const [key, kept] of twin) {
            expect(last.has(key) ? [kept] : [kept, undefined]).toContain(recent.get(key));
          }
          if (value === undefined) expect(recent.get(it)).toBeUndefined();
        }
      }),
    );
  });

  it('keeps no more than it may, and nothing once it is cleared', () => {
    const recent = new RecentValues<number>(8);
    for (let i = 0; i < 100; i++) recent.set(`${i}`, i);
    const kept = Array.from({ length: 100 }, (_, i) => recent.get(`${i}`)).filter(
      (it) => it !== undefined,
    );
    expect(kept.length).toBeLessThanOrEqual(8);
    expect(kept.at(-1)).toBe(99);
    recent.clear();
    expect(recent.get('99')).toBeUndefined();
  });
});

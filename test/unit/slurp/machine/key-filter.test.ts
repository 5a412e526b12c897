import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyFilter } from '../../../../protocols/slurp/machine/key-filter.ts';
import { anyCharacter } from '../../any-character.ts';

// Goal: what was added is never denied, whatever it is; what was not mostly is, in little memory.

type Named = readonly [string, string];

const SEED = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
const FILTER_MAX = { firstLayerKeys: 32, layersMax: 3 };

const names = fc.array(
  fc.tuple(fc.constantFrom('addressed', 'submission', ''), fc.string({ unit: anyCharacter })),
  { maxLength: 120 },
);

/** Those that a filter denies although they were added to it. */
function denied(filter: KeyFilter, added: readonly Named[]): Named[] {
  for (const [table, key] of added) filter.add(table, key);
  return added.filter(([table, key]) => !filter.mayHave(table, key));
}

/** Of how many keys in a hundred that were never added it says 'perhaps'. */
function wronglyPercent(filter: KeyFilter, tries = 100_000): number {
  let wrong = 0;
  for (let i = 0; i < tries; i++) if (filter.mayHave('submission', `no such ${i}`)) wrong++;
  return (wrong / tries) * 100;
}

function fill(filter: KeyFilter, keys: number): KeyFilter {
  for (let i = 0; i < keys; i++) filter.add('submission', `bafyrei${i.toString(36)}`);
  return filter;
}

describe('a key filter', () => {
  it('denies everything while it is empty, and takes no memory', () => {
    const filter = new KeyFilter(SEED);
    expect(filter.mayHave('submission', 'a')).toBe(false);
    expect(filter).toMatchObject({ size: 0, bytes: 0, isFull: false });
  });

  it('never denies what was added, over all its layers and beyond', () => {
    const seeds = fc.uint8Array({ minLength: 8, maxLength: 8 });
    const property = fc.property(seeds, names, (seed, all) => {
      expect(denied(new KeyFilter(seed, FILTER_MAX), all)).toEqual([]);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('that forgets a key is found out by the same check', () => {
    class Forgetful extends KeyFilter {
      override add(table: string, key: string): void {
        if (key.length % 7 !== 3) super.add(table, key);
      }
    }
    const property = fc.property(names, (all) => {
      expect(denied(new Forgetful(SEED, FILTER_MAX), all)).toEqual([]);
    });
    expect(fc.check(property, { numRuns: 500 }).failed).toBe(true);
  });

  it('tells tables apart, and keys that differ in one unit, high or low', () => {
    const filter = fill(new KeyFilter(SEED), 0);
    filter.add('submission', 'a');
    for (const [table, key] of [
      ['addressed', 'a'],
      ['submission', 'b'],
      ['submission', 'š'],
      ['submission', ''],
      ['submission', 'aa'],
    ] as const) {
      expect(filter.mayHave(table, key)).toBe(false);
    }
  });

  it('counts a key once, however often it is added', () => {
    const filter = fill(fill(new KeyFilter(SEED), 100), 100);
    expect(filter.size).toBe(100);
  });

  it('denies more than 99 of 100 strangers, in each layer and when all are full', () => {
    const filter = new KeyFilter(SEED, { firstLayerKeys: 2_048 });
    let added = 0;
    for (let layer = 0; layer < 7; layer++) {
      for (let i = 0; i < 2_048 * 2 ** layer; i++)
        filter.add('addressed', `ucxl://a:b@c:d/${added++}`);
      expect(wronglyPercent(filter)).toBeLessThan(1);
    }
    expect(filter.isFull).toBe(false);
    // 'Perhaps' was said of some that came, and they took no room.
    expect(filter.size).toBeGreaterThan(added * 0.99);
    expect(filter.bytes / added).toBeLessThan(1.63);
  });

  it('takes 13.5 MB at most, and what it holds needs meanwhile', () => {
    const filter = fill(new KeyFilter(SEED), 470_000);
    expect(filter.size).toBeGreaterThan(468_000);
    const all = [18, 17, 16, 15, 14, 13, 12].map((bits, i) => (bits * 65_536 * 2 ** i) / 8);
    expect(filter.bytes).toBe(all.slice(0, 4).reduce((sum, bytes) => sum + bytes));
    expect(all.reduce((sum, bytes) => sum + bytes)).toBeLessThan(13_500_000);
  });

  it('says perhaps of everything when more came than it takes, and lets go of its memory', () => {
    const filter = fill(new KeyFilter(SEED, FILTER_MAX), 1_000);
    expect(filter).toMatchObject({ isFull: true, bytes: 0, size: 0 });
    expect(wronglyPercent(filter, 1_000)).toBe(100);
    filter.add('submission', 'another');
    expect(filter.bytes).toBe(0);
  });

  it('is wrong about other keys in another process', () => {
    const strangers = (seed: Uint8Array): string => {
      const filter = fill(new KeyFilter(seed, { firstLayerKeys: 1_024, layersMax: 1 }), 1_024);
      const tries = Array.from({ length: 20_000 }, (_, i) => `no such ${i}`);
      return tries.filter((key) => filter.mayHave('submission', key)).join();
    };
    const here = strangers(SEED);
    expect(here).not.toBe('');
    expect(strangers(SEED)).toBe(here);
    expect(strangers(new Uint8Array(8).fill(9))).not.toBe(here);
  });
});

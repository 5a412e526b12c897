import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ReplayMark, ReplayWindow } from '../../../protocols/wire/replay-window.ts';

/** The window as one would write it without a bound: a set of all that was seen. */
class Twin {
  #mark: ReplayMark;
  #floor: number;
  readonly #seen = new Set<number>();
  readonly #size: number;

  constructor(size: number, mark: ReplayMark = { boot: 0, seq: 0 }) {
    this.#size = size;
    this.#mark = mark;
    this.#floor = mark.seq;
  }

  get mark(): ReplayMark {
    return this.#mark;
  }

  accept(boot: number, seq: number): boolean {
    if (boot < this.#mark.boot) return false;
    if (boot > this.#mark.boot) {
      this.#seen.clear();
      this.#floor = 0;
      this.#mark = { boot, seq: 0 };
    }
    const isOld = seq <= this.#floor || seq <= this.#mark.seq - this.#size;
    if (isOld || this.#seen.has(seq)) return false;
    this.#seen.add(seq);
    this.#mark = { boot, seq: Math.max(seq, this.#mark.seq) };
    return true;
  }
}

describe('ReplayWindow', () => {
  it('accepts each number once, in any order', () => {
    const window = new ReplayWindow(8);
    expect([3, 1, 2, 5].map((seq) => window.accept(1, seq))).toEqual([true, true, true, true]);
    expect([1, 2, 3, 5].map((seq) => window.accept(1, seq))).toEqual([false, false, false, false]);
    expect(window.accept(1, 4)).toBe(true);
    expect(window.mark).toEqual({ boot: 1, seq: 5 });
  });

  it('refuses what fell out of the window', () => {
    const window = new ReplayWindow(8);
    window.accept(1, 100);
    expect([92, 93].map((seq) => window.isNew(1, seq))).toEqual([false, true]);
  });

  it('changes nothing when it is only asked', () => {
    const window = new ReplayWindow(8);
    expect(window.isNew(2, 7)).toBe(true);
    expect(window.isNew(2, 7)).toBe(true);
    expect(window.mark).toEqual({ boot: 0, seq: 0 });
    expect(window.accept(2, 7)).toBe(true);
    expect(window.isNew(2, 7)).toBe(false);
  });

  it('begins again with a later start and refuses every earlier one', () => {
    const window = new ReplayWindow(8);
    window.accept(1, 500);
    expect(window.accept(2, 1)).toBe(true);
    expect(window.accept(1, 501)).toBe(false);
    expect(window.mark).toEqual({ boot: 2, seq: 1 });
  });

  it('counts everything up to a persisted mark as seen', () => {
    const window = new ReplayWindow(8, { boot: 3, seq: 20 });
    for (let seq = 1; seq <= 20; seq++) expect(window.accept(3, seq)).toBe(false);
    expect(window.accept(2, 99)).toBe(false);
    expect(window.accept(3, 22)).toBe(true);
    expect(window.accept(3, 21)).toBe(true);
    expect(window.accept(3, 21)).toBe(false);
  });

  it('leaves no trace of a jump over the whole window', () => {
    const window = new ReplayWindow(8);
    for (let seq = 1; seq <= 8; seq++) window.accept(1, seq);
    window.accept(1, Number.MAX_SAFE_INTEGER);
    for (let back = 1; back < 8; back++) {
      expect(window.accept(1, Number.MAX_SAFE_INTEGER - back)).toBe(true);
      expect(window.accept(1, Number.MAX_SAFE_INTEGER - back)).toBe(false);
    }
    expect(window.accept(1, Number.MAX_SAFE_INTEGER - 8)).toBe(false);
  });

  it('does what a set of all numbers would do, over reorderings, starts and restarts', () => {
    const step = fc.oneof(
      {
        weight: 20,
        arbitrary: fc.record({ boot: fc.constant(0), seq: fc.integer({ min: 1, max: 60 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          boot: fc.integer({ min: -1, max: 2 }),
          seq: fc.integer({ min: 1, max: 60 }),
        }),
      },
      { weight: 1, arbitrary: fc.constant('restart' as const) },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(step, { maxLength: 150 }),
        (size, steps) => {
          let window = new ReplayWindow(size);
          let twin = new Twin(size);
          for (const next of steps) {
            if (next === 'restart') {
              twin = new Twin(size, window.mark);
              window = new ReplayWindow(size, window.mark);
              continue;
            }
            const boot = Math.max(1, window.mark.boot + next.boot);
            const isNew = window.isNew(boot, next.seq);
            expect(window.accept(boot, next.seq)).toBe(isNew);
            expect(twin.accept(boot, next.seq)).toBe(isNew);
            expect(window.mark).toEqual(twin.mark);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

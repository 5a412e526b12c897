import { describe, expect, it } from 'vitest';
import { agreedTimeMs } from '../../../../../protocols/slurp/driver/clocks/agreed-time.ts';

const own = { nowMs: 1_000_000, monotonicMs: 500_000 };
const heard = (...offsets: readonly number[]) =>
  offsets.map((offsetMs) => ({ timeMs: 999_000 + offsetMs, heardMs: 499_000 }));

describe('agreedTimeMs', () => {
  it.each([
    ['alone it is one’s own clock', [], 1_000_000],
    ['of two it is the earlier one', [5_000], 1_000_000],
    ['of two it is the earlier one, the other way round', [-5_000], 995_000],
    ['of three it is the one in between', [-10, 7], 1_000_000],
    ['a clock a year ahead moves nothing', [31_536_000_000, 3], 1_000_003],
    ['a clock a year behind moves nothing', [-31_536_000_000, -3], 999_997],
    ['of five, two wrong ones move nothing', [9e11, 9e11, -2, 4], 1_000_004],
  ])('%s', (_, offsets, expected) => {
    expect(agreedTimeMs(own, heard(...offsets))).toBe(expected);
  });

  it('is a whole number, as entries have it, though the monotonic clock shows fractions', () => {
    const readings = [{ timeMs: own.nowMs - 1_000, heardMs: own.monotonicMs - 900.4 }];
    expect(agreedTimeMs(own, readings)).toBe(own.nowMs - 100);
  });

  it('leaves out what was heard more than a minute ago', () => {
    const old = { timeMs: own.nowMs - 60_051, heardMs: own.monotonicMs - 60_001 };
    expect(agreedTimeMs(own, [old])).toBe(own.nowMs);
  });
});

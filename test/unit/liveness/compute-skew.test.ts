import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addSample,
  bestSample,
  computeSample,
  computeSkew,
} from '../../../protocols/liveness/compute-skew.ts';

// Goal: a clock is read to within half a round trip, and a few wrong clocks move nobody's.

describe('reading a clock', () => {
  it('is exact when both ways take as long', () => {
    const sample = computeSample({
      ...{ askedMs: 100, answeredMs: 160 },
      ...{ receivedMs: 5_000_125, sentMs: 5_000_135 },
    });
    expect(sample).toEqual({ aheadMs: 5_000_000, rttMs: 50, atMs: 160 });
  });

  it('is off by half a round trip at most', () => {
    const property = fc.property(
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      fc.nat(5_000),
      fc.nat(5_000),
      fc.nat(1_000),
      (aheadMs, thereMs, backMs, heldMs) => {
        const receivedMs = thereMs + aheadMs;
        const sentMs = receivedMs + heldMs;
        const answeredMs = thereMs + heldMs + backMs;
        const sample = computeSample({ askedMs: 0, answeredMs, receivedMs, sentMs });
        expect(sample.rttMs).toBe(thereMs + backMs);
        expect(Math.abs(sample.aheadMs - aheadMs)).toBeLessThanOrEqual(sample.rttMs / 2);
      },
    );
    fc.assert(property);
  });

  it('goes by the shortest round trip of the latest four', () => {
    const samples = [5, 50, 20, 40, 30]
      .map((rttMs, n) => ({ aheadMs: n, rttMs, atMs: n }))
      .reduce(addSample, [] as readonly { aheadMs: number; rttMs: number; atMs: number }[]);
    expect(samples).toHaveLength(4);
    expect(bestSample(samples, 10)?.aheadMs).toBe(2);
    expect(bestSample(samples, 60_010)).toBeUndefined();
    expect(bestSample([], 0)).toBeUndefined();
  });
});

describe('the skew', () => {
  it('is against the median of all, one own included', () => {
    expect(computeSkew([])).toBeUndefined();
    expect(computeSkew([0, 0])).toBe(0);
    expect(computeSkew([-3_000, -3_000])).toBe(3_000);
    expect(computeSkew([3_000])).toBe(-1_500);
  });

  it('is not moved by a minority that lies', () => {
    const property = fc.property(
      fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 2, maxLength: 20 }),
      fc.array(fc.integer(), { maxLength: 20 }),
      (honest, lies) => {
        fc.pre(lies.length <= honest.length);
        expect(Math.abs(computeSkew([...honest, ...lies]) ?? 0)).toBeLessThanOrEqual(100);
      },
    );
    fc.assert(property);
  });
});

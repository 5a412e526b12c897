import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimiter, TokenBucket } from '../../../protocols/wire/rate-limit.ts';

describe('TokenBucket', () => {
  it('gives the burst at once and then the rate', () => {
    const bucket = new TokenBucket({ ratePerSecond: 5, burst: 3 }, 0);
    expect([1, 2, 3, 4].map(() => bucket.take(0))).toEqual([true, true, true, false]);
    expect(bucket.waitMs(0)).toBe(200);
    expect(bucket.take(199)).toBe(false);
    expect(bucket.take(200)).toBe(true);
    expect(bucket.take(200)).toBe(false);
  });

  it.each([
    [0, 1],
    [-1, 1],
    [Number.NaN, 1],
    [1, 0],
    [1, Number.NaN],
  ])('is not made for a rate of %d and a burst of %d', (ratePerSecond, burst) => {
    expect(() => new TokenBucket({ ratePerSecond, burst }, 0)).toThrow(RangeError);
  });

  it('saves up no more than the burst', () => {
    const bucket = new TokenBucket({ ratePerSecond: 5, burst: 3 }, 0);
    expect(bucket.take(1_000_000, 4)).toBe(false);
    expect(bucket.take(1_000_000, 3)).toBe(true);
    expect(bucket.waitMs(1_000_000, 4)).toBe(Number.POSITIVE_INFINITY);
  });

  it('gives and takes nothing when the clock steps back', () => {
    const bucket = new TokenBucket({ ratePerSecond: 1, burst: 1 }, 1000);
    expect(bucket.take(1000)).toBe(true);
    expect(bucket.take(0)).toBe(false);
    expect(bucket.take(1500)).toBe(false);
    expect(bucket.take(2000)).toBe(true);
    expect(bucket.isFull(2000)).toBe(false);
    expect(bucket.isFull(3000)).toBe(true);
  });

  it('refuses an allowance that allows nothing', () => {
    expect(() => new TokenBucket({ ratePerSecond: 0, burst: 1 }, 0)).toThrow(RangeError);
    expect(() => new TokenBucket({ ratePerSecond: 1, burst: 0 }, 0)).toThrow(RangeError);
  });

  it('never gives more than burst + rate × time, whatever the calls', () => {
    const steps = fc.array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 4 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (calls) => {
        const bucket = new TokenBucket({ ratePerSecond: 10, burst: 4 }, 0);
        let nowMs = 0;
        let taken = 0;
        for (const [stepMs, cost] of calls) {
          nowMs += stepMs;
          if (bucket.take(nowMs, cost)) taken += cost;
        }
        expect(taken).toBeLessThanOrEqual(4 + nowMs / 100 + 1e-9);
      }),
    );
  });
});

describe('RateLimiter', () => {
  it('keeps keys apart', () => {
    const limiter = new RateLimiter({ ratePerSecond: 1, burst: 1 });
    expect(limiter.take('a', 0)).toBe(true);
    expect(limiter.take('a', 0)).toBe(false);
    expect(limiter.take('b', 0)).toBe(true);
  });

  it('remembers a bounded number of keys, those used last', () => {
    const limiter = new RateLimiter({ ratePerSecond: 1, burst: 1, keysMax: 2 });
    limiter.take('a', 0);
    limiter.take('b', 0);
    limiter.take('a', 0);
    limiter.take('c', 0);
    expect(limiter.size).toBe(2);
    expect(limiter.take('a', 0)).toBe(false);
    expect(limiter.take('b', 0)).toBe(true);
    limiter.forget('b');
    expect(limiter.size).toBe(1);
  });
});

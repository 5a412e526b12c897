import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../daemon/system/clock.ts';

const DAY_MS = 86_400_000;

afterEach(() => void vi.useRealTimers());

describe('systemClock', () => {
  it('fires once after the delay, unless called off', () => {
    vi.useFakeTimers();
    const fired: string[] = [];
    systemClock.schedule(100, () => fired.push('kept'));
    systemClock.schedule(100, () => fired.push('cancelled')).cancel();
    vi.advanceTimersByTime(99);
    expect(fired).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect(fired).toEqual(['kept']);
  });

  it('does not fire early for delays that are too long for the system', () => {
    vi.useFakeTimers();
    let fired = 0;
    const early = systemClock.schedule(60 * DAY_MS, () => {
      fired += 1;
    });
    systemClock.schedule(61 * DAY_MS, () => {
      fired += 10;
    });
    vi.advanceTimersByTime(59 * DAY_MS);
    expect(fired).toBe(0);
    early.cancel();
    vi.advanceTimersByTime(3 * DAY_MS);
    expect(fired).toBe(10);
  });

  it('fires soon for a delay of nothing or less', () => {
    vi.useFakeTimers();
    let fired = 0;
    systemClock.schedule(0, () => fired++);
    systemClock.schedule(-5, () => fired++);
    vi.advanceTimersByTime(1);
    expect(fired).toBe(2);
  });

  it('knows both times', () => {
    expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1_000);
    const before = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
  });
});

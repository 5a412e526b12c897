import { expect, it } from 'vitest';
import { LogTime } from '../../../../protocols/help/timers/log-time.ts';
import type { Clock } from '../../../../protocols/interface/index.ts';

// Goal: a leader knows what time its next entry has, whatever its own clock says.

function clock(nowMs: number) {
  const hands = { nowMs, monotonicMs: 5 };
  const own: Clock = {
    nowMs: () => hands.nowMs,
    monotonicMs: () => hands.monotonicMs,
    schedule: () => ({ cancel: () => undefined }),
  };
  return { hands, time: new LogTime(own) };
}

it('is our own clock before anything was heard', () => {
  expect(clock(700).time.nowMs()).toBe(700);
});

it.each([
  ['ahead of', 9_000],
  ['behind', 1_000],
])('goes by the log when our clock is %s it', (_, nowMs) => {
  const { hands, time } = clock(nowMs);
  time.heard(5_000);
  hands.nowMs += 100;
  hands.monotonicMs += 100;
  expect(time.nowMs()).toBe(5_100);
});

it('is not too late when our clock is set back, and learns when it is set forward', () => {
  const { hands, time } = clock(9_000);
  time.heard(5_000);
  hands.monotonicMs += 100;
  hands.nowMs -= 3_000;
  expect(time.nowMs()).toBe(5_100);
  hands.nowMs += 60_000;
  expect(time.nowMs()).toBe(62_000);
  time.heard(5_200);
  expect(time.nowMs()).toBe(5_200);
});

it('is at the least what has passed since the last entry, whatever our clock is set to', () => {
  const { hands, time } = clock(9_000);
  expect(time.leastMs).toBeUndefined();
  time.heard(5_000);
  hands.nowMs += 86_400_000;
  hands.monotonicMs += 100;
  expect(time.leastMs).toBe(5_100);
});

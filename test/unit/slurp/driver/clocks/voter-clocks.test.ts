import { expect, it } from 'vitest';
import { HealthBook } from '../../../../../daemon/system/health.ts';
import { silentLogger } from '../../../../../protocols/interface/index.ts';
import { VoterClocks } from '../../../../../protocols/slurp/driver/clocks/voter-clocks.ts';
import { TIME_MS_MAX } from '../../../../../protocols/wire/index.ts';

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;
const NOW_MS = 1_800_000_000_000;

function world(voters = ['self', 'a', 'b']) {
  const health = new HealthBook(silentLogger);
  const ours = { nowMs: NOW_MS, monotonicMs: 5_000 };
  const clock = {
    nowMs: () => ours.nowMs,
    monotonicMs: () => ours.monotonicMs,
    schedule: () => ({ cancel: () => undefined }),
  };
  const codes = (): string[] => health.list().map(({ code }) => code);
  return { clocks: new VoterClocks({ clock, health, voters: () => voters }), codes, ours };
}

it('a clock a year ahead moves nothing, and is told of until it is set', () => {
  const { clocks, codes } = world();
  clocks.heard('a', NOW_MS + 20);
  clocks.heard('b', NOW_MS + YEAR_MS);
  expect(clocks.agreedMs()).toBeLessThan(NOW_MS + 1_000);
  expect(codes()).toEqual(['clock-off']);
  clocks.heard('b', NOW_MS + 30);
  expect(codes()).toEqual([]);
});

it.each([YEAR_MS, -YEAR_MS])('a clock here that is set by %i ms moves nothing', (byMs) => {
  const { clocks, codes, ours } = world();
  clocks.heard('a', NOW_MS + 20);
  clocks.heard('b', NOW_MS + 30);
  // In the moment in which it is set, before anything else is heard of the others.
  ours.nowMs += byMs;
  ours.monotonicMs += 10;
  expect(Math.abs(clocks.agreedMs() - NOW_MS)).toBeLessThan(1_000);
  expect(codes()).toEqual(['clock-off']);
});

it.each([
  [30_000, []],
  [30_001, ['clock-off']],
  [-30_001, ['clock-off']],
])('a clock that is %i ms off is told of: %j', (offMs, told) => {
  const { clocks, codes } = world();
  clocks.heard('a', NOW_MS);
  clocks.heard('b', NOW_MS + offMs);
  clocks.agreedMs();
  expect(codes()).toEqual(told);
});

it('a node that leads no more leaves the telling to the one that does', () => {
  const { clocks, codes } = world();
  clocks.heard('a', NOW_MS);
  clocks.heard('b', NOW_MS + YEAR_MS);
  clocks.agreedMs();
  clocks.rest();
  clocks.heard('b', NOW_MS + YEAR_MS);
  expect(codes()).toEqual([]);
});

it('clocks of learners date nothing, and are told of', () => {
  const { clocks, codes } = world(['self']);
  clocks.heard('a', NOW_MS + YEAR_MS);
  clocks.heard('b', NOW_MS + YEAR_MS);
  expect(clocks.agreedMs()).toBe(NOW_MS);
  expect(codes()).toEqual(['clock-off']);
});

it('gives a time that an entry can be dated with, whatever the clocks say', () => {
  const { clocks } = world();
  clocks.heard('a', Number.MAX_SAFE_INTEGER);
  clocks.heard('b', Number.MAX_SAFE_INTEGER);
  expect(clocks.agreedMs()).toBe(TIME_MS_MAX);
});

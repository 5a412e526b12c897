import { expect, it } from 'vitest';
import { HealthBook } from '../../../../../daemon/system/health.ts';
import { silentLogger } from '../../../../../protocols/interface/index.ts';
import { VoterClocks } from '../../../../../protocols/slurp/driver/clocks/voter-clocks.ts';

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;
const NOW_MS = 1_800_000_000_000;

function world() {
  const health = new HealthBook(silentLogger);
  const clock = {
    nowMs: () => NOW_MS,
    monotonicMs: () => 5_000,
    schedule: () => ({ cancel: () => undefined }),
  };
  const codes = (): string[] => health.list().map(({ code }) => code);
  return { clocks: new VoterClocks({ clock, health }), codes };
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

it('a node that leads no more leaves the telling to the one that does', () => {
  const { clocks, codes } = world();
  clocks.heard('a', NOW_MS);
  clocks.heard('b', NOW_MS + YEAR_MS);
  clocks.agreedMs();
  clocks.rest();
  clocks.heard('b', NOW_MS + YEAR_MS);
  expect(codes()).toEqual([]);
});

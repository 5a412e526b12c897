import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addMiss,
  addSpell,
  computeAllowance,
  computeSlowdown,
  LIVENESS_TIMES,
  type Spell,
} from '../../../protocols/liveness/rules.ts';

// Goal: a good link leaves five seconds to be found out, a bad one is given time, and neither a
// single wait nor a bad day of this node itself makes a link bad or a member gone.

const GOOD = { nowMs: 0, rttMs: 0, slowdown: 1 };

const spellsOf = (...waitsMs: readonly number[]): readonly Spell[] =>
  waitsMs.reduce<readonly Spell[]>(
    (spells, waitedMs) => addSpell(spells, { waitedMs, atMs: 0 }),
    [],
  );

describe('what a link is allowed', () => {
  it('is below five seconds in all on a good one, a ping included', () => {
    const { suspectAfterMs, unreachableAfterMs } = computeAllowance(LIVENESS_TIMES, [], GOOD);
    expect([suspectAfterMs, unreachableAfterMs]).toEqual([800, 2_000]);
    expect(LIVENESS_TIMES.pingEveryMs + suspectAfterMs + unreachableAfterMs).toBeLessThan(4_500);
  });

  it('forgives three waits, and goes by the fourth', () => {
    const at = (spells: readonly Spell[]) => computeAllowance(LIVENESS_TIMES, spells, GOOD);
    expect(at(spellsOf(30_000, 20_000, 4_000))).toEqual(at([]));
    expect(at(spellsOf(30_000, 20_000, 4_000, 2_000))).toEqual({
      suspectAfterMs: 2_500,
      unreachableAfterMs: 10_000,
    });
  });

  it('grows with the round trip, more where one was waited for', () => {
    const far = { ...GOOD, rttMs: 100 };
    expect(computeAllowance(LIVENESS_TIMES, [], far).unreachableAfterMs).toBe(2_800);
    expect(computeAllowance(LIVENESS_TIMES, spellsOf(500), far).unreachableAfterMs).toBe(4_720);
  });

  it('forgets what is two minutes old, and remembers the longest', () => {
    const many = spellsOf(...Array.from({ length: 50 }, (_, n) => 400 + n));
    expect(many).toHaveLength(8);
    expect(many[0]?.waitedMs).toBe(449);
    const later = addSpell(many, { waitedMs: 350, atMs: 120_001 });
    expect(later).toHaveLength(1);
    expect(spellsOf(299)).toEqual([]);
  });

  it('is bounded whatever was seen, and never shorter than the base', () => {
    const spell = fc.record({ waitedMs: fc.nat(10_000_000), atMs: fc.constant(0) });
    const property = fc.property(
      fc.array(spell),
      fc.nat(60_000),
      fc.integer({ min: 1, max: 4 }),
      (spells, rttMs, slowdown) => {
        const given = spells.reduce<readonly Spell[]>(addSpell, []);
        const allowed = computeAllowance(LIVENESS_TIMES, given, { nowMs: 0, rttMs, slowdown });
        expect(allowed.suspectAfterMs).toBeGreaterThanOrEqual(800);
        expect(allowed.suspectAfterMs).toBeLessThanOrEqual(10_000);
        expect(allowed.unreachableAfterMs).toBeGreaterThanOrEqual(2_000);
        expect(allowed.unreachableAfterMs).toBeLessThanOrEqual(60_000);
      },
    );
    fc.assert(property);
  });
});

describe('how this node itself does', () => {
  it('slows it down with each answer that it missed, up to fourfold, for a while', () => {
    let missesMs: readonly number[] = [];
    for (const atMs of [0, 1, 2, 3, 4]) missesMs = addMiss(missesMs, atMs);
    expect(computeSlowdown({ missesMs: [], isDeaf: false }, 0)).toBe(1);
    expect(computeSlowdown({ missesMs: missesMs.slice(1), isDeaf: false }, 10)).toBe(3);
    expect(computeSlowdown({ missesMs, isDeaf: false }, 10)).toBe(4);
    expect(computeSlowdown({ missesMs, isDeaf: false }, 20_005)).toBe(1);
    expect(computeSlowdown({ missesMs: [], isDeaf: true }, 0)).toBe(3);
  });
});

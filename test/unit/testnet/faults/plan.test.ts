import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../../../testnet/faults/index.ts';
import { type Planned, planFaults, type Slot } from '../../../testnet/faults/plan.ts';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'];
const KINDS: readonly Planned[] = FAMILIES.map(({ kind, nodes, holdMs }) => {
  return { kind, nodes, holdMs, ...(kind === 'disk-full' ? { only: ['n3'] } : {}) };
});
const SEEDS = fc.integer({ min: 0, max: 2 ** 31 });

function take(count: number, seed: number, kinds = KINDS): Slot[] {
  const slots: Slot[] = [];
  for (const slot of planFaults(seed, kinds, NODES)) {
    slots.push(slot);
    if (slots.length === count) break;
  }
  return slots;
}

describe('the plan of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(take(50, 7)).toEqual(take(50, 7));
    expect(take(50, 7)).not.toEqual(take(50, 8));
  });

  it('leaves a majority alone but for the kinds that are for more', () => {
    const isLarge = ({ kind }: { kind: string }) => kind === 'kill-majority' || kind === 'rolling';
    fc.assert(
      fc.property(SEEDS, (seed) => {
        for (const { faults } of take(40, seed)) {
          const nodes = faults.flatMap((fault) => fault.nodes);
          expect(new Set(nodes).size).toBe(nodes.length);
          if (!faults.some(isLarge)) expect(nodes.length).toBeLessThanOrEqual(2);
          else expect(faults).toHaveLength(1);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('has every kind once before any comes again, as the first of its slot', () => {
    fc.assert(
      fc.property(SEEDS, (seed) => {
        const first = take(KINDS.length, seed).map(({ faults: [fault] }) => fault?.kind);
        expect(new Set(first).size).toBe(KINDS.length);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps to the nodes, the times and the strengths that a kind allows', () => {
    for (const { faults, calmMs } of take(300, 3)) {
      expect(calmMs).toBeGreaterThan(0);
      for (const { kind, nodes, holdMs, strength } of faults) {
        const of = KINDS.find((it) => it.kind === kind);
        expect(nodes.length).toBeGreaterThanOrEqual(of?.nodes[0] ?? 9);
        expect(nodes.length).toBeLessThanOrEqual(of?.nodes[1] ?? 0);
        expect(holdMs).toBeGreaterThanOrEqual(of?.holdMs[0] ?? 9);
        expect(holdMs).toBeLessThanOrEqual(of?.holdMs[1] ?? 0);
        expect(strength).toBeGreaterThanOrEqual(0);
        expect(strength).toBeLessThan(1);
        if (kind === 'disk-full') expect(nodes).toEqual(['n3']);
      }
    }
  });

  it('refuses to plan without faults', () => {
    expect(() => take(1, 1, [])).toThrow('no faults');
  });
});

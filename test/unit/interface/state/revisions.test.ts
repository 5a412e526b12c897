import { describe, expect, it } from 'vitest';
import { type LeaderRecord, revise, revisionAt } from '../../../../protocols/interface/index.ts';
import { MeshState, StateOverlay } from '../../../../protocols/slurp/index.ts';

// Goal: every version of a record that changes in place stays, in order, and none is another's.

const ADDRESS = 'ucxl://any:admin@COOEE:slurp/#/leader';
const leader = (term: number): LeaderRecord => ({
  ...{ peer: 'p', recipient: 'age1x' },
  ...{ term, index: term * 10 },
});
const cause = (n: number) => ({ index: n * 10, timeMs: n * 1_000, cause: 'leader:change' });

describe('revise', () => {
  it('counts from 1 and keeps what there was before', () => {
    const state = new StateOverlay(new MeshState());
    for (const n of [1, 2, 3]) expect(revise(state, ADDRESS, cause(n), leader(n))).toBe(n);
    expect(state.get('revised', ADDRESS)).toBe(3);
    for (const n of [1, 2, 3]) {
      expect(revisionAt(state, ADDRESS, n)).toEqual({
        ...{ version: n, index: n * 10, timeMs: n * 1_000 },
        ...{ cause: 'leader:change', value: leader(n) },
      });
    }
    for (const n of [0, 4, -1]) expect(revisionAt(state, ADDRESS, n)).toBeUndefined();
  });

  it('keeps addresses apart, also where one begins as another', () => {
    const state = new StateOverlay(new MeshState());
    revise(state, ADDRESS, cause(1), leader(1));
    expect(revise(state, `${ADDRESS}/2`, cause(2), leader(2))).toBe(1);
    expect(revisionAt(state, ADDRESS, 1)?.index).toBe(10);
    expect(revisionAt(state, `${ADDRESS}/2`, 1)?.index).toBe(20);
  });

  it('is thrown away with the command that was refused', () => {
    const base = new StateOverlay(new MeshState());
    revise(base, ADDRESS, cause(1), leader(1));
    revise(new StateOverlay(base), ADDRESS, cause(2), leader(2));
    expect(base.get('revised', ADDRESS)).toBe(1);
    expect(revisionAt(base, ADDRESS, 2)).toBeUndefined();
  });
});

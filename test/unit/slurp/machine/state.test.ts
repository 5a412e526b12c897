import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MeshState, StateOverlay } from '../../../../protocols/slurp/machine/state.ts';
import { appliedRecord, stateKey } from '../../../../protocols/slurp/machine/stored.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd');
const write = fc.oneof(
  fc.record({ key, value: fc.nat(9) }),
  fc.record({ key, value: fc.constant(undefined) }),
);
const writes = fc.array(write, { maxLength: 12 });

type Write = { readonly key: string; readonly value: number | undefined };

const play = (into: StateOverlay, list: readonly Write[]): void => {
  for (const { key: name, value } of list) {
    if (value === undefined) into.delete('cursor', name);
    else into.put('cursor', name, value);
  }
};
const playTwin = (twin: Map<string, number>, list: readonly Write[]): void => {
  for (const { key: name, value } of list) {
    if (value === undefined) twin.delete(name);
    else twin.set(name, value);
  }
};
const seen = (state: MeshState | StateOverlay) =>
  new Map([...state.entries('cursor')].sort(([a], [b]) => (a < b ? -1 : 1)));
const sorted = (twin: Map<string, number>) =>
  new Map([...twin].sort(([a], [b]) => (a < b ? -1 : 1)));

describe('StateOverlay', () => {
  it('shows what a plain map shows, layer on layer, and merged', () => {
    fc.assert(
      fc.property(writes, writes, writes, (below, middle, top) => {
        const twin = new Map<string, number>();
        const base = new MeshState();
        const first = new StateOverlay(base);
        play(first, below);
        playTwin(twin, below);
        base.merge(first.changes());
        expect(seen(base)).toEqual(sorted(twin));
        const baseBefore = seen(base);
        const overlay = new StateOverlay(base);
        play(overlay, middle);
        playTwin(twin, middle);
        const twinBefore = sorted(twin);
        const savepoint = overlay.savepoint();
        play(overlay, top);
        // What is taken back leaves nothing, and comes again as if it had never been.
        overlay.rollback(savepoint);
        expect(seen(overlay)).toEqual(twinBefore);
        play(overlay, top);
        playTwin(twin, top);
        overlay.settle();
        expect(seen(overlay)).toEqual(sorted(twin));
        expect(overlay.size('cursor')).toBe(twin.size);
        for (const name of ['a', 'b', 'c', 'd']) {
          expect(overlay.get('cursor', name)).toBe(twin.get(name));
        }
        // What lies below does not change before it is told to.
        expect(seen(base)).toEqual(baseBefore);
        base.merge(overlay.changes());
        expect(seen(base)).toEqual(sorted(twin));
        expect(base.size('cursor')).toBe(twin.size);
      }),
    );
  });

  it('lets the caller write while it walks: each key comes once, as it was', () => {
    fc.assert(
      fc.property(writes, writes, writes, (below, above, during) => {
        const twin = new Map<string, number>();
        const base = new StateOverlay(new MeshState());
        play(base, below);
        const overlay = new StateOverlay(base);
        play(overlay, above);
        playTwin(twin, [...below, ...above]);
        const met: [string, number][] = [];
        for (const entry of overlay.entries('cursor')) {
          met.push([...entry]);
          play(overlay, during);
        }
        expect(new Map(met)).toEqual(twin);
        expect(met).toHaveLength(twin.size);
      }),
    );
  });
});

describe('what is stored of it', () => {
  it('finds the table and the key again, slashes included', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(stateKey.parse(stateKey.format('host', name))).toEqual({ table: 'host', key: name });
      }),
    );
    expect(() => stateKey.parse('host')).toThrow(
      expect.objectContaining({ code: 'ERR_STORAGE_DAMAGED' }),
    );
  });

  it('is refused when the mark does not fit together', () => {
    const peak = new Uint8Array(32);
    const mark = { frontier: { size: 3, peaks: [peak] }, timeMs: 0, term: 1 };
    expect(() => appliedRecord.decode(appliedRecord.encode(mark))).toThrow(
      expect.objectContaining({ code: 'ERR_STORAGE_DAMAGED' }),
    );
    expect(appliedRecord.decode(undefined).frontier.size).toBe(0);
  });
});

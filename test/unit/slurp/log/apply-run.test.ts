import { expect, it } from 'vitest';
import { MeshState } from '../../../../protocols/slurp/index.ts';
import { applyRecords } from '../../../../protocols/slurp/log/apply-run.ts';
import { EMPTY_FRONTIER } from '../../../../protocols/wire/index.ts';
import { batchOf, crypto, founder, GENESIS, MESH, recordsOf, rename } from '../mesh-world.ts';

const init = { crypto, meshId: MESH, snapshotEveryEntries: 4, levelMax: 1 };
const records = [
  GENESIS,
  ...recordsOf([2, 3, 4, 5, 6].map((seq) => batchOf(founder, { seq }, [rename(`n ${seq}`)]))),
];

it('ends a run where the voters change and at a mark, so that the store is at that index', () => {
  const state = new MeshState();
  let frontier = EMPTY_FRONTIER;
  const sizes: number[] = [];
  while (frontier.size < records.length) {
    const run = applyRecords({ state, frontier }, records.slice(frontier.size), init);
    expect(run.stop).toBeUndefined();
    expect(run.frontiers.map(({ size }) => size)).toEqual(run.applied.map(({ index }) => index));
    state.merge(run.overlay.changes());
    frontier = run.frontiers.at(-1) ?? frontier;
    sizes.push(frontier.size);
  }
  // Genesis brings the first voters; the fourth entry is a mark.
  expect(sizes).toEqual([1, 4, 6]);
});

it('stops before what it cannot apply, and keeps what came before', () => {
  const state = new MeshState();
  const future = batchOf(founder, { seq: 2 }, [{ kind: 'room.open', body: {} }]);
  const first = applyRecords({ state, frontier: EMPTY_FRONTIER }, [GENESIS], init);
  state.merge(first.overlay.changes());
  const frontier = first.frontiers.at(-1) ?? EMPTY_FRONTIER;
  const run = applyRecords({ state, frontier }, recordsOf([future]), init);
  expect(run.applied).toEqual([]);
  expect(run.stop?.error).toMatchObject({ code: 'ERR_SLURP_LEVEL' });
});

it('stops behind the entry that raises the level beyond what it supports', () => {
  const raise = batchOf(founder, { boot: 2, seq: 2 }, [
    { kind: 'mesh.settings', body: { level: 2 } },
  ]);
  const able = { boot: 2, bootNonce: 'ab', name: 'n', addresses: [], levels: [1, 2] };
  const boot = batchOf(founder, { boot: 2, seq: 1 }, [{ kind: 'member.boot', body: able }]);
  const later = batchOf(founder, { boot: 2, seq: 3 }, [rename('known, but of another level')]);
  const all = [GENESIS, ...recordsOf([boot, raise, later])];
  const state = new MeshState();
  let frontier = EMPTY_FRONTIER;
  for (const levelMax of [1, 1, 2]) {
    const run = applyRecords({ state, frontier }, all.slice(frontier.size), { ...init, levelMax });
    state.merge(run.overlay.changes());
    frontier = run.frontiers.at(-1) ?? frontier;
    if (frontier.size === 3 && levelMax === 1) {
      expect(run.stop?.error).toMatchObject({ code: 'ERR_SLURP_LEVEL', details: { level: 2 } });
    }
  }
  expect(frontier.size).toBe(4);
});

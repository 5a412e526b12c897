import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../../protocols/interface/index.ts';
import {
  type AppliedEntry,
  applyEntry,
  isRepeated,
} from '../../../../protocols/slurp/machine/apply.ts';
import { decodeBatch, decodeEntry } from '../../../../protocols/slurp/machine/codec.ts';
import { MeshState, StateOverlay } from '../../../../protocols/slurp/machine/state.ts';
import {
  add,
  ask,
  batchOf,
  boot,
  type Change,
  crypto,
  dump,
  founder,
  GENESIS,
  issue,
  MESH,
  recordsOf,
  rename,
  second,
  stranger,
  third,
} from '../mesh-world.ts';

function apply(overlay: StateOverlay, { bytes }: LogRecord): AppliedEntry {
  const entry = decodeEntry(bytes);
  const batch = decodeBatch(entry.batch).value;
  return applyEntry(overlay, { entry, batch }, { crypto, meshId: MESH });
}

/** Applies with one overlay for each run of so many entries, as the log does. */
function play(records: readonly LogRecord[], runLength = 1) {
  const state = new MeshState();
  const applied: AppliedEntry[] = [];
  for (let from = 0; from < records.length; from += runLength) {
    const overlay = new StateOverlay(state);
    for (const record of records.slice(from, from + runLength)) {
      applied.push(apply(overlay, record));
    }
    state.merge(overlay.changes());
  }
  return { state, applied };
}

const codes = ({ decisions }: AppliedEntry) =>
  decisions.map(({ outcome }) => (outcome.ok ? 'ok' : outcome.code));

const ORIGINS = [founder, second, third, stranger];
const origin = fc.constantFrom(...ORIGINS);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.string({ minLength: 1, maxLength: 5, unit: fc.constantFrom('a', 'b', 'c') }).map(rename),
  fc
    .tuple(fc.integer({ min: 20, max: 22 }), fc.integer({ min: 1, max: 2 }))
    .map((it) => issue(...it)),
  fc.tuple(origin, fc.integer({ min: 20, max: 22 })).map((it) => add(...it)),
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom('a', 'b')).map((it) => boot(...it)),
  fc
    .tuple(origin, fc.constantFrom('admin', 'curator', 'member'))
    .map(([{ peer }, role]) => ({ kind: 'member.role', body: { peer, role } })),
  origin.map(({ peer }) => ({ kind: 'member.remove', body: { peer } })),
  fc.constant({ kind: 'mesh.settings', body: { nonsense: true } }),
  fc.constant({ kind: 'leader.announce', body: { term: 2, recipient: 'age1xyz' } }),
);
const batches = fc.array(
  fc.record({
    origin,
    boot: fc.integer({ min: 1, max: 2 }),
    seq: fc.integer({ min: 1, max: 6 }),
    changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  }),
  { maxLength: 12 },
);
type Plan = (typeof batches extends fc.Arbitrary<infer T> ? T : never)[number];
const recordsFor = (plan: readonly Plan[]) => [
  GENESIS,
  ...recordsOf(plan.map(({ origin: by, changes, ...number }) => batchOf(by, number, changes))),
];

describe('applyEntry', () => {
  it('comes to the same on every machine, however the entries are grouped', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 7 }), (plan, runLength) => {
        const records = recordsFor(plan);
        const one = play(records);
        const other = play(records, runLength);
        expect(dump(other.state)).toEqual(dump(one.state));
        expect(other.applied).toEqual(one.applied);
      }),
      { numRuns: 60 },
    );
  });

  it('applies a batch once, whenever its origin sends it again', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (plan, pick) => {
        fc.pre(plan.length > 0);
        const batch = plan[pick % plan.length] as Plan;
        // The registration of a clone comes through, and the leader's own have no numbers.
        const kind = batch.changes[0]?.kind;
        fc.pre(kind !== 'member.boot' && kind !== 'leader.announce');
        const once = play(recordsFor(plan)).state;
        const { applied, state } = play(recordsFor([...plan, batch]));
        expect(applied.at(-1)).toMatchObject({ decisions: [], events: [] });
        expect(dump(state)).toEqual(dump(once));
      }),
      { numRuns: 60 },
    );
  });

  it('counts by boot first, then by sequence', () => {
    const state = new StateOverlay(new MeshState());
    state.put('origin', founder.peer, { boot: 2, seq: 5 });
    const isDone = (number: { boot: number; seq: number }) =>
      isRepeated(state, decodeBatch(batchOf(founder, number, [rename('a')])).value);
    expect(isDone({ boot: 2, seq: 5 })).toBe(true);
    expect(isDone({ boot: 2, seq: 4 })).toBe(true);
    expect(isDone({ boot: 1, seq: 9 })).toBe(true);
    expect(isDone({ boot: 2, seq: 6 })).toBe(false);
    expect(isDone({ boot: 3, seq: 1 })).toBe(false);
    const other = decodeBatch(batchOf(second, { seq: 1 }, [rename('a')])).value;
    expect(isRepeated(state, other)).toBe(false);
  });

  it('refuses as an outcome, with the index, and keeps the other commands of the batch', () => {
    const batch = batchOf(second, { seq: 1 }, [rename('x'), boot(1)]);
    const mixed = batchOf(founder, { seq: 2 }, [
      rename('kept'),
      { kind: 'mesh.settings', body: { nonsense: true } },
      { kind: 'member.remove', body: { peer: founder.peer } },
    ]);
    const { applied, state } = play([GENESIS, ...recordsOf([batch, mixed])]);
    expect(codes(applied[1] as AppliedEntry)).toEqual([
      'ERR_MEMBERSHIP_NOT_MEMBER',
      'ERR_MEMBERSHIP_NOT_MEMBER',
    ]);
    expect(codes(applied[2] as AppliedEntry)).toEqual([
      'ok',
      'ERR_SLURP_COMMAND',
      'ERR_MEMBERSHIP_LAST_ADMIN',
    ]);
    expect(applied[2]?.events).toEqual([expect.objectContaining({ index: 3 })]);
    expect(state.get('mesh', 'mesh')).toMatchObject({ name: 'kept' });
  });

  it('never takes a refusal back: later entries may allow it, that batch stays refused', () => {
    const early = batchOf(second, { seq: 1 }, [boot(1)]);
    const admit = batchOf(founder, { seq: 2 }, [issue(20), add(second, 20)]);
    const { applied, state } = play([GENESIS, ...recordsOf([early, admit, early])]);
    expect(codes(applied[1] as AppliedEntry)).toEqual(['ERR_MEMBERSHIP_NOT_MEMBER']);
    expect(codes(applied[2] as AppliedEntry)).toEqual(['ok', 'ok']);
    expect(applied[3]?.decisions).toEqual([]);
    expect(state.get('member', second.peer)).toMatchObject({ boot: 0 });
  });

  it('gives an id to nobody else’s call, also when a leader puts that first', () => {
    const call = ask(second, 1);
    const { made: _, ...unsaid } = ask(second, 1, 'Mine?');
    const { applied, state } = play([
      GENESIS,
      ...recordsOf([
        batchOf(founder, { seq: 2 }, [issue(20, 2), add(second, 20), add(third, 20)]),
        batchOf(third, { seq: 1 }, [ask(second, 1, 'Mine?'), unsaid, ask(third, 1)]),
        batchOf(second, { seq: 1 }, [call, call]),
      ]),
    ]);
    expect(codes(applied[2] as AppliedEntry)).toEqual([
      'ERR_SLURP_COMMAND',
      'ERR_SLURP_COMMAND',
      'ok',
    ]);
    // What its own node uses twice stands once.
    expect(codes(applied[3] as AppliedEntry)).toEqual(['ok', 'ERR_SLURP_COMMAND']);
    const asker = { peer: second.peer };
    expect(state.get('call', call.id ?? '')).toMatchObject({ asker, question: 'May I?' });
    expect(state.get('cursor', 'calls')).toBe(2);
  });

  it('stops at a kind that it does not know and leaves nothing of that entry behind', () => {
    const overlay = new StateOverlay(new MeshState());
    apply(overlay, GENESIS);
    const before = dump(overlay);
    const future = batchOf(founder, { seq: 2 }, [
      rename('half'),
      { kind: 'room.open', body: {} },
      rename('done'),
    ]);
    const [record] = recordsOf([future]);
    expect(() => apply(overlay, record as LogRecord)).toThrow(
      expect.objectContaining({ code: 'ERR_SLURP_LEVEL' }),
    );
    expect(dump(overlay)).toEqual(before);
  });

  it('does not take the names of object members for kinds', () => {
    for (const kind of ['constructor', 'toString', '__proto__']) {
      const overlay = new StateOverlay(new MeshState());
      const [record] = recordsOf([batchOf(founder, { seq: 2 }, [{ kind, body: {} }])]);
      expect(() => apply(overlay, record as LogRecord)).toThrow(
        expect.objectContaining({ code: 'ERR_SLURP_LEVEL' }),
      );
    }
  });

  it('lets the registration of a clone through, once, without moving its number', () => {
    const started = batchOf(founder, { boot: 2, seq: 3 }, [boot(2, 'a')]);
    const clone = batchOf(founder, { boot: 2, seq: 1 }, [boot(2, 'b')]);
    const smuggled = batchOf(founder, { boot: 2, seq: 2 }, [boot(2, 'c'), rename('x')]);
    const { applied, state } = play([GENESIS, ...recordsOf([started, smuggled, clone, clone])]);
    expect(applied[2]?.decisions).toEqual([]);
    expect(applied[3]?.events.map(({ type }) => type)).toEqual(['member:clone']);
    expect(applied[4]?.decisions).toEqual([]);
    expect(state.get('origin', founder.peer)).toEqual({ boot: 2, seq: 3 });
    expect(state.get('member', founder.peer)).toMatchObject({ isCloned: true });
  });

  it('takes an announcement from a voter, for its own term', () => {
    const announce = (term: number): Change => ({
      kind: 'leader.announce',
      body: { term, recipient: 'age1abc' },
    });
    const { applied, state } = play([
      GENESIS,
      ...recordsOf([
        batchOf(founder, { seq: 2 }, [announce(3), announce(2), issue(20), add(second, 20)]),
        batchOf(second, { seq: 1 }, [announce(2)]),
      ]),
    ]);
    expect(codes(applied[1] as AppliedEntry).slice(0, 2)).toEqual(['ERR_SLURP_COMMAND', 'ok']);
    expect(codes(applied[2] as AppliedEntry)).toEqual(['ERR_MEMBERSHIP_FORBIDDEN']);
    expect(state.get('mesh', 'leader')).toEqual({
      peer: founder.peer,
      term: 2,
      recipient: 'age1abc',
      index: 2,
    });
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  callModel,
  entryModel,
  linearize,
  type Model,
  registerModel,
  type Verdict,
} from '../../../testnet/check/index.ts';
import type { Operation } from '../../../testnet/history/index.ts';
import { callHistory, cas, op, read, registerHistory, write } from '../histories.ts';

// Goal: what is linearizable is accepted, what is not is rejected, with the operation that fits
// nowhere. Method: histories known from the papers, histories made by a sequential object, and a
// search without any pruning to compare with.

const BUDGET = { configurationsMax: 1_000_000, deadlineMs: Number.POSITIVE_INFINITY };

const register = (...operations: Operation[]): Verdict['kind'] =>
  linearize(operations, registerModel, BUDGET).kind;

describe('a register', () => {
  it('may answer overlapping reads in any order that some moment explains', () => {
    expect(register()).toBe('ok');
    expect(register(write(0, 10, 1), read(1, 9, null), read(2, 8, 1))).toBe('ok');
    expect(register(write(0, 10, 1), read(1, 4, 1), read(5, 9, 1))).toBe('ok');
  });

  it('never answers with what was replaced before the read began', () => {
    expect(register(write(0, 1, 1), write(2, 3, 2), read(4, 5, 1))).toBe('violation');
    // New, then old again: Herlihy and Wing's example of a history that is not atomic.
    expect(register(write(0, 10, 1), read(1, 4, 1), read(5, 9, null))).toBe('violation');
  });

  it('loses no update: of two that compare with the same value one fails', () => {
    const set = write(0, 1, 1);
    expect(register(set, cas([2, 9], [1, 2]), cas([3, 8], [1, 3]))).toBe('violation');
    expect(register(set, cas([2, 9], [1, 2]), cas([3, 8], [1, 3], false))).toBe('ok');
    expect(register(set, cas([2, 5], [1, 2], false), cas([6, 8], [1, 3]))).toBe('violation');
  });

  it('may take on what is unknown at any later time, once, or never', () => {
    const lost = write(0, undefined, 1);
    expect(register(lost, read(10, 11, null), read(12, 13, 1), read(14, 15, 1))).toBe('ok');
    expect(register(lost, read(10, 11, null), read(12, 13, null))).toBe('ok');
    expect(register(lost, read(10, 11, 1), read(12, 13, null))).toBe('violation');
    expect(register(write(20, undefined, 1), read(10, 11, 1))).toBe('violation');
    const two = [lost, write(2, 3, 2)];
    expect(register(...two, read(4, 5, 1), write(6, 7, 3), read(8, 9, 1))).toBe('violation');
  });

  it('of which nothing is known explains everything that is not wrong by itself', () => {
    const lost = Array.from({ length: 12 }, (_, i) => write(i, undefined, i));
    expect(register(...lost, read(50, 51, 3), read(52, 53, 7), read(54, 55, 1))).toBe('ok');
    expect(register(...lost, read(50, 51, 3), read(52, 53, 7), read(54, 55, 3))).toBe('violation');
  });

  it('shows what fits nowhere, and what came before it', () => {
    const good = [write(0, 1, 1), write(2, 3, 2)];
    const verdict = linearize([...good, read(4, 5, 1), write(9, 10, 5)], registerModel, BUDGET);
    expect(verdict).toEqual({
      kind: 'violation',
      prefix: good,
      stuck: read(4, 5, 1),
      states: ['2'],
    });
  });

  it('is undecided when the search would cost too much', () => {
    const many = Array.from({ length: 14 }, (_, i) => write(0, 100 + i, i));
    const operations = [...many, read(200, 201, 99)];
    const few = { configurationsMax: 500, deadlineMs: Number.POSITIVE_INFINITY };
    expect(linearize(operations, registerModel, few)).toEqual({
      kind: 'undecided',
      reason: 'more than 500 configurations',
    });
    const late = { configurationsMax: 1e6, deadlineMs: 0 };
    expect(linearize(operations, registerModel, late).kind).toBe('undecided');
  });
});

const call = (...operations: Operation[]): Verdict['kind'] =>
  linearize([op('call.open', [0, 1]), ...operations], callModel, BUDGET).kind;

const claim = (start: number, end: number | undefined, by: string, fence?: number): Operation =>
  op('call.claim', end === undefined ? [start] : [start, end], {
    input: { by },
    output: { fence },
  });

const told = (start: number, end: number, by: string, of: string, fence: number): Operation => {
  const output = { code: 'ERR_HELP_CLAIMED', by: of, fence };
  return op('call.claim', [start, end], { input: { by }, output, ok: false });
};

const seen = (start: number, end: number, state: string, more: object = {}): Operation =>
  op('call.read', [start, end], { output: { state, fence: 0, by: null, text: null, ...more } });

describe('a call', () => {
  it('has one winner, and the others are told who', () => {
    expect(call(claim(2, 9, 'ada', 1), told(3, 8, 'bob', 'ada', 1))).toBe('ok');
    expect(call(claim(2, 9, 'ada', 1), claim(3, 8, 'bob', 1))).toBe('violation');
    expect(call(claim(2, 9, 'ada', 1), told(3, 8, 'bob', 'cleo', 1))).toBe('violation');
    expect(call(claim(2, 9, 'ada', 1), claim(10, 11, 'bob', 2))).toBe('violation');
  });

  it('is answered with the fence of the claim that stands, and once', () => {
    const release = op('call.release', [4, 5], { input: { by: 'ada', fence: 1 } });
    const first = [claim(2, 3, 'ada', 1), release, claim(6, 7, 'bob', 2)];
    const late = op('call.answer', [8, 9], { input: { by: 'ada', fence: 1, text: 'no' } });
    expect(call(...first, late)).toBe('violation');
    const output = { code: 'ERR_HELP_FENCE', by: 'bob', fence: 2 };
    expect(call(...first, { ...late, ok: false, output })).toBe('ok');
    const good = op('call.answer', [8, 9], { input: { by: 'bob', fence: 2, text: 'yes' } });
    expect(call(...first, good, { ...good, startNs: '10', endNs: '11' })).toBe('violation');
    const answered = { fence: 2, by: 'bob', text: 'yes' };
    expect(call(...first, good, seen(10, 11, 'answered', answered))).toBe('ok');
    expect(call(...first, good, seen(10, 11, 'claimed', { fence: 2, by: 'bob' }))).toBe(
      'violation',
    );
  });

  it('is never read as it was before a claim that had been answered', () => {
    expect(call(claim(2, 5, 'ada', 1), seen(4, 6, 'open'))).toBe('ok');
    expect(call(claim(2, 5, 'ada', 1), seen(6, 7, 'open'))).toBe('violation');
    expect(call(seen(3, 4, 'absent'))).toBe('violation');
  });

  it('may be claimed late by a human who was told nothing', () => {
    const late = [claim(2, undefined, 'ada'), seen(10, 11, 'open')];
    expect(call(...late, seen(20, 21, 'claimed', { fence: 1, by: 'ada' }))).toBe('ok');
    expect(call(...late, told(20, 21, 'bob', 'ada', 1))).toBe('ok');
    expect(call(...late, claim(20, 21, 'bob', 1))).toBe('ok');
    expect(call(...late, claim(20, 21, 'bob', 2))).toBe('violation');
  });
});

describe('an entry', () => {
  const add = (start: number, end: number | undefined, value?: unknown): Operation =>
    op('submit', end === undefined ? [start] : [start, end], { output: { value } });
  const get = (start: number, end: number, value: unknown): Operation =>
    op('submission.read', [start, end], { output: { value } });
  const entry = (...operations: Operation[]): Verdict['kind'] =>
    linearize(operations, entryModel, BUDGET).kind;

  it('comes once, stays, and is always told as the same', () => {
    expect(entry(get(0, 1, null), add(2, 5, 7), get(3, 4, null), get(6, 7, 7))).toBe('ok');
    expect(entry(add(2, 5, 7), add(6, 7, 7))).toBe('ok');
    expect(entry(add(2, 5, 7), add(6, 7, 8))).toBe('violation');
    expect(entry(add(2, 5, 7), get(6, 7, null))).toBe('violation');
    expect(entry(get(6, 7, 7))).toBe('violation');
  });

  it('that was only accepted comes some time later', () => {
    expect(entry(add(0, undefined), get(5, 6, null), get(7, 8, 9), add(10, 11, 9))).toBe('ok');
    expect(entry(add(0, undefined), get(5, 6, 9), get(7, 8, null))).toBe('violation');
    expect(entry(add(0, undefined), get(5, 6, 9), get(7, 8, 10))).toBe('violation');
  });
});

/** All orders, and all choices of what is unknown: no pruning at all. */
function isLinearizableByForce<S>(operations: readonly Operation[], model: Model<S>): boolean {
  const place = (rest: readonly Operation[], state: S): boolean => {
    if (rest.every(({ ok }) => ok === null)) return true;
    return rest.some((next) => {
      const others = rest.filter((it) => it !== next);
      const mustWait = others.some(
        ({ endNs }) => endNs !== null && BigInt(endNs) < BigInt(next.startNs),
      );
      if (mustWait) return false;
      const after = model.step(state, next);
      return after !== undefined && place(others, after);
    });
  };
  return place(operations, model.initial);
}

describe('the search', () => {
  it('finds what a search without pruning finds', () => {
    const outcomes = new Set<string>();
    const times = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 15 }));
    const value = fc.integer({ min: 1, max: 2 });
    const operation = fc
      .record({
        times,
        value,
        from: value,
        kind: fc.integer({ min: 0, max: 3 }),
        lost: fc.boolean(),
      })
      .map(({ times: [start, length], value: to, from, kind, lost }) => {
        const end = start + length;
        if (kind === 0) return read(start, end, to);
        if (kind === 1) return write(start, lost ? undefined : end, to);
        if (kind === 2 && lost) return cas([start], [from, to]);
        return cas([start, end], [from, to], kind === 2);
      });
    const operations = fc.array(operation, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(operations, (history) => {
        const expected = isLinearizableByForce(history, registerModel) ? 'ok' : 'violation';
        outcomes.add(expected);
        expect(linearize(history, registerModel, BUDGET).kind).toBe(expected);
      }),
      { numRuns: 3_000 },
    );
    expect(outcomes.size).toBe(2);
  });

  const shape = fc.record({
    seed: fc.integer({ min: 1, max: 1e9 }),
    count: fc.integer({ min: 1, max: 60 }),
    reach: fc.constantFrom(0.4, 2, 6),
    lost: fc.constantFrom(0, 0.1),
  });

  it('accepts whatever a sequential object did, however the operations overlap', () => {
    fc.assert(
      fc.property(shape, (it) => {
        expect(linearize(registerHistory(it), registerModel, BUDGET).kind).toBe('ok');
        expect(linearize(callHistory(it), callModel, BUDGET).kind).toBe('ok');
      }),
      { numRuns: 150 },
    );
  });

  it('rejects it once any read tells of what never was', () => {
    fc.assert(
      fc.property(shape, fc.nat(), (it, which) => {
        const history = registerHistory(it);
        const reads = history.filter(({ op: name }) => name === 'read');
        fc.pre(reads.length > 0);
        const victim = reads[which % reads.length];
        const mutated = history.map((operation) =>
          operation === victim ? { ...operation, output: { value: 99 } } : operation,
        );
        const verdict = linearize(mutated, registerModel, BUDGET);
        expect(verdict).toMatchObject({ kind: 'violation', stuck: { output: { value: 99 } } });
      }),
      { numRuns: 100 },
    );
  });

  it('rejects a call when any claim is told to have had another number', () => {
    fc.assert(
      fc.property(shape, fc.nat(), (it, which) => {
        const history = callHistory(it);
        const won = history.filter(({ op: name, ok }) => name === 'call.claim' && ok === true);
        fc.pre(won.length > 0);
        const victim = won[which % won.length];
        const mutated = history.map((operation) =>
          operation === victim ? { ...operation, output: { fence: 99 } } : operation,
        );
        expect(linearize(mutated, callModel, BUDGET).kind).toBe('violation');
      }),
      { numRuns: 100 },
    );
  });

  it('takes seconds at most for ten thousand operations on five hundred objects', () => {
    const startMs = performance.now();
    for (let seed = 1; seed <= 500; seed++) {
      const history = callHistory({ seed, count: 20, reach: 5, lost: 0.1 });
      expect(linearize(history, callModel, BUDGET).kind).toBe('ok');
    }
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  it('does not try the orders of what changes nothing', () => {
    const reads = Array.from({ length: 60 }, (_, i) => read(i, 1_000 + i, i % 3));
    const few = { configurationsMax: 500, deadlineMs: Number.POSITIVE_INFINITY };
    const writes = [write(100, 900, 0), write(101, 901, 1), write(102, 902, 2)];
    expect(linearize([...reads, ...writes], registerModel, few).kind).toBe('ok');
    const wrong = [...reads, ...writes, read(3_000, 3_001, 7)];
    expect(linearize(wrong, registerModel, few).kind).toBe('violation');
  });

  it('comes to the end of one object with thousands of operations', () => {
    const history = registerHistory({ seed: 3, count: 4_000, reach: 3, lost: 0.002 });
    expect(linearize(history, registerModel, BUDGET).kind).toBe('ok');
  });
});

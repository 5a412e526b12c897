import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TermLog } from '../../../../protocols/raft/log/term-log.ts';

const start = { voters: ['a'], learners: [] };
const logOf = (terms: readonly number[], index = 0, term = 0) =>
  new TermLog({
    base: { index, term },
    configuration: start,
    configurationIndex: 0,
    log: terms.map((it) => ({ term: it })),
  });
const termsOf = (log: TermLog): readonly (number | undefined)[] =>
  Array.from({ length: log.lastIndex - log.baseIndex }, (_, at) =>
    log.termAt(log.baseIndex + 1 + at),
  );

type Change =
  | { readonly do: 'append'; readonly rise: number; readonly count: number }
  | { readonly do: 'truncate' | 'compact'; readonly part: number };

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ do: fc.constant('append' as const), rise: fc.nat(2), count: fc.nat(4) }),
  fc.record({
    do: fc.constantFrom('truncate' as const, 'compact' as const),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

describe('TermLog', () => {
  it('is as a list of terms would be', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 40 }), (list) => {
        const log = logOf([]);
        let base = { index: 0, term: 0 };
        let terms: number[] = [];
        for (const change of list) {
          if (change.do === 'append') {
            for (let at = 0; at < change.count; at++) {
              const term = Math.max(terms.at(-1) ?? base.term, 1) + change.rise;
              log.append(log.lastIndex + 1, term, undefined);
              terms.push(term);
            }
          } else if (terms.length > 0) {
            const at = Math.floor(change.part * (terms.length - 1));
            const index = base.index + at + 1;
            if (change.do === 'truncate') {
              log.truncateFrom(index);
              terms.length = at;
            } else {
              log.compactTo(index);
              base = { index, term: terms[at]! };
              terms = terms.slice(at + 1);
            }
          }
          expect(termsOf(log)).toEqual(terms);
          expect([log.baseIndex, log.baseTerm]).toEqual([base.index, base.term]);
          expect(log.termAt(base.index)).toBe(base.term);
          expect([log.lastIndex, log.lastTerm]).toEqual([
            base.index + terms.length,
            terms.at(-1) ?? base.term,
          ]);
          expect(log.termAt(log.lastIndex + 1)).toBeUndefined();
        }
      }),
    );
  });

  it('finds the highest index whose term is not above another', () => {
    const log = logOf([1, 1, 4, 4, 5, 6]);
    expect([6, 5, 4, 3, 0].map((term) => log.agreeingIndex(6, term))).toEqual([6, 5, 4, 2, 0]);
    expect([log.agreeingIndex(99, 9), log.agreeingIndex(3, 4)]).toEqual([6, 3]);
    const cut = logOf([5, 5], 10, 4);
    expect([cut.agreeingIndex(12, 4), cut.agreeingIndex(12, 1), cut.agreeingIndex(7, 1)]).toEqual([
      10, 10, 7,
    ]);
  });

  it('compares ends: the later term, then the longer log', () => {
    const log = logOf([1, 2, 2]);
    expect(log.isUpToDate(1, 3)).toBe(true);
    expect(log.isUpToDate(3, 2)).toBe(true);
    expect(log.isUpToDate(2, 2)).toBe(false);
    expect(log.isUpToDate(9, 1)).toBe(false);
  });

  it('keeps the configurations, and gives them up with their entries', () => {
    const log = logOf([1, 1]);
    const two = { voters: ['a', 'b'], learners: [] };
    log.append(3, 1, two);
    log.append(4, 1, undefined);
    log.append(5, 1, { voters: ['b'], learners: [] });
    expect([log.configurationIndex, log.configuration.voters]).toEqual([5, ['b']]);
    expect([log.isVoterFrom(4, 'a'), log.isVoterFrom(5, 'a'), log.isVoterFrom(0, 'c')]).toEqual([
      true,
      false,
      false,
    ]);
    log.truncateFrom(5);
    expect([log.configurationIndex, log.configuration]).toEqual([3, two]);
    log.compactTo(3);
    expect(log.configurationIndex).toBe(3);
    expect(() => log.truncateFrom(3)).toThrow('cannot be cut');
    log.truncateFrom(4);
    expect(log.configuration).toBe(two);
  });

  it('starts with what is certain and takes later changes from the log', () => {
    const change = { voters: ['a', 'b'], learners: [] };
    const log = new TermLog({
      base: { index: 4, term: 2 },
      configuration: start,
      configurationIndex: 5,
      log: [{ term: 2, configuration: change }, { term: 3 }, { term: 3, configuration: change }],
    });
    expect([log.configurationIndex, log.lastIndex]).toEqual([7, 7]);
    log.truncateFrom(6);
    expect([log.configurationIndex, log.configuration]).toEqual([5, start]);
    expect(() => log.truncateFrom(5)).toThrow('certain configuration');
  });

  it('takes nothing that does not follow', () => {
    const log = logOf([2]);
    expect(() => log.append(3, 2, undefined)).toThrow('does not follow');
    expect(() => log.append(2, 1, undefined)).toThrow('does not follow');
    expect(() => log.compactTo(2)).toThrow('not there');
  });

  it('grows by terms, not by entries', () => {
    const log = logOf([]);
    for (let index = 1; index <= 100_000; index++) log.append(index, 1, undefined);
    log.restore(7, 3, start);
    expect([log.baseIndex, log.lastIndex, log.lastTerm]).toEqual([7, 7, 3]);
  });
});

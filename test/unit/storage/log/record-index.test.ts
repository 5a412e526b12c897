import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecordIndex } from '../../../../storage/log/record-index.ts';

it('finds places as a plain map does, over pushes, truncations and drops', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('push' as const), by: fc.nat(700) }) },
    fc.record({ kind: fc.constant('truncate' as const), by: fc.nat(900) }),
    fc.record({ kind: fc.constant('drop' as const), by: fc.nat(900) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const index = new RecordIndex();
      const model = new Map<
        number,
        { segment: number; offset: number; size: number; term: number }
      >();
      let first = 1;
      let last = 0;
      let position = 0;
      for (const { kind, by } of steps) {
        if (kind === 'push') {
          for (let i = 0; i < by; i++) {
            const place = {
              segment: 1 + Math.floor(position / 500),
              offset: position % 500,
              size: by,
              term: 1 + (position % 7),
            };
            position++;
            index.push(place);
            model.set(++last, place);
          }
        } else if (kind === 'truncate') {
          const from = Math.max(0, last - by);
          index.truncateFrom(from);
          last = Math.min(last, from - 1);
          if (from < first) first = from;
        } else {
          const before = first + by;
          index.dropBefore(before);
          first = before;
          last = Math.max(last, before - 1);
        }
        expect([index.first, index.last]).toEqual([first, last]);
        for (const at of [first - 1, first, Math.floor((first + last) / 2), last, last + 1]) {
          expect(index.at(at)).toEqual(at >= first && at <= last ? model.get(at) : undefined);
        }
        const segment = index.at(last)?.segment ?? 1;
        let expected = first;
        while (expected <= last && model.get(expected)!.segment < segment) expected++;
        expect(index.firstInSegment(segment)).toBe(expected);
      }
    }),
    { numRuns: 50 },
  );
});

it('keeps places exact in large segments and high numbers', () => {
  const index = new RecordIndex();
  const place = { segment: 2 ** 21 - 1, offset: 2 ** 32 - 1, size: 2 ** 32 - 1, term: 2 ** 40 };
  index.reset(5);
  index.push(place);
  expect(index.at(5)).toEqual(place);
  expect(index.at(1.5)).toBeUndefined();
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatIsoTime } from '../../../../protocols/capability/query/iso-time.ts';

it('is what the system writes, from 1970 to 9999', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      expect(formatIsoTime(ms)).toBe(new Date(ms).toISOString());
    }),
    { numRuns: 2_000, examples: [[0], [951_782_400_000], [951_868_799_999], [4_107_542_399_999]] },
  );
});

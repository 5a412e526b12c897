import { describe, expect, it } from 'vitest';
import {
  decodeFormat,
  encodeFormat,
  planMigrations,
} from '../../../../storage/disk/store-format.ts';

describe('the format record', () => {
  it('round-trips, and is damage when it is anything else', () => {
    expect(decodeFormat(encodeFormat(3))).toBe(3);
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(300),
      encodeFormat(0),
      new Uint8Array([0xf6]),
    ]) {
      expect(() => decodeFormat(bytes)).toThrow(
        expect.objectContaining({ code: 'ERR_STORAGE_DAMAGED' }),
      );
    }
  });

  it('plans the steps to the present version in order; newer is refused, unknown older too', () => {
    const step = (from: number) => ({ from, run: async () => undefined });
    const steps = [step(2), step(1)];
    expect(planMigrations(1, steps, 3).map(({ from }) => from)).toEqual([1, 2]);
    expect(planMigrations(3, steps, 3)).toEqual([]);
    expect(() => planMigrations(4, steps, 3)).toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_FORMAT_NEWER',
        details: { found: 4, supported: 3 },
      }),
    );
    expect(() => planMigrations(1, [step(2)], 3)).toThrow(
      expect.objectContaining({ code: 'ERR_STORAGE_DAMAGED' }),
    );
  });
});

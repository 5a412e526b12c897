import { describe, expect, it } from 'vitest';
import { parseDurationMs } from '../../../../../daemon/cli/input/duration.ts';

describe('parseDurationMs', () => {
  it.each([
    ['30s', 30_000],
    ['90m', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1h30m', 5_400_000],
  ])('%s', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', '0', '0h', '24', 'h', '-1h', '1.5h', '24H', '1w', ' 1h', '9999999999d'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseDurationMs(text)).toThrow(
        expect.objectContaining({ code: 'ERR_API_USAGE' }),
      );
    },
  );
});

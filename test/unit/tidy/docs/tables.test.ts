import { describe, expect, it } from 'vitest';
import { renderErrors, renderLimits } from '../../../tidy/docs/tables.ts';

const property = (name: string, comment: string | undefined) => ({ name, line: 1, comment });

describe('generated tables', () => {
  it('show every limit with its unit and code', () => {
    const page = renderLimits({ aBytesMax: 65_536, waitMsMax: 300_000, itemsMax: 7 }, [
      property('aBytesMax', 'Size. Code: ERR_WIRE_TOO_LARGE'),
      property('waitMsMax', 'Time.'),
      property('itemsMax', 'a | b'),
    ]);
    expect(page).toContain(
      '| `aBytesMax` | 64 KiB (65,536 bytes) | Size. | `ERR_WIRE_TOO_LARGE` |',
    );
    expect(page).toContain('| `waitMsMax` | 5 min (300,000 ms) | Time. |  |');
    expect(page).toContain('| `itemsMax` | 7 | a \\| b |  |');
  });

  it('refuse a limit without a comment', () => {
    expect(() => renderLimits({ a: 1 }, [property('a', undefined)])).toThrow('a has no comment');
  });

  it('show every column of an error', () => {
    const row = { http: 409, exit: 4, retryable: true, meaning: 'M.', remedy: 'R.' } as const;
    expect(renderErrors({ ERR_A_B: row })).toContain('| `ERR_A_B` | 409 | 4 | yes | M. | R. |');
  });
});

import { describe, expect, it } from 'vitest';
import { placeRoutes, renderErrors, renderLimits } from '../../../tidy/docs/tables.ts';

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

  it('show every route between their marks, and leave the rest of the page', () => {
    const route = { method: 'GET', path: '/v1/x', summary: 'Reads x', acts: false } as const;
    const page = 'before\n<!-- routes: start, `npm run docs` writes them -->\nold\n';
    const placed = placeRoutes(`${page}<!-- routes: end -->\nafter\n`, {
      getX: { ...route, rights: 'agent' },
      putX: { ...route, rights: 'agent', method: 'PUT', acts: true },
      dropX: { ...route, rights: 'operator', method: 'DELETE' },
    });
    expect(placed).toContain('| `getX` | `GET /v1/x` | Reads x | both |\n');
    expect(placed).toContain('| `putX` | `PUT /v1/x` | Reads x | both; agents with a ticket |\n');
    expect(placed).toContain('| `dropX` | `DELETE /v1/x` | Reads x | operator |\n');
    expect(placed).toMatch(/^before\n[\s\S]*<!-- routes: end -->\nafter\n$/);
    expect(placed).not.toContain('old');
    expect(() => placeRoutes('no marks', {})).toThrow('no place');
  });

  it.each([
    ['aBytesMax', 1024 ** 4, '1 TiB (1,099,511,627,776 bytes)'],
    ['aBytesMax', 1024 ** 3, '1 GiB (1,073,741,824 bytes)'],
    ['aBytesMax', 524_296, '524,296 bytes'],
    ['lifeMs', 30 * 86_400_000, '30 days (2,592,000,000 ms)'],
    ['lifeMs', 86_400_000, '24 h (86,400,000 ms)'],
    ['waitMsDefault', 1_500, '1,500 ms'],
  ])('show %s of %s in the largest unit that fits', (name, value, shown) => {
    const page = renderLimits({ [name]: value }, [property(name, 'It.')]);
    expect(page).toContain(`| \`${name}\` | ${shown} | It. |`);
  });

  it('refuse a limit without a comment', () => {
    expect(() => renderLimits({ a: 1 }, [property('a', undefined)])).toThrow('a has no comment');
  });

  it('show every column of an error', () => {
    const row = { http: 409, exit: 4, retryable: true, meaning: 'M.', remedy: 'R.' } as const;
    expect(renderErrors({ ERR_A_B: row })).toContain('| `ERR_A_B` | 409 | 4 | yes | M. | R. |');
  });
});

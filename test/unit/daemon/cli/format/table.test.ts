import { describe, expect, it } from 'vitest';
import { formatAgo, formatDuration } from '../../../../../daemon/cli/format/duration.ts';
import { formatFields, formatTable } from '../../../../../daemon/cli/format/table.ts';
import { displayWidth, fitWidth } from '../../../../../daemon/cli/format/width.ts';

const columns = [
  { title: 'NAME', text: (row: string[]) => row[0] ?? '', columnsMax: 8 },
  { title: 'STATE', text: (row: string[]) => row[1] ?? '' },
];

describe('formatTable', () => {
  it('aligns, cuts, sanitises, and marks what is empty', () => {
    const rows = [
      ['alpha', 'alive'],
      ['模型', 'x\u001b[2Jy'],
      ['a-very-long-name', ''],
    ];
    expect(formatTable(columns, rows)).toBe(
      ['NAME      STATE', 'alpha     alive', '模型      xy', 'a-very-…  -', ''].join('\n'),
    );
  });

  it('styles whole cells, after padding', () => {
    const styled = columns.map((column) => ({ ...column, style: (cell: string) => `<${cell}>` }));
    expect(formatTable(styled, [['a', 'b']], { titleStyle: (title) => title.toLowerCase() })).toBe(
      'name  state\n<a   >  <b>\n',
    );
  });

  it('takes as many rows as a mesh has', () => {
    const rows = Array.from({ length: 200_000 }, () => ['a', 'b']);
    expect(formatTable(columns, rows)).toHaveLength('NAME  STATE\n'.length + 200_000 * 8);
  });

  it('is empty without rows', () => {
    expect(formatTable(columns, [])).toBe('');
  });
});

describe('formatFields', () => {
  it('aligns labels and puts further values below', () => {
    expect(
      formatFields([
        ['a', ['1', '2']],
        ['long', ['3']],
        ['none', []],
      ]),
    ).toBe('a     1\n      2\nlong  3\n');
  });
});

describe('width', () => {
  it.each([
    ['abc', 3],
    ['模型', 4],
    ['e\u0301', 1],
    ['🚀', 2],
    ['', 0],
  ])('%s', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  it('cuts between symbols', () => {
    expect(fitWidth('模型模型', 5)).toBe('模型…');
    expect(fitWidth('abcde', 5)).toBe('abcde');
  });
});

describe('times', () => {
  it.each([
    [0, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [7_200_000, '2 h'],
    [90_000_000, '1 d'],
  ])('%d ms', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('says now for what is fresh or, by another clock, in the future', () => {
    expect(formatAgo(1_000, 2_000)).toBe('now');
    expect(formatAgo(9_000, 2_000)).toBe('now');
    expect(formatAgo(2_000, 14_000)).toBe('12 s ago');
  });
});

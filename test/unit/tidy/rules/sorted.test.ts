import { expect, it } from 'vitest';
import { sortedFindings } from '../../../tidy/rules/sorted.ts';

const found = (...lines: readonly string[]): number =>
  sortedFindings([{ path: 'daemon/a.ts', text: lines.join('\n') }]).length;

it('finds what is out of order between the marks', () => {
  expect(found('// keep-sorted: start', 'a: 1,', 'c: 1,', 'b: 1,', '// keep-sorted: end')).toBe(1);
  expect(found('// keep-sorted: start', 'a: 1,', 'b: 1,', '// keep-sorted: end', 'a: 1,')).toBe(0);
});

it('looks at the shallowest lines only', () => {
  const entry = (name: string): string[] => [`  ${name}: {`, '    z: 1,', '    a: 2,', '  },'];
  const block = (...names: readonly string[]): readonly string[] => [
    '  // keep-sorted: start',
    ...names.flatMap(entry),
    '  // keep-sorted: end',
  ];
  expect(found(...block('a', 'b'))).toBe(0);
  expect(found(...block('b', 'a'))).toBe(1);
});

it('misses the end', () => expect(found('// keep-sorted: start', 'a', 'b')).toBe(1));

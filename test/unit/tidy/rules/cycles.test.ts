import { expect, it } from 'vitest';
import { parse } from '../../../tidy/parse.ts';
import { cycleFindings } from '../../../tidy/rules/cycles.ts';

function cycles(b: string): readonly string[] {
  const files = parse([
    { path: 'storage/a.ts', text: "import { b } from './b.ts';" },
    { path: 'storage/b.ts', text: "import { c } from './deep/c.ts';" },
    { path: 'storage/deep/c.ts', text: b },
  ]);
  return cycleFindings(files).map((found) => found.message);
}

it('names the cycle', () => {
  expect(cycles("import { a } from '../a.ts';")).toEqual([
    'import cycle: storage/a.ts -> storage/b.ts -> storage/deep/c.ts -> storage/a.ts',
  ]);
});

it('sees a file that imports itself', () => {
  expect(cycles("export * from './c.ts';")).toHaveLength(1);
});

it('leaves types and late imports alone', () => {
  expect(cycles("import type { A } from '../a.ts';")).toEqual([]);
  expect(cycles("const a = await import('../a.ts');")).toEqual([]);
  expect(cycles('export const c = 1;')).toEqual([]);
});

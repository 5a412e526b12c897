import { expect, it } from 'vitest';
import { parse } from '../../../tidy/parse.ts';
import { commentFindings } from '../../../tidy/rules/comments.ts';

function undocumented(index: string, other = ''): readonly string[] {
  const files = parse([
    { path: 'protocols/x/index.ts', text: index },
    { path: 'protocols/x/other.ts', text: other },
  ]);
  return commentFindings(files).map(({ path, message }) => `${path} ${message}`);
}

it('finds a bare export of the index', () => {
  expect(undocumented('export const a = 1;')).toHaveLength(1);
  expect(undocumented('/** Why. */\nexport const a = 1;')).toEqual([]);
  expect(undocumented('// no TSDoc\nexport function a() {}')).toHaveLength(1);
});

it('follows stars and names to where they are declared', () => {
  const other = '/** A. */\nexport interface A {}\nexport class B {}\nexport type C = 1;';
  expect(undocumented("export * from './other.ts';", other)).toHaveLength(2);
  expect(undocumented("export { B } from './other.ts';", other)).toEqual([
    'protocols/x/other.ts export B has no TSDoc comment',
  ]);
  expect(undocumented("export { type A, type A as Z } from './other.ts';", other)).toEqual([]);
});

it('takes the comment of the declaration for a list and for overloads', () => {
  expect(undocumented('/** A. */\nconst a = 1;\nexport { a };')).toEqual([]);
  expect(undocumented('const a = 1;\nexport { a };')).toHaveLength(1);
  const overloads = 'export function a(b: 1): 1;\nexport function a(b: 2): 2;';
  expect(undocumented(`/** A. */\n${overloads}`)).toEqual([]);
});

it('survives files that export each other', () => {
  expect(undocumented("export * from './other.ts';", "export * from './index.ts';")).toEqual([]);
});

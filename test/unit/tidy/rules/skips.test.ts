import { expect, it } from 'vitest';
import { parseText } from '../../../tidy/parse.ts';
import { skipFindings } from '../../../tidy/rules/skips.ts';

const found = (text: string): number => skipFindings([parseText(text, 'test/a.test.ts')]).length;

it.each([
  "it.only('x', () => {});",
  "describe.only('x', () => {});",
  "it.each([1]).only('x', () => {});",
  "it.skip('x', () => {});",
  "describe.skip('x', () => {});",
  "it.skipIf(isRoot)('x', () => {});",
  "it.todo('x');",
  "xit('x', () => {});",
  "it('x', (context) => context.skip());",
  "it('x', ({ skip }) => skip(isRoot));",
])('refuses %s', (text) => expect(found(text)).toBeGreaterThan(0));

it.each([
  "it('x', (context) => context.skip('needs root for tmpfs'));",
  "it('x', ({ skip }) => skip(!isRoot, 'needs root for tmpfs'));",
  "it('x', () => {}); list.only('y');",
])('allows %s', (text) => expect(found(text)).toBe(0));

it('looks at tests only', () => {
  expect(skipFindings([parseText("it.only('x');", 'storage/a.ts')])).toEqual([]);
});

import { expect, it } from 'vitest';
import { PRINTABLE } from '../../../../protocols/interface/text/printable.ts';

it.each([
  ['plain text', 'alpha 1', true],
  ['letters of any script', '日本 ß ש', true],
  // U+1FAE9, of Unicode 16: a runtime that does not know it calls it unassigned.
  ['what a runtime does not know yet', '\u{1fae9}', true],
  ['nothing', '', false],
  ['a line break', 'a\nb', false],
  ['a change of direction', 'a\u202eb', false],
  ['a zero-width space', 'a\u200bb', false],
  ['half a surrogate pair', 'a\ud800', false],
  ['a tag character', 'a\u{e0041}', false],
])('%s', (_, text, expected) => {
  expect(PRINTABLE.test(text)).toBe(expected);
});

import { expect, it } from 'vitest';
import { hookFindings } from '../../../tidy/rules/hooks.ts';

const found = (text: string, path = 'test/unit/fixture.ts') =>
  hookFindings([{ path, text }]).map(({ line }) => line);

it.each(['beforeEach', 'beforeAll', 'afterEach', 'afterAll'])('refuses a shared %s', (hook) => {
  expect(found(`const made = [];\n${hook}(() => made.pop());`)).toEqual([2]);
});

it('allows one that a function registers, and one of a file of tests', () => {
  const text = 'afterEach(() => made.pop());';
  expect(found(`export function folders() {\n  ${text}\n}`)).toEqual([]);
  expect(found(text, 'test/unit/a.test.ts')).toEqual([]);
});

import { type Finding, isTest, type Source } from '../source.ts';

const TOP_LEVEL = /^(await )?(before|after|around)(Each|All)\(/;

/**
 * Hooks at the top level of a module that several test files share. Files share their modules, so
 * such a hook runs for the one alone that loads it first: a function has to register it.
 */
export function hookFindings(sources: readonly Source[]): readonly Finding[] {
  return sources
    .filter((source) => isTest(source.path) && !source.path.endsWith('.test.ts'))
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => {
        if (!TOP_LEVEL.test(line)) return [];
        return [{ path, line: index + 1, message: 'a hook for the first file that loads this' }];
      }),
    );
}

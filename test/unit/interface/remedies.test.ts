// Goal: a remedy names no command or flag that does not exist. Method: every `cooee …` in the table
// is held against the commands as they are defined.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import type { CliHost } from '../../../daemon/cli/context.ts';
import { buildProgram } from '../../../daemon/cli/program.ts';
import { ERROR_CODES } from '../../../protocols/interface/index.ts';

const program = buildProgram({ version: '0' } as CliHost, async () => undefined);

/** A command in a sentence: lower-case words that are commands, then flags and capital words. */
const COMMAND = /\bcooee((?: (?:--?[a-z-]+|[a-z][a-z-]*|[A-Z]+))+)/g;

/** What of the words is no command and no flag. */
function strange(words: readonly string[]): string | undefined {
  let at: Command = program;
  for (const [place, word] of words.entries()) {
    if (word.startsWith('--')) {
      const known = [...at.options, ...program.options].map(({ long }) => long);
      if (!known.includes(word) && word !== '--help') return word;
      continue;
    }
    const next = at.commands.find((it) => it.name() === word || it.aliases().includes(word));
    if (next !== undefined) at = next;
    // The first word is the command; behind it a sentence may go on.
    else if (place === 0) return word;
  }
  return undefined;
}

const CASES = Object.entries(ERROR_CODES).flatMap(([code, { remedy }]) =>
  [...remedy.matchAll(COMMAND)].map(([, words = '']) => [code, words.trim()] as const),
);

it('there are remedies with commands', () => {
  expect(CASES.length).toBeGreaterThan(40);
});

it.each(CASES)('%s: cooee %s', (_, words) => {
  expect(strange(words.split(' '))).toBeUndefined();
});

it('every remedy is a sentence or two, and none is empty', () => {
  for (const [code, { remedy }] of Object.entries(ERROR_CODES)) {
    expect([code, remedy]).toEqual([code, expect.stringMatching(/^\S.{14,200}$/)]);
  }
});

it('the pages that remedies name are there', () => {
  const root = resolve(import.meta.dirname, '../../..');
  for (const { remedy } of Object.values(ERROR_CODES)) {
    for (const [page] of remedy.matchAll(/docs\/[a-z/-]+\.md/g)) {
      expect(readFileSync(join(root, page), 'utf8')).not.toBe('');
    }
  }
});

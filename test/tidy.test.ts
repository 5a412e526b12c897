/**
 * The repository checks itself. Goal: what reviewers would otherwise have to remember is kept by a
 * test. Method: read every file once, parse the TypeScript, and hand both to small pure rules
 * (test/tidy/rules), each of which is shown to fail in test/unit/tidy.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../protocols/interface/index.ts';
import { FOLDER_RATCHET, RATCHET, RESERVED_CODES } from './tidy/exceptions.ts';
import { parse } from './tidy/parse.ts';
import {
  codeNameFindings,
  codePrefixes,
  codeUseFindings,
  unknownCodeFindings,
} from './tidy/rules/codes.ts';
import { commentFindings } from './tidy/rules/comments.ts';
import { cycleFindings } from './tidy/rules/cycles.ts';
import { hookFindings } from './tidy/rules/hooks.ts';
import { importFindings } from './tidy/rules/imports.ts';
import { mirrorFindings, nameFindings } from './tidy/rules/names.ts';
import { type Lock, lockFindings, type Manifest, manifestFindings } from './tidy/rules/packages.ts';
import { reachFindings, useFindings } from './tidy/rules/purity.ts';
import {
  columnFindings,
  fileFindings,
  folderFindings,
  functionFindings,
  sizeWarnings,
} from './tidy/rules/sizes.ts';
import { skipFindings } from './tidy/rules/skips.ts';
import { sortedFindings } from './tidy/rules/sorted.ts';
import { wordFindings } from './tidy/rules/words.ts';
import { type Finding, format, isProgram, readTree } from './tidy/source.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = readTree(root);
const paths = sources.map(({ path }) => path);
const files = parse(sources.filter(({ path }) => path.endsWith('.ts')));
const codes = Object.keys(ERROR_CODES);
const prefixes = codePrefixes(paths);

function read<T>(path: string): T {
  const source = sources.find((candidate) => candidate.path === path);
  return JSON.parse(source?.text ?? 'null') as T;
}

function expectNone(findings: readonly Finding[]): void {
  expect(format(findings)).toBe('');
}

describe('imports', () => {
  const manifest = read<Manifest>('package.json');

  it('follow the table of folders', () => {
    expectNone(importFindings(files, new Set(Object.keys(manifest.dependencies ?? {}))));
  });

  it('make no cycles', () => expectNone(cycleFindings(files)));

  it('keep pure files pure', () => expectNone(reachFindings(files)));

  it('see the program at all', () => {
    // Without files every rule above would be content.
    expect(files.filter(({ path }) => isProgram(path)).length).toBeGreaterThan(10);
    expect(files.flatMap((file) => file.imports).length).toBeGreaterThan(10);
  });
});

describe('code', () => {
  it('takes time and chance from outside below protocols/', () => expectNone(useFindings(files)));

  it('has functions of at most 70 lines', () => expectNone(functionFindings(files)));

  it('has files of at most 400 lines', () => expectNone(fileFindings(files, RATCHET)));

  it('has lines of at most 100 columns', () => expectNone(columnFindings(files)));

  it('has at most 12 source files a folder', () =>
    expectNone(folderFindings(paths, FOLDER_RATCHET)));

  it('documents every public export', () => expectNone(commentFindings(files)));

  it('keeps marked tables sorted', () => expectNone(sortedFindings(sources)));

  it('prints what is longer than it should be', () => {
    const warnings = format(sizeWarnings(files));
    if (warnings !== '') console.warn(`longer than it should be (no failure):\n${warnings}`);
  });
});

describe('names and words', () => {
  it('are kebab-case and say what is inside', () => expectNone(nameFindings(paths)));

  it('mirror the source in unit tests', () => expectNone(mirrorFindings(paths)));

  it('do not include banned ones', () => expectNone(wordFindings(sources)));
});

describe('tests', () => {
  it('all run, or say why not', () => expectNone(skipFindings(files)));

  it('clean up after each file that shares a fixture', () => expectNone(hookFindings(sources)));
});

describe('error codes', () => {
  it('name a folder and are sorted', () => expectNone(codeNameFindings(codes, prefixes)));

  it('are in use or reserved', () => expectNone(codeUseFindings(codes, files, RESERVED_CODES)));

  it('are in the table', () => expectNone(unknownCodeFindings(codes, sources, prefixes)));
});

describe('packages', () => {
  it('are locked above the advisory floors', () => {
    expectNone(lockFindings(read<Lock>('package-lock.json')));
  });

  it('are described as npm and old Node.js need it', () => {
    expectNone(manifestFindings(read<Manifest>('package.json')));
  });
});

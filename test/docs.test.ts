/**
 * The documents say what the code does. Goal: no page rots. Method: generated pages are generated
 * again and compared, links and JSON are followed and parsed, and the README's commands are held
 * against the help of the built program.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  exampleFindings,
  examplesOf,
  type Help,
  parseHelp,
  scriptFindings,
} from './tidy/docs/examples.ts';
import { jsonFindings, linkFindings } from './tidy/docs/markdown.ts';
import { generateDocs } from './tidy/generate-docs.ts';
import { format, readTree } from './tidy/source.ts';

const HELP_TIMEOUT_MS = 20_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = readTree(root);
const texts = new Map(sources.map(({ path, text }) => [path, text]));
const pages = sources.filter(({ path }) => path.endsWith('.md'));

/** Every file with all folders above it. */
function withFolders(paths: Iterable<string>): ReadonlySet<string> {
  const all = new Set<string>(['', '.']);
  for (const path of paths) {
    for (let part = path; part !== '.' && part !== ''; part = dirname(part)) all.add(part);
  }
  return all;
}

describe('generated pages', () => {
  for (const [path, wanted] of Object.entries(generateDocs(root))) {
    it(`${path} is what the code says (npm run docs writes it)`, () => {
      expect(texts.get(path)).toBe(wanted);
    });
  }
});

describe('pages', () => {
  it('have links that lead somewhere', () => {
    expect(format(linkFindings(pages, withFolders(texts.keys())))).toBe('');
  });

  it('have JSON blocks that parse', () => expect(format(jsonFindings(pages))).toBe(''));
});

describe('README.md', () => {
  const readme = texts.get('README.md') ?? '';

  it('shows commands and flags that the program knows', () => {
    const program = join(root, 'dist/daemon/main.js');
    if (!existsSync(program)) throw new Error('dist/ is missing: run npm run build');
    const cache = new Map<string, Help>();
    const helpOf = (commands: readonly string[]): Help => {
      const key = commands.join(' ');
      const known = cache.get(key);
      if (known !== undefined) return known;
      const run = spawnSync(process.execPath, [program, ...commands, '--help'], {
        encoding: 'utf8',
        timeout: HELP_TIMEOUT_MS,
      });
      expect(run.status, `cooee ${key} --help: ${run.stderr}`).toBe(0);
      const help = parseHelp(run.stdout);
      cache.set(key, help);
      return help;
    };
    const examples = examplesOf(readme, 'cooee');
    expect(examples.length, 'README.md shows no cooee command').toBeGreaterThan(0);
    expect(format(exampleFindings('README.md', examples, helpOf))).toBe('');
  }, 60_000);

  it('names npm scripts that exist', () => {
    const manifest = JSON.parse(texts.get('package.json') ?? '{}') as {
      scripts?: Record<string, string>;
    };
    expect(examplesOf(readme, 'npm').length, 'README.md shows no npm command').toBeGreaterThan(0);
    expect(format(scriptFindings('README.md', readme, manifest.scripts ?? {}))).toBe('');
  });
});

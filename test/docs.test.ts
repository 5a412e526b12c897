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

describe('commands in examples', () => {
  const program = join(root, 'dist/daemon/main.js');
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
  const scripts =
    (JSON.parse(texts.get('package.json') ?? '{}') as { scripts?: Record<string, string> })
      .scripts ?? {};
  const pagesWith = (name: string) =>
    pages.filter(({ text }) => examplesOf(text, name).length > 0).map(({ path }) => path);

  it('stand where people look for them', () => {
    const wanted = ['README.md', 'docs/operations.md', 'docs/backup-and-recovery.md'];
    expect(pagesWith('cooee')).toEqual(expect.arrayContaining(wanted));
    expect(pagesWith('npm')).toEqual(expect.arrayContaining(['README.md', 'docs/testing.md']));
  });

  it.each(pagesWith('cooee'))(
    'of cooee are known to the program, with their flags: %s',
    (path) => {
      if (!existsSync(program)) throw new Error('dist/ is missing: run npm run build');
      const examples = examplesOf(texts.get(path) ?? '', 'cooee');
      expect(format(exampleFindings(path, examples, helpOf))).toBe('');
    },
    60_000,
  );

  it.each(pagesWith('npm'))('of npm are scripts that exist: %s', (path) => {
    expect(format(scriptFindings(path, texts.get(path) ?? '', scripts))).toBe('');
  });
});

describe('docs/protocols/slurp.md', () => {
  const source = texts.get('protocols/slurp/machine/kinds.ts') ?? '';
  const kinds = [...source.matchAll(/^ {2}'([a-z]+\.[a-z]+)': /gm)].map(([, kind]) => kind);
  /** The kinds that the first column of the table behind a heading names, in order. */
  const named = (heading: string): (string | undefined)[] => {
    const [, section = ''] = (texts.get('docs/protocols/slurp.md') ?? '').split(`\n${heading}\n`);
    const [text = ''] = section.split('\n## ');
    const columns = [...text.matchAll(/^\| ([^|]+)\|/gm)].map(([, column = '']) => column);
    return columns.flatMap((column) =>
      [...column.matchAll(/`([a-z]+\.[a-z]+)`/g)].map(([, kind]) => kind),
    );
  };

  it.each(['## Command and batch', '## Who may write, what expires, what wins'])(
    'has every kind of command, once: %s',
    (heading) => {
      expect(kinds.length).toBeGreaterThan(20);
      expect(named(heading).toSorted()).toEqual(kinds.toSorted());
    },
  );
});

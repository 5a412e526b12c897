/**
 * docs/operations.md names what the code has: every metric, condition and log scope, and none that
 * is gone. Method: their names are read out of the source.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TOOLS } from '../../../../daemon/mcp/tools/index.ts';

const root = resolve(import.meta.dirname, '../../../..');
const source = ['bootstrap', 'daemon', 'protocols', 'storage']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => readFileSync(join(root, folder, path), 'utf8')),
  )
  .join('\n');
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8');

/** The lines of a chapter of the page. */
const chapter = (title: string): string =>
  page.split(/^## /m).find((it) => it.startsWith(title)) ?? '';

/** Sorted, each once. */
const namesIn = (text: string, pattern: RegExp): readonly string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))].sort();

describe('docs/operations.md', () => {
  it('lists every metric', () => {
    // Tools of the MCP server are named alike; whatever else is, is a metric.
    const tools = new Set(TOOLS.map(({ name }) => name));
    const known = namesIn(source, /'(cooee_[a-z_]+)'/g).filter((name) => !tools.has(name));
    expect(known.length).toBeGreaterThan(5);
    expect(namesIn(chapter('Metrics'), /`(cooee_[a-z_]+)`/g)).toEqual(known);
  });

  it('lists every log scope', () => {
    const known = namesIn(source, /\.child\(\s*'(cooee:[a-z:]+)'/g);
    expect(known.length).toBeGreaterThan(5);
    expect(namesIn(chapter('Logs'), /`(cooee:[a-z:]+)`/g)).toEqual(known);
  });

  it('lists every condition that is raised', () => {
    const listed = namesIn(chapter('Conditions'), /^\| `([a-z-]+)(?:<peer>)?` +\|/gm);
    // As the code writes them: `code: 'no-leader'`, `'upgrade-needed' : 'log-damaged'`,
    // clone-of-${peer}.
    const known = namesIn(source, /['"`]([a-z]+(?:-[a-z]+)*-?)(?:\$\{peer\})?['"`]/g);
    expect(listed.filter((code) => !known.includes(code))).toEqual([]);
    // zod's own word for a check of ours.
    const raised = namesIn(source, /\bcode: (?:\w+ \? )?'(?!custom')([a-z]+(?:-[a-z]+)*)'/g);
    expect(raised.length).toBeGreaterThan(5);
    expect(raised.filter((code) => !listed.includes(code))).toEqual([]);
  });
});

/**
 * Breaks comment lines over 100 columns, which the formatter leaves alone. `node
 * test/tidy/wrap-comments.ts [FILE…]`: the files, or all TypeScript of the repository.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTree } from './source.ts';

const COLUMNS_MAX = 100;

/** Starts of lines that are their own paragraph: lists, tags, tables, headings, fences. */
const OWN_PARAGRAPH = /^(\s|$|[-*|@#`]|\d+\.)/;

/** The text with its over-long comment lines broken at spaces; everything else as it was. */
export function wrapComments(text: string): string {
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if ([...line].length <= COLUMNS_MAX) continue;
    const next = lines[index + 1];
    const broken = openBlock(line) ?? closeBlock(line) ?? breakLine(line, next);
    if (broken === undefined) continue;
    lines.splice(index, broken.takesNext ? 2 : 1, ...broken.lines);
    // The first of the new lines may need another look; a line that fits is passed over.
    index -= 1;
  }
  return lines.join('\n');
}

interface Broken {
  readonly lines: readonly string[];
  readonly takesNext: boolean;
}

/** Text on the line of the opening mark moves below it. */
function openBlock(line: string): Broken | undefined {
  const match = /^(\s*)\/\*\* (.*?)( \*\/)?$/.exec(line);
  if (match === null) return undefined;
  const [, indent = '', body = '', end] = match;
  const lines = [`${indent}/**`, `${indent} * ${body}`];
  return { lines: end === undefined ? lines : [...lines, `${indent} */`], takesNext: false };
}

/** A closing mark after text moves below it. */
function closeBlock(line: string): Broken | undefined {
  const match = /^(\s*)\* (.*) \*\/$/.exec(line);
  if (match === null) return undefined;
  return { lines: [`${match[1]}* ${match[2]}`, `${match[1]}*/`], takesNext: false };
}

/**
 * The overflow goes to the head of the next line of the same paragraph, or to a line of its own.
 */
function breakLine(line: string, next: string | undefined): Broken | undefined {
  const match = /^(\s*(?:\*|\/\/) )(.*)$/.exec(line);
  const [, prefix = '', body = ''] = match ?? [];
  if (match === null || /^(\||biome-ignore|@ts-)/.test(body)) return undefined;
  const room = COLUMNS_MAX - prefix.length;
  const at = lastBreak(body, room);
  if (at === undefined) return undefined;
  const hang = /^(\s*)(- |\d+\. )?/.exec(body)?.[0].replace(/\S/g, ' ') ?? '';
  const head = `${prefix}${body.slice(0, at)}`;
  const rest = body.slice(at + 1);
  const start = `${prefix}${hang}`;
  const follows = next?.startsWith(start) ? next.slice(start.length) : undefined;
  const joins = follows !== undefined && !OWN_PARAGRAPH.test(follows) && follows !== '/';
  return { lines: [head, `${start}${rest}${joins ? ` ${follows}` : ''}`], takesNext: joins };
}

/** The last space within `room` that is not inside a code span or a link; undefined without one. */
function lastBreak(body: string, room: number): number | undefined {
  let isCode = false;
  let depth = 0;
  let at: number | undefined;
  const start = body.search(/\S/);
  for (let index = start; index <= room && index < body.length; index += 1) {
    const symbol = body[index];
    if (symbol === '`') isCode = !isCode;
    if (symbol === '{') depth += 1;
    if (symbol === '}') depth -= 1;
    const isMark = index <= start + 1;
    if (symbol === ' ' && !isCode && depth === 0 && !isMark) at = index;
  }
  return at;
}

if (import.meta.main) {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const given = process.argv.slice(2);
  const all = readTree(root).map(({ path }) => path);
  for (const path of given.length > 0 ? given : all.filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(join(root, path), 'utf8');
    const wrapped = wrapComments(text);
    if (wrapped === text) continue;
    writeFileSync(join(root, path), wrapped);
    console.log(`wrapped ${path}`);
  }
}

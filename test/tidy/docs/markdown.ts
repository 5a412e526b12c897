import { dirname, join } from 'node:path/posix';
import type { Finding, Source } from '../source.ts';

/** A fenced code block; `line` is that of its first content line. */
export interface Fence {
  readonly language: string;
  readonly line: number;
  readonly text: string;
}

/** The fenced code blocks of a page. */
export function fencesOf(markdown: string): readonly Fence[] {
  const fences: Fence[] = [];
  let open: { language: string; line: number; mark: string; lines: string[] } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    const match = /^\s*(`{3,}|~{3,})\s*([\w-]*)/.exec(line);
    if (open === undefined) {
      if (match === null) continue;
      open = { language: match[2] ?? '', line: index + 2, mark: match[1] ?? '', lines: [] };
    } else if (match !== null && line.trim() === open.mark) {
      fences.push({ language: open.language, line: open.line, text: open.lines.join('\n') });
      open = undefined;
    } else open.lines.push(line);
  }
  return fences;
}

/** Prose alone: fenced blocks and code spans blanked, line numbers kept. */
function proseOf(markdown: string): string {
  let isCode = false;
  return markdown
    .split('\n')
    .map((line) => {
      if (/^\s*(`{3,}|~{3,})/.test(line)) {
        isCode = !isCode;
        return '';
      }
      return isCode ? '' : line.replace(/`[^`]*`/g, '');
    })
    .join('\n');
}

/** The anchors that a page's headings make, as GitHub derives them. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  let isCode = false;
  for (const line of markdown.split('\n')) {
    if (/^\s*(`{3,}|~{3,})/.test(line)) isCode = !isCode;
    const heading = isCode ? undefined : /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Relative links to files or headings that do not exist. `paths` = all files and folders. */
export function linkFindings(
  pages: readonly Source[],
  paths: ReadonlySet<string>,
): readonly Finding[] {
  const anchors = new Map(pages.map((page) => [page.path, anchorsOf(page.text)]));
  return pages.flatMap((page) =>
    proseOf(page.text)
      .split('\n')
      .flatMap((line, index) =>
        [...line.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)].flatMap((match) => {
          const target = match[1] ?? '';
          const message = linkProblem(page.path, target, paths, anchors);
          return message === undefined ? [] : [{ path: page.path, line: index + 1, message }];
        }),
      ),
  );
}

function linkProblem(
  from: string,
  link: string,
  paths: ReadonlySet<string>,
  anchors: ReadonlyMap<string, ReadonlySet<string>>,
): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return undefined;
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? from : join(dirname(from), decodeURI(file)).replace(/\/$/, '');
  if (!paths.has(target)) return `the link ${link} leads nowhere`;
  if (anchor !== undefined && anchors.get(target)?.has(anchor) === false) {
    return `the link ${link} names no heading of ${target}`;
  }
  return undefined;
}

/** `json` blocks that do not parse; a `jsonl` block is one value a line. */
export function jsonFindings(pages: readonly Source[]): readonly Finding[] {
  return pages.flatMap(({ path, text }) =>
    fencesOf(text).flatMap((fence) => {
      if (fence.language !== 'json' && fence.language !== 'jsonl') return [];
      const parts = fence.language === 'json' ? [fence.text] : fence.text.split('\n');
      return parts
        .filter((part) => !isJson(part))
        .map(() => ({ path, line: fence.line, message: `a ${fence.language} block is broken` }));
    }),
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

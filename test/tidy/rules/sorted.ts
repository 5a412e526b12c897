import type { Finding, Source } from '../source.ts';

const START = 'keep-sorted: start';
const END = 'keep-sorted: end';

/**
 * Lines between a comment `keep-sorted: start` and one `keep-sorted: end` that are out of order.
 * Only the shallowest lines count, so an entry may span several.
 */
export function sortedFindings(sources: readonly Source[]): readonly Finding[] {
  return sources
    .filter(({ path }) => path.endsWith('.ts') && !path.startsWith('test/'))
    .flatMap(({ path, text }) => blockFindings(path, text.split('\n')));
}

function blockFindings(path: string, lines: readonly string[]): readonly Finding[] {
  const findings: Finding[] = [];
  let indent: number | undefined;
  let last: string | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.includes(START)) {
      indent = line.search(/\S/);
      last = undefined;
    } else if (line.includes(END)) indent = undefined;
    else if (indent !== undefined && line.search(/\S/) === indent && /^\s*[\w'"`[{]/.test(line)) {
      const entry = line.trim();
      if (last !== undefined && entry < last) {
        findings.push({ path, line: index + 1, message: `"${entry}" is out of order` });
      }
      last = entry;
    }
  }
  if (indent !== undefined) {
    findings.push({ path, line: lines.length, message: `${START} without ${END}` });
  }
  return findings;
}

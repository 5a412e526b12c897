import type { Facts } from '../facts.ts';
import { type Finding, isProgram, type Source } from '../source.ts';

const TABLE_PATH = 'protocols/interface/error-codes.ts';
const CODE = /\bERR_[A-Z0-9_]+\b/g;

/** `ERR_AGENT_ID_` of `protocols/agent-id/…`: the beginnings that codes may have. */
export function codePrefixes(paths: readonly string[]): readonly string[] {
  const folders = paths.filter(isProgram).map((path) => {
    const parts = path.split('/');
    const depth = /^(protocols|daemon)$/.test(parts[0] ?? '') && parts.length > 2 ? 1 : 0;
    return parts[depth] ?? '';
  });
  return [...new Set(folders)].map((name) => `ERR_${name.toUpperCase().replaceAll('-', '_')}_`);
}

/** Codes whose beginning is no folder, or that are not in order. */
export function codeNameFindings(
  codes: readonly string[],
  prefixes: readonly string[],
): readonly Finding[] {
  const strangers = codes
    .filter((code) => !prefixes.some((p) => code.startsWith(p) && code.length > p.length))
    .map((code) => ({ path: TABLE_PATH, line: 1, message: `${code} names no folder of ours` }));
  const misplaced = codes
    .filter((code, index) => index > 0 && words(code) <= words(codes[index - 1] ?? ''))
    .map((code) => ({ path: TABLE_PATH, line: 1, message: `${code} is out of order` }));
  return [...strangers, ...misplaced];
}

/** Word by word: `NO_LEADER` stands before `NOT_LEADER`. */
function words(code: string): string {
  return code.replaceAll('_', ' ');
}

/**
 * Codes that nothing throws and that are not reserved, and reserved ones that are in use after all.
 */
export function codeUseFindings(
  codes: readonly string[],
  files: readonly Facts[],
  reserved: Readonly<Record<string, string>>,
): readonly Finding[] {
  const used = new Set(
    files
      .filter((file) => isProgram(file.path) && file.path !== TABLE_PATH)
      .flatMap((file) => file.texts.map((text) => text.name)),
  );
  const at = (message: string): Finding => ({ path: TABLE_PATH, line: 1, message });
  return [
    ...codes
      .filter((code) => !used.has(code) && reserved[code] === undefined)
      .map((code) => at(`${code} is used nowhere: remove it, or reserve it with a reason`)),
    ...Object.keys(reserved)
      .filter((code) => used.has(code) || !codes.includes(code))
      .map((code) => at(`${code} is reserved and in use, or not in the table`)),
  ];
}

/** Codes with a beginning of ours, in code or documents, that the table does not have. */
export function unknownCodeFindings(
  codes: readonly string[],
  sources: readonly Source[],
  prefixes: readonly string[],
): readonly Finding[] {
  const known = new Set(codes);
  return sources
    .filter(({ path }) => isProgram(path) || path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) =>
        (line.match(CODE) ?? [])
          .filter((code) => prefixes.some((prefix) => code.startsWith(prefix)))
          .filter((code) => !known.has(code) && !code.endsWith('_'))
          .map((code) => ({ path, line: index + 1, message: `${code} is not in the table` })),
      ),
    );
}

import type { Facts } from '../facts.ts';
import { type Finding, isProgram } from '../source.ts';
import { targetOf } from './imports.ts';

/**
 * Exports of an index.ts, also those that it passes on, without a TSDoc comment where they are
 * declared.
 */
export function commentFindings(files: readonly Facts[]): readonly Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const findings = new Map<string, Finding>();
  for (const file of files) {
    if (!isProgram(file.path) || !file.path.endsWith('/index.ts')) continue;
    for (const found of undocumented(file, '*', byPath, new Set())) {
      findings.set(`${found.path}:${found.line}`, found);
    }
  }
  return [...findings.values()];
}

function undocumented(
  file: Facts,
  wanted: string,
  byPath: ReadonlyMap<string, Facts>,
  seen: Set<string>,
): readonly Finding[] {
  const key = `${file.path} ${wanted}`;
  if (seen.has(key)) return [];
  seen.add(key);
  return file.exports.flatMap((fact) => {
    if (wanted !== '*' && fact.name !== wanted && fact.name !== '*') return [];
    if (fact.from === undefined) {
      if (fact.isDocumented) return [];
      const message = `export ${fact.name} has no TSDoc comment`;
      return [{ path: file.path, line: fact.line, message }];
    }
    if (fact.isDocumented && fact.name !== '*') return [];
    const target = byPath.get(targetOf(file.path, fact.from) ?? '');
    if (target === undefined) return [];
    return undocumented(target, fact.original === '*' ? wanted : fact.original, byPath, seen);
  });
}

import type { Facts } from '../facts.ts';
import type { Finding } from '../source.ts';
import { targetOf } from './imports.ts';

/**
 * Import cycles between files, each reported once. Types are erased and `import()` runs later, so
 * neither makes one.
 */
export function cycleFindings(files: readonly Facts[]): readonly Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const findings: Finding[] = [];
  const visit = (file: Facts, trail: readonly string[]): void => {
    const start = trail.indexOf(file.path);
    if (start >= 0) {
      const cycle = [...trail.slice(start), file.path];
      findings.push({ path: file.path, line: 1, message: `import cycle: ${cycle.join(' -> ')}` });
      return;
    }
    if (done.has(file.path)) return;
    for (const fact of file.imports) {
      if (fact.isType || fact.isDynamic) continue;
      const target = byPath.get(targetOf(file.path, fact.specifier) ?? '');
      if (target !== undefined) visit(target, [...trail, file.path]);
    }
    done.add(file.path);
  };
  for (const file of files) visit(file, []);
  return findings;
}

import { basename } from 'node:path/posix';
import type { Facts } from '../facts.ts';
import { type Finding, isProgram } from '../source.ts';
import { isLibp2p, targetOf } from './imports.ts';

const PURE_NAME = /^(codec|state|rules|reducer)([-.].*)?\.ts$|^compute-.*\.ts$|^machine\.ts$/;
const PURE_FOLDER = /^protocols\/(agent-id|ucxl|raft)\//;

/** Time, chance and the process come in by constructor everywhere below protocols/. */
const AMBIENT = new Set([
  'Date',
  'Math.random',
  'fetch',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);
const PURE_BANS = new Set([...AMBIENT, 'async', 'await', 'globalThis']);

/** True for a file that must compute the same on every node and in every replay. */
export function isPure(path: string): boolean {
  if (!path.startsWith('protocols/')) return false;
  return PURE_FOLDER.test(path) || PURE_NAME.test(basename(path));
}

/** Names that a pure file, or any file of a protocol, may not use. */
export function useFindings(files: readonly Facts[]): readonly Finding[] {
  return files
    .filter((file) => file.path.startsWith('protocols/'))
    .flatMap((file) => {
      const banned = isPure(file.path) ? PURE_BANS : AMBIENT;
      const reason = isPure(file.path) ? 'a pure file uses no' : 'time and chance come in, not';
      return file.uses
        .filter((use) => banned.has(use.name))
        .map(({ line, name }) => ({ path: file.path, line, message: `${reason} ${name}` }));
    });
}

/** Pure files that import `node:*` or libp2p values, directly or through what they import. */
export function reachFindings(files: readonly Facts[]): readonly Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const findings: Finding[] = [];
  for (const file of files.filter(({ path }) => isProgram(path) && isPure(path))) {
    const chain = impureChain(file, byPath, new Set());
    if (chain !== undefined) {
      const message = `a pure file reaches ${chain.join(' -> ')}`;
      findings.push({ path: file.path, line: 1, message });
    }
  }
  return findings;
}

function impureChain(
  file: Facts,
  byPath: ReadonlyMap<string, Facts>,
  seen: Set<string>,
): readonly string[] | undefined {
  seen.add(file.path);
  for (const fact of file.imports) {
    if (fact.isType) continue;
    if (fact.specifier.startsWith('node:') || isLibp2p(fact.specifier)) return [fact.specifier];
    const target = byPath.get(targetOf(file.path, fact.specifier) ?? '');
    if (target === undefined || seen.has(target.path)) continue;
    const rest = impureChain(target, byPath, seen);
    if (rest !== undefined) return [target.path, ...rest];
  }
  return undefined;
}

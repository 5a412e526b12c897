import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

/** One text file of the repository; `path` is relative to its root, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Something that a rule objects to. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** The folders that hold the program. */
export const SOURCE_FOLDERS = ['protocols', 'storage', 'bootstrap', 'daemon'] as const;

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage', '.git', 'bench/results']);
const TEXT_ENDINGS = new Set(['.ts', '.md', '.json', '.sh', '.yml', '.yaml', '.txt', '']);
const TEXT_BYTES_MAX = 2_000_000;

/** All text files below `root`, sorted by path; build output and installed packages left out. */
export function readTree(root: string): readonly Source[] {
  const sources: Source[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (SKIPPED_FOLDERS.has(path) || SKIPPED_FOLDERS.has(entry.name)) continue;
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile() && TEXT_ENDINGS.has(extname(entry.name))) {
        const bytes = readFileSync(join(root, path));
        // Binary fixtures and generated giants are nobody's prose or code.
        if (bytes.length <= TEXT_BYTES_MAX && !bytes.includes(0)) {
          sources.push({ path, text: bytes.toString('utf8') });
        }
      }
    }
  };
  visit('');
  return sources.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** True for TypeScript of the program itself. */
export function isProgram(path: string): boolean {
  return path.endsWith('.ts') && SOURCE_FOLDERS.some((folder) => path.startsWith(`${folder}/`));
}

/** True for TypeScript that only proves things: tests and what they share. */
export function isTest(path: string): boolean {
  return path.startsWith('test/') && path.endsWith('.ts');
}

/** Findings as a person reads them, one a line; empty when there are none. */
export function format(findings: readonly Finding[]): string {
  return findings.map((found) => `${found.path}:${found.line} ${found.message}`).join('\n');
}

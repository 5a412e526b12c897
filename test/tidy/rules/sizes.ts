import { dirname } from 'node:path/posix';
import type { Facts } from '../facts.ts';
import { type Finding, isProgram } from '../source.ts';

const FUNCTION_LINES_MAX = 70;
const FUNCTION_LINES_AIM = 40;
const FILE_LINES_MAX = 400;
const FILE_LINES_AIM = 250;
const FOLDER_FILES_MAX = 12;
const LINE_COLUMNS_MAX = 100;
const PARAMETERS_AIM = 3;

/** Constant tables, as long as what they list. */
const TABLES = new Set(['protocols/interface/error-codes.ts']);

/** A text without a gap this long (an address, a vector) cannot be broken. */
const UNBREAKABLE = /[^\s]{60,}/;

/** Files over the limit, with their present length: they may shrink, never grow. */
export type Ratchet = Readonly<Record<string, number>>;

/** Lines over 100 columns in TypeScript. */
export function columnFindings(files: readonly Facts[]): readonly Finding[] {
  return files
    .filter((file) => !TABLES.has(file.path))
    .flatMap((file) =>
      file.text.split('\n').flatMap((text, index) => {
        const columns = [...text].length;
        if (columns <= LINE_COLUMNS_MAX || UNBREAKABLE.test(text)) return [];
        const message = `${columns} columns; the limit is ${LINE_COLUMNS_MAX}`;
        return [{ path: file.path, line: index + 1, message }];
      }),
    );
}

/** Files over 400 lines that the ratchet does not list, or that differ from it. */
export function fileFindings(files: readonly Facts[], ratchet: Ratchet): readonly Finding[] {
  const lengths = new Map(files.map((file) => [file.path, file.lineCount]));
  const over = files
    .filter((file) => !TABLES.has(file.path))
    .filter((file) => file.lineCount > (ratchet[file.path] ?? FILE_LINES_MAX))
    .map(({ path, lineCount }) => {
      const limit = ratchet[path] ?? FILE_LINES_MAX;
      return { path, line: 1, message: `${lineCount} lines; the limit is ${limit}` };
    });
  const loose = Object.entries(ratchet)
    .filter(([path, limit]) => (lengths.get(path) ?? 0) < limit)
    .map(([path]) => {
      const present = lengths.get(path) ?? 0;
      return { path, line: 1, message: `it shrank: set the ratchet to ${present}, or remove it` };
    });
  return [...over, ...loose];
}

/** Functions over 70 lines. Blocks of `describe` are chapters, not functions. */
export function functionFindings(files: readonly Facts[]): readonly Finding[] {
  return functionsOver(files, FUNCTION_LINES_MAX);
}

/** What is within the limits and still longer than it should be: printed, not failed. */
export function sizeWarnings(files: readonly Facts[]): readonly Finding[] {
  const program = files.filter((file) => isProgram(file.path) && !TABLES.has(file.path));
  const long = program
    .filter(({ lineCount }) => lineCount > FILE_LINES_AIM)
    .map(({ path, lineCount }) => ({ path, line: 1, message: `${lineCount} lines` }));
  const wide = program.flatMap((file) =>
    file.functions
      .filter((found) => found.parameterCount > PARAMETERS_AIM)
      .map(({ name, line, parameterCount }) => {
        return { path: file.path, line, message: `${name} has ${parameterCount} parameters` };
      }),
  );
  return [...long, ...functionsOver(program, FUNCTION_LINES_AIM), ...wide];
}

/** Folders with more than 12 source files, or more than the ratchet grants them. */
export function folderFindings(paths: readonly string[], ratchet: Ratchet): readonly Finding[] {
  const counts = new Map<string, number>();
  for (const path of paths.filter((candidate) => isProgram(candidate))) {
    counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  }
  return [...counts]
    .filter(([path, count]) => count > (ratchet[path] ?? FOLDER_FILES_MAX))
    .map(([path, count]) => {
      const limit = ratchet[path] ?? FOLDER_FILES_MAX;
      return { path, line: 1, message: `${count} source files; ${limit} at most` };
    });
}

function functionsOver(files: readonly Facts[], limit: number): readonly Finding[] {
  return files.flatMap((file) =>
    file.functions
      .filter((found) => !(found.passedTo ?? '').startsWith('describe'))
      .filter((found) => found.lineCount > limit)
      .map(({ name, line, lineCount }) => {
        const message = `${name} has ${lineCount} lines; ${limit} at most`;
        return { path: file.path, line, message };
      }),
  );
}

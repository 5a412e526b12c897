/**
 * Writes docs/limits.md and docs/errors.md from the code: `npm run docs`. Nothing else writes them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ERROR_CODES, LIMITS } from '../../protocols/interface/index.ts';
import { renderErrors, renderLimits } from './docs/tables.ts';
import { parse } from './parse.ts';

const LIMITS_SOURCE = 'protocols/interface/limits.ts';

/** The generated pages by path, as the code in `root` wants them. */
export function generateDocs(root: string): Readonly<Record<string, string>> {
  const text = readFileSync(join(root, LIMITS_SOURCE), 'utf8');
  const properties = parse([{ path: LIMITS_SOURCE, text }]).flatMap((file) => file.properties);
  return {
    'docs/errors.md': renderErrors(ERROR_CODES),
    'docs/limits.md': renderLimits(LIMITS, properties),
  };
}

if (import.meta.main) {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  for (const [path, text] of Object.entries(generateDocs(root))) {
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
}

/**
 * Writes docs/limits.md, docs/errors.md and the routes in docs/api.md from the code: `npm run
 * docs`. Nothing else writes them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROUTES } from '../../daemon/api/routes/index.ts';
import { ERROR_CODES, LIMITS } from '../../protocols/interface/index.ts';
import { placeRoutes, renderErrors, renderLimits } from './docs/tables.ts';
import { parse } from './parse.ts';

const API_PAGE = 'docs/api.md';
const LIMITS_SOURCE = 'protocols/interface/limits.ts';

/** The generated pages by path, as the code in `root` wants them. */
export function generateDocs(root: string): Readonly<Record<string, string>> {
  const text = readFileSync(join(root, LIMITS_SOURCE), 'utf8');
  const properties = parse([{ path: LIMITS_SOURCE, text }]).flatMap((file) => file.properties);
  const api = readFileSync(join(root, API_PAGE), 'utf8');
  return {
    [API_PAGE]: placeRoutes(api, ROUTES),
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

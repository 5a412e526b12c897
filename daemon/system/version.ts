import { readFileSync } from 'node:fs';

/** The mesh levels that this program supports, from and to. */
export const LEVELS = [1, 1] as const;

/**
 * The program's version, out of package.json: beside the sources in a checkout, above `dist` when
 * built.
 */
export function programVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const text = readFileSync(new URL(path, import.meta.url), 'utf8');
      const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
      if (name === 'cooee' && typeof version === 'string') return version;
    } catch {
      // Not there: the next place is tried.
    }
  }
  return 'unknown';
}

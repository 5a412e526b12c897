import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

/** The kind of command that only the next version knows: it names the mesh. */
export const NEW_KIND = 'test.mark';
/** A name for the mesh that the next version hands in by the new kind. */
export const MARK = 'marked';

/** What the next version has another way, by file and text. */
const CHANGES: readonly (readonly [string, string, string])[] = [
  ['daemon/system/version.js', 'LEVELS = [1, 1]', 'LEVELS = [1, 2]'],
  [
    'protocols/slurp/machine/kinds.js',
    "'voter.change':",
    `'${NEW_KIND}': kind(membership.settingsBody, membership.reduceSettings), 'voter.change':`,
  ],
  [
    'daemon/services/mesh-services.js',
    "write('mesh.settings',",
    `write(change.name === '${MARK}' ? '${NEW_KIND}' : 'mesh.settings',`,
  ],
];

/**
 * A build of the next version, in a folder of its own: one level more, and a kind of command that
 * begins with it. The build under test is copied and changed, so that nothing of it is in there.
 *
 * @returns its main program
 */
export function nextBuild(folder: string): string {
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [file, now, next] of CHANGES) {
    const path = join(folder, 'dist', file);
    const text = readFileSync(path, 'utf8');
    if (text.split(now).length !== 2) throw new Error(`not once in ${file}: ${now}`);
    writeFileSync(path, text.replace(now, next));
  }
  return join(folder, 'dist/daemon/main.js');
}

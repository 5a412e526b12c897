import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';
import type { Facts } from './facts.ts';
import type { Source } from './source.ts';
import { visitFile } from './visit.ts';

const ROOT = '/tidy';
const CONFIG = `${ROOT}/tsconfig.json`;

/**
 * Parses TypeScript with the compiler that builds the program. The one place, with visit.ts, that
 * touches its programming interface, which TypeScript 7.0 still calls unstable: an upgrade that
 * moves it is felt here alone.
 *
 * Syntax errors are the type check's business: what can be read of such a file is judged.
 *
 * @throws Error when the compiler does not know a file that it was given
 */
export function parse(sources: readonly Source[]): readonly Facts[] {
  const files: Record<string, string> = {
    [CONFIG]: JSON.stringify({
      compilerOptions: { noLib: true, noResolve: true, types: [], noEmit: true },
      include: ['**/*'],
    }),
  };
  for (const source of sources) files[`${ROOT}/${source.path}`] = source.text;
  const api = new API({ fs: createVirtualFileSystem(files), cwd: ROOT });
  try {
    // Disposed before the compiler ends, which would otherwise complain of unfinished work.
    using snapshot = api.updateSnapshot({ openProjects: [CONFIG] });
    const program = snapshot.getProject(CONFIG)?.program;
    return sources.map((source) => {
      const file = program?.getSourceFile(`${ROOT}/${source.path}`);
      if (program === undefined || file === undefined) throw new Error(`unread: ${source.path}`);
      return visitFile(source, file);
    });
  } finally {
    api.close();
  }
}

/** Parses one text: for the tests of the rules. */
export function parseText(text: string, path = 'protocols/wire/example.ts'): Facts {
  const [facts] = parse([{ path, text }]);
  if (facts === undefined) throw new Error('nothing parsed');
  return facts;
}

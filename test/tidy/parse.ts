import { createVirtualFileSystem, type FileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';
import type { Facts } from './facts.ts';
import type { Source } from './source.ts';
import { visitFile } from './visit.ts';

const CONFIG = JSON.stringify({
  compilerOptions: { noLib: true, noResolve: true, types: [], noEmit: true },
  include: ['**/*'],
});

/** The compiler of this process, which ends with it: to start one takes longer than to parse. */
let compiler: { readonly api: API; readonly files: VirtualFiles } | undefined;
/** Each time in a folder of its own: the compiler keeps what it read. */
let parsed = 0;

type VirtualFiles = Required<Pick<FileSystem, 'writeFile' | 'removeFile'>>;

function theCompiler(): NonNullable<typeof compiler> {
  if (compiler !== undefined) return compiler;
  const files = createVirtualFileSystem({ '/tidy/none': '' });
  const { writeFile, removeFile } = files;
  if (writeFile === undefined || removeFile === undefined) throw new Error('files that stand');
  compiler = { api: new API({ fs: files, cwd: '/tidy' }), files: { writeFile, removeFile } };
  return compiler;
}

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
  const { api, files } = theCompiler();
  parsed += 1;
  const root = `/tidy/${parsed}`;
  const config = `${root}/tsconfig.json`;
  const texts = new Map(sources.map(({ path, text }) => [`${root}/${path}`, text]));
  texts.set(config, CONFIG);
  for (const [path, text] of texts) files.writeFile(path, text);
  try {
    using snapshot = api.updateSnapshot({ openProjects: [config] });
    const program = snapshot.getProject(config)?.program;
    return sources.map((source) => {
      const file = program?.getSourceFile(`${root}/${source.path}`);
      if (program === undefined || file === undefined) throw new Error(`unread: ${source.path}`);
      return visitFile(source, file);
    });
  } finally {
    for (const path of texts.keys()) files.removeFile(path);
  }
}

/** Parses one text: for the tests of the rules. */
export function parseText(text: string, path = 'protocols/wire/example.ts'): Facts {
  const [facts] = parse([{ path, text }]);
  if (facts === undefined) throw new Error('nothing parsed');
  return facts;
}

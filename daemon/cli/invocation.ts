import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** What decides how a person calls this program again. */
export interface InvocationInput {
  /** The script that node runs (`process.argv[1]`). */
  readonly script: string | undefined;
  /** The working folder, absolute. */
  readonly cwd: string;
}

/** A shell word: quoted only when it has to be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The command to type in this working folder to run this same program: `npx cooee` inside a
 * checkout, `node <script>` when it runs out of a checkout that is elsewhere (there npx would ask
 * the registry), else `cooee`.
 */
export function invocationOf(input: InvocationInput): string {
  const script = realPath(input.script);
  const checkout = script === undefined ? undefined : checkoutOf(script);
  if (script === undefined || checkout === undefined) return 'cooee';
  const inside = !relative(checkout, realPath(input.cwd) ?? input.cwd).startsWith('..');
  return inside ? 'npx cooee' : `node ${shellWord(script)}`;
}

/** The version in the package.json nearest above the folder that is COOEE's own. */
export function packageVersion(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    const manifest = ownManifest(at);
    if (manifest !== undefined) return manifest.version;
    if (at === dirname(at)) return 'unknown';
  }
}

function checkoutOf(script: string): string | undefined {
  for (let at = dirname(script); at !== dirname(at); at = dirname(at)) {
    if (ownManifest(at) === undefined) continue;
    const isCheckout = ['.git', 'tsconfig.json'].some((name) => existsSync(join(at, name)));
    return isCheckout ? at : undefined;
  }
  return undefined;
}

function ownManifest(folder: string): { readonly version: string } | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (typeof manifest !== 'object' || manifest === null) return undefined;
    const { name, version } = manifest as { name?: unknown; version?: unknown };
    return name === 'cooee' && typeof version === 'string' ? { version } : undefined;
  } catch {
    // No package.json here, or not one that can be read: then it is not ours.
    return undefined;
  }
}

function realPath(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : realpathSync(path);
  } catch {
    return undefined;
  }
}

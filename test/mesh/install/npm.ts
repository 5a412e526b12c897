import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Why npm could not do it, when that is not the package's fault: no registry and no cache. */
export class NoRegistryError extends Error {}

const OFFLINE =
  /ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED|EAI_AGAIN|ERR_SOCKET|FETCH_ERROR/u;

/** The environment of a shell in which `node` is that binary. */
export function shellOf(node: string): NodeJS.ProcessEnv {
  const { HOME, TMPDIR } = process.env;
  const path = [dirname(node), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);
  return { PATH: path, HOME: HOME ?? '/', ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}

/** Runs npm on a node; what it printed. Settings of the npm that runs the tests do not reach it. */
export async function npm(node: string, folder: string, ...args: string[]): Promise<string> {
  // Where the way to the registry has a certificate of the house, Node is told of it so.
  const { npm_config_registry: registry, NODE_EXTRA_CA_CERTS: house } = process.env;
  const env = {
    ...shellOf(node),
    ...(registry === undefined ? {} : { npm_config_registry: registry }),
    ...(house === undefined ? {} : { NODE_EXTRA_CA_CERTS: house }),
  };
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--no-update-notifier'];
  const patience = ['--fetch-retries=1', '--fetch-timeout=20000'];
  try {
    const words = [...args, ...quiet, ...patience];
    const done = await promisify(execFile)('npm', words, {
      cwd: folder,
      env,
      maxBuffer: 16 * 1024 * 1024,
    });
    return done.stdout;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const said = stderr ?? message;
    if (OFFLINE.test(said)) throw new NoRegistryError(said.trim().slice(-500));
    throw new Error(`npm ${args.join(' ')}: ${said.slice(-3_000)}`);
  }
}

/** The version that a binary says, or undefined when it is none. */
async function versionOf(node: string): Promise<string | undefined> {
  if (!existsSync(node)) return undefined;
  const run = promisify(execFile)(node, ['--version']);
  return await run.then(
    ({ stdout }) => stdout.trim().replace(/^v/u, ''),
    () => undefined,
  );
}

/**
 * A node of that major version: this machine's, else from npm, whose package `node` is the binary;
 * undefined where there is neither.
 */
export async function nodeOf(major: number, folder: string): Promise<string | undefined> {
  for (const node of ['/usr/local/bin/node', '/usr/bin/node']) {
    if ((await versionOf(node))?.startsWith(`${major}.`) === true) return node;
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    '{"private": true, "allowScripts": {"node": true}}\n',
  );
  try {
    await npm(process.execPath, folder, 'install', `node@${major}`);
  } catch (error) {
    if (error instanceof NoRegistryError) return undefined;
    throw error;
  }
  const node = join(folder, 'node_modules/node/bin/node');
  return (await versionOf(node))?.startsWith(`${major}.`) === true ? node : undefined;
}

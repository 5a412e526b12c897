import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { type CliResult, freePort, until } from './harness.ts';
import { NoRegistryError, nodeOf, npm, shellOf } from './install/npm.ts';

// What `npm pack` makes is installed as people do it, with its dependencies from npm's cache or the
// registry, and runs on the versions of Node.js that it promises. Where neither can be had, the
// test says so.

const ROOT = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'cooee-install-'));
const prefix = join(folder, 'prefix');
const home = join(folder, 'home');
const COOEE = join(prefix, 'bin/cooee');
const PORT = freePort();

interface Packed {
  readonly filename: string;
  readonly version: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

let packed: Packed;
let node22: string | undefined;
let node20: string | undefined;
let daemon: ChildProcess | undefined;
let said = '';

/** What keeps the package from being installed here, in npm's words. */
let offline: string | undefined;

beforeAll(async () => {
  [packed, node22, node20] = await Promise.all([
    pack(ROOT),
    nodeOf(22, join(folder, 'node22')),
    nodeOf(20, join(folder, 'node20')),
  ]);
  try {
    await install(process.execPath, packed);
  } catch (error) {
    if (!(error instanceof NoRegistryError)) throw error;
    offline = error.message;
  }
}, 300_000);

afterEach(() => {
  daemon?.kill('SIGKILL');
});

afterAll(() => {
  daemon?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

async function pack(from: string): Promise<Packed> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const packs = JSON.parse(await npm(process.execPath, from, ...args)) as [Packed];
  return packs[0];
}

async function install(node: string, { filename }: Packed): Promise<void> {
  await npm(node, folder, 'install', '-g', '--prefix', prefix, join(folder, filename));
}

/** Runs the installed command where `node` is that one. */
async function cooee(node: string, ...args: string[]): Promise<CliResult> {
  const env = { ...shellOf(node), COOEE_HOME: home };
  return await promisify(execFile)(COOEE, args, { env, cwd: folder }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: CliResult) => ({ code, stdout, stderr }),
  );
}

async function status(node: string): Promise<{ node: { peer: string }; mesh: { id: string } }> {
  const { stdout } = await cooee(node, 'status', '--json', '--ready');
  return JSON.parse(stdout) as { node: { peer: string }; mesh: { id: string } };
}

/** `cooee up`, until it says what to type next; then what is asked of it, and `cooee down`. */
async function upAndDown<T>(node: string, ask: () => Promise<T>): Promise<T> {
  said = '';
  const args = ['up', '--no-mdns', '--listen', `/ip4/127.0.0.1/tcp/${PORT}`];
  const env = { ...shellOf(node), COOEE_HOME: home, OLLAMA_HOST: 'http://127.0.0.1:9' };
  const child = spawn(COOEE, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  daemon = child;
  const ended = new Promise<number | null>((done) => child.once('close', done));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  await until('it is up', () => {
    if (child.exitCode !== null) throw new Error(said);
    return said.includes('next  ');
  });
  const answer = await ask();
  expect(await cooee(node, 'down')).toEqual({ code: 0, stdout: 'stopped\n', stderr: '' });
  expect(await ended).toBe(0);
  return answer;
}

function needs(context: TestContext, node: string | undefined): string {
  if (offline !== undefined) context.skip('neither the registry nor a cache has the dependencies');
  if (node === undefined) context.skip('no such Node.js on this machine, and no registry');
  return node ?? '';
}

describe('the package', () => {
  it('has the program, what people read first, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    const others = paths.filter((path) => !/^dist\/.*\.(?:js|d\.ts)$/u.test(path));
    expect(others).toEqual(
      expect.arrayContaining(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']),
    );
    expect(
      others.filter((path) => !/^docs\/|^[A-Z]+(?:\.md)?$|^package\.json$/u.test(path)).join(),
    ).toBe('');
    expect(paths.filter((path) => /^dist\/(?:test|bench)\/|\.map$/u.test(path)).join()).toBe('');
    // About 0.8 MB: the dependencies are another 100.
    expect(packed.size).toBeLessThan(2 * 1024 * 1024);
  });

  it('has a program that a shell can run', () => {
    const main = packed.files.find(({ path }) => path === 'dist/daemon/main.js');
    expect(main?.mode).toBe(0o755);
    const text = readFileSync(join(ROOT, 'dist/daemon/main.js'), 'utf8');
    expect(text.startsWith('#!/usr/bin/env node\n')).toBe(true);
  });
});

describe('`npm install -g`', () => {
  it('puts `cooee` on the path', async (context) => {
    const node = needs(context, process.execPath);
    expect(await cooee(node, '-V')).toEqual({
      code: 0,
      stdout: `${packed.version}\n`,
      stderr: '',
    });
    expect(statSync(COOEE).mode & 0o111).toBe(0o111);
    expect((await cooee(node, 'status')).code).toBe(5);
  });

  it('an older Node.js gets a sentence, and exit 1', async (context) => {
    const node = needs(context, node20);
    for (const args of [['-V'], ['up'], ['status', '--json']]) {
      const { code, stdout, stderr } = await cooee(node, ...args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^cooee: needs Node\.js 22\.12 or newer, and this is 20\.[^\n]+\n$/u);
    }
  });

  it('the newest Node.js: up, status, down on a clean home', async (context) => {
    const node = needs(context, process.execPath);
    await upAndDown(node, () => status(node));
    // Not `npx cooee`: that is for a checkout.
    expect(said).toMatch(/^next {2}cooee invite /mu);
  });

  it('Node.js 22, and an upgrade: the same identity and mesh', async (context) => {
    const node = needs(context, node22);
    const before = await upAndDown(process.execPath, () => status(process.execPath));
    const source = join(folder, 'next');
    const archive = join(folder, packed.filename);
    await promisify(execFile)('sh', [
      '-c',
      `mkdir '${source}' && tar xzf '${archive}' -C '${source}'`,
    ]);
    const manifest = join(source, 'package/package.json');
    const text = readFileSync(manifest, 'utf8');
    writeFileSync(manifest, text.replace(`"${packed.version}"`, '"99.0.0"'));
    await install(node, await pack(join(source, 'package')));
    expect((await cooee(node, '-V')).stdout).toBe('99.0.0\n');
    const after = await upAndDown(node, () => status(node));
    expect([after.node.peer, after.mesh.id]).toEqual([before.node.peer, before.mesh.id]);
  });
});

import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { must } from './command.ts';
import type { Engine } from './find.ts';

/**
 * Builds the image from what is built on this machine: stage `prebuilt` of the Dockerfile, which
 * needs no network.
 *
 * @param folder - for the builder's context; emptied before
 */
export async function buildImage(
  engine: Engine,
  init: {
    readonly repo: string;
    readonly folder: string;
    readonly tag: string;
    readonly base: string;
  },
): Promise<void> {
  const { repo, folder, tag, base } = init;
  await prepareContext(repo, folder);
  const args = ['build', '-q', '--target', 'prebuilt', '--build-arg', `BASE_IMAGE=${base}`];
  await must('docker', [...args, '-t', tag, folder], { env: engine.env, timeoutMs: 300_000 });
}

/** The folder that stage `prebuilt` is built from: the program and the packages that it runs on. */
async function prepareContext(repo: string, folder: string): Promise<void> {
  if (!existsSync(join(repo, 'dist/daemon/main.js'))) {
    throw new Error('dist is missing: run npm run build');
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ['Dockerfile', 'package.json', 'containers', 'dist']) {
    cpSync(join(repo, name), join(folder, name), { recursive: true });
  }
  chmodSync(join(folder, 'dist/daemon/main.js'), 0o755);
  for (const path of productionPackages(repo)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(repo, path), target, { recursive: true });
  }
  await must('sh', [join(folder, 'containers/slim.sh'), join(folder, 'node_modules')]);
}

const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ dev: z.boolean().optional() })),
});

/** Paths of the packages without those for development; a package within another goes with it. */
function productionPackages(repo: string): readonly string[] {
  const text = readFileSync(join(repo, 'package-lock.json'), 'utf8');
  const { packages } = lockSchema.parse(JSON.parse(text));
  return Object.entries(packages)
    .filter(([path, { dev }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && dev !== true)
    .map(([path]) => path)
    .filter((path) => existsSync(join(repo, path)));
}

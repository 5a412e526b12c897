import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { has, must, run } from './command.ts';

/** Why there is no testnet here; no failure. */
export class Skip extends Error {}

/** A container engine with its Compose. */
export interface Engine {
  readonly env: NodeJS.ProcessEnv;
  /** The words before those of a Compose command. */
  readonly compose: readonly [string, ...string[]];
  /** It has no way to a registry: the base image has to be made. */
  readonly isPrivate: boolean;
  /** Ends it when it was started for this run. */
  readonly close: () => Promise<void>;
}

/** Programs that start an engine of our own, where a machine has none. */
const TOOLS = process.env['COOEE_TESTNET_TOOLS'] ?? '../shared/testnet';
/** Exit code of the tools for what cannot be done here. */
const SKIPPED = 77;

/**
 * The engine that this machine has, else one of our own.
 *
 * @param repo - the checkout
 * @param folder - where one of our own keeps all that it has
 * @throws Skip with the reason
 */
export async function findEngine(repo: string, folder: string): Promise<Engine> {
  if (process.getuid?.() !== 0) {
    throw new Skip('the sockets and networks of the containers can be reached by root only');
  }
  const there = await run('docker', ['version'], { timeoutMs: 10_000 });
  if (there.code === 0) return await use({}, { isPrivate: false, close: async () => undefined });
  const tool = join(toolsOf(repo), 'engine.sh');
  if (!existsSync(tool)) {
    throw new Skip('no container engine answers (docker version), and there is no tool for one');
  }
  const close = async (): Promise<void> => {
    await run('bash', [tool, 'down', folder], { cwd: '/' });
  };
  const up = await run('bash', [tool, 'up', folder], { cwd: '/', timeoutMs: 180_000 });
  if (up.code === SKIPPED) throw new Skip(up.stdout.trim().replace(/^SKIP /, ''));
  const host = /^DOCKER_HOST=(\S+)$/m.exec(up.stdout)?.[1];
  if (up.code !== 0 || host === undefined) {
    await close();
    throw new Error(`${tool} up: exit ${up.code}\n${up.stdout}${up.stderr}`);
  }
  return await use({ DOCKER_HOST: host }, { isPrivate: true, close });
}

async function use(
  env: NodeJS.ProcessEnv,
  of: Pick<Engine, 'isPrivate' | 'close'>,
): Promise<Engine> {
  const isPlugin = (await run('docker', ['compose', 'version'], { env })).code === 0;
  if (isPlugin) return { env, compose: ['docker', 'compose'], ...of };
  if (await has('docker-compose')) return { env, compose: ['docker-compose'], ...of };
  await of.close();
  throw new Skip('there is an engine, but neither docker compose nor docker-compose');
}

/**
 * Makes the base image in an engine without a way to a registry.
 *
 * @returns its name
 * @throws Skip with the reason
 */
export async function baseImage(engine: Engine, repo: string): Promise<string> {
  const given = process.env['BASE_IMAGE'];
  if (given !== undefined) return given;
  const usual = 'node:24-bookworm-slim';
  if (!engine.isPrivate) return await pull(engine, usual);
  const tool = join(toolsOf(repo), 'make-base-image.sh');
  const make = (env: NodeJS.ProcessEnv = {}) =>
    run('bash', [tool], { env: { ...engine.env, ...env }, cwd: '/', timeoutMs: 300_000 });
  let made = await make();
  if (made.code === SKIPPED && made.stderr.includes('debootstrap')) {
    // The engine's tool installs what it needs by itself; this one only says what is missing.
    const install = 'apt-get install -qq -y --no-install-recommends debootstrap';
    await run('sh', ['-c', `${install} || { apt-get update -qq && ${install}; }`], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
    made = await make();
  }
  if (made.code === 0) return usual;
  if (made.code === SKIPPED) throw new Skip(`no base image: ${made.stderr.trim()}`);
  throw new Error(`${tool}: exit ${made.code}\n${made.stderr.slice(-2_000)}`);
}

/** The image as the engine has it, or gets it. */
async function pull(engine: Engine, image: string): Promise<string> {
  const { env } = engine;
  if ((await run('docker', ['image', 'inspect', image], { env })).code === 0) return image;
  const { code, stderr } = await run('docker', ['pull', '-q', image], { env, timeoutMs: 300_000 });
  if (code !== 0) throw new Skip(`the engine cannot get ${image}: ${stderr.trim()}`);
  return image;
}

function toolsOf(repo: string): string {
  return resolve(repo, TOOLS);
}

/** Bytes of an image, as `docker images` counts them. */
export async function imageBytes(engine: Engine, image: string): Promise<number> {
  const args = ['image', 'inspect', '-f', '{{.Size}}', image];
  return Number((await must('docker', args, { env: engine.env })).trim());
}

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CooeeClient } from '../../../daemon/client/index.ts';
import { type Ended, must, run } from './command.ts';
import type { Engine } from './find.ts';

/** What the tests set in place of what docker-compose.yml has for people. */
export interface ClusterInit {
  readonly engine: Engine;
  /** The checkout: its docker-compose.yml is what runs. */
  readonly repo: string;
  /** For files of this run. Its path is short, since sockets may lie below it. */
  readonly folder: string;
  readonly project: string;
  readonly image: string;
  readonly config: Record<string, unknown>;
  /** Node → folder on this machine that its home is kept in, instead of a volume of the engine. */
  readonly homes: Readonly<Record<string, string>>;
  /** Loaded by the daemons of all nodes before anything else: a file in `folder`. */
  readonly preload?: string;
}

/** The nodes of docker-compose.yml. */
export const NODE_NAMES = ['n1', 'n2', 'n3', 'n4', 'n5'] as const;

/** Where the preloaded file and what it reads are in a container. */
const CLOCK_MOUNT = '/clock';

/** One node of the mesh as the tests reach it. */
export interface ClusterNode {
  readonly name: string;
  /** On this machine. */
  readonly socketPath: string;
  readonly client: CooeeClient;
}

/** The five nodes of docker-compose.yml. */
export class Cluster {
  readonly init: ClusterInit;
  nodes: readonly ClusterNode[] = [];
  #compose: readonly string[] = [];
  /** What containers printed that are gone. */
  readonly #gone = new Map<string, string>();

  constructor(init: ClusterInit) {
    this.init = init;
  }

  get network(): string {
    return `${this.init.project}_mesh`;
  }

  /** Starts all of it, as a person would with one command. */
  async up(): Promise<void> {
    const { repo, folder, project } = this.init;
    const override = join(folder, 'override.json');
    writeFileSync(override, JSON.stringify(this.#override(), null, 2));
    const files = ['-f', join(repo, 'docker-compose.yml'), '-f', override];
    this.#compose = [...files, '--project-directory', repo, '-p', project];
    await this.compose('up', '-d', '--no-build');
    this.nodes = await Promise.all(NODE_NAMES.map((name) => this.#node(name)));
  }

  /** Removes all of it. */
  async down(): Promise<void> {
    await Promise.all(this.nodes.map(({ client }) => client.close()));
    if (this.#compose.length > 0) await this.compose('down', '-v', '-t', '2');
  }

  /** Runs a Compose command on it. */
  async compose(...args: readonly string[]): Promise<string> {
    const { engine } = this.init;
    const [program, ...words] = engine.compose;
    // Any port: a mesh of the same file may be running for people.
    const ports = Object.fromEntries(NODE_NAMES.map((it) => [`${it.toUpperCase()}_PORT`, '']));
    const env = { ...engine.env, ...ports };
    return await must(program, [...words, ...this.#compose, ...args], { env });
  }

  async docker(...args: readonly string[]): Promise<string> {
    return (await must('docker', args, { env: this.init.engine.env })).trim();
  }

  /** The container of a node; another one after it was made anew. */
  async container(name: string): Promise<string> {
    // Not by Compose, which takes half a second for it.
    const label = 'label=com.docker.compose';
    const filters = [`${label}.project=${this.init.project}`, `${label}.service=${name}`];
    const id = await this.docker('ps', '-aq', ...filters.flatMap((it) => ['--filter', it]));
    if (id === '') throw new Error(`${name} has no container`);
    return id;
  }

  /** The first process of a node's container; 0 while it does not run. */
  async pid(name: string): Promise<number> {
    const id = await this.container(name);
    return Number(await this.docker('inspect', '-f', '{{.State.Pid}}', id));
  }

  /** A node's address in the network of the mesh; empty while it is not in it. */
  async ip(name: string): Promise<string> {
    const id = await this.container(name);
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    return await this.docker('inspect', '-f', format, id);
  }

  /** Runs a program of this machine in the network of a node's container. */
  async inNetworkOf(name: string, ...words: readonly string[]): Promise<Ended> {
    const pid = await this.pid(name);
    if (pid === 0) return { code: 1, stdout: '', stderr: `${name} does not run` };
    return await run('nsenter', ['-t', String(pid), '-n', ...words]);
  }

  /** Runs the command line in a node's container. */
  async cooee(name: string, ...words: readonly string[]): Promise<Ended> {
    const id = await this.container(name);
    return await run('docker', ['exec', id, 'cooee', ...words], { env: this.init.engine.env });
  }

  /** Removes a node's container and makes another around its volume. */
  async replace(name: string): Promise<void> {
    this.#gone.set(name, await this.logs(name));
    await this.compose('up', '-d', '--no-build', '--no-deps', '--force-recreate', name);
  }

  /** What a node's containers printed, those that were replaced first. */
  async logs(name: string): Promise<string> {
    const id = await this.container(name);
    const { env } = this.init.engine;
    const { stdout, stderr } = await run('docker', ['logs', '-t', id], { env });
    return (this.#gone.get(name) ?? '') + stdout + stderr;
  }

  #override(): unknown {
    const { config, homes, preload, folder, image } = this.init;
    const services: Record<string, unknown> = {};
    const volumes: Record<string, unknown> = {};
    for (const name of NODE_NAMES) {
      const environment: Record<string, string> = { MESH_CONFIG: JSON.stringify(config) };
      const mounts: string[] = [];
      if (preload !== undefined) {
        const clock = join(folder, 'clock', name);
        mkdirSync(clock, { recursive: true });
        environment['NODE_OPTIONS'] = `--max-old-space-size=192 --require=/preload.cjs`;
        mounts.push(`${join(folder, preload)}:/preload.cjs:ro`, `${clock}:${CLOCK_MOUNT}:ro`);
      }
      services[name] = { image, environment, volumes: mounts };
      const device = homes[name];
      if (device !== undefined) {
        volumes[name] = { driver_opts: { type: 'none', o: 'bind', device } };
      }
    }
    return Object.keys(volumes).length === 0 ? { services } : { services, volumes };
  }

  async #node(name: string): Promise<ClusterNode> {
    const { homes, project } = this.init;
    const format = '{{.Mountpoint}}';
    const home =
      homes[name] ?? (await this.docker('volume', 'inspect', '-f', format, `${project}_${name}`));
    const socketPath = join(home, 'cooee.sock');
    const client = new CooeeClient({ socketPath, answerTimeoutMs: 20_000 });
    return { name, socketPath, client };
  }
}

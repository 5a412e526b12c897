import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CooeeClient } from '../../daemon/client/index.ts';

/** The built program: `npm test` builds it first. */
export const MAIN = resolve(import.meta.dirname, '../../dist/daemon/main.js');

/** What a command line printed, and how it ended. */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Tries `check` until it gives something other than undefined or false; the last error is shown
 * when time is up. The time only bounds hanging: what must be quick is held against a stopwatch.
 */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 60_000,
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: last });
    }
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

// Below what the system gives to connections that go out (32768 and on), and below the port that a
// daemon takes by itself with those that follow it.
const FIRST_PORT = 12_000;
const RANGES = 450;
const RANGE_PORTS = 30;
const STRIDE = 149;

let nextPort = await freeRange();

/** A loopback port of this test process's own range. */
export function freePort(): number {
  nextPort += 1;
  return nextPort - 1;
}

/** The first port of a range in which nobody listens: another run of the tests, or a program. */
async function freeRange(): Promise<number> {
  for (let i = 0; i < RANGES; i += 1) {
    // The next process has the next range: far from it, and by and by through all of them.
    const first = FIRST_PORT + ((process.pid + i * STRIDE) % RANGES) * RANGE_PORTS;
    const ports = Array.from({ length: RANGE_PORTS }, (_, n) => first + n);
    const taken = await Promise.all(ports.map(isTaken));
    if (!taken.includes(true)) return first;
  }
  throw new Error('there is no range of free ports');
}

async function isTaken(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((done) => {
    server.once('error', () => done(true));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => done(false)));
  });
}

/** The daemons that run, so that none outlives its test process, however that ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One host: a home of its own, and at most one daemon on it. All traffic stays on loopback. */
export class TestHost {
  readonly name: string;
  readonly home: string;
  readonly port = freePort();
  readonly client: CooeeClient;
  /** Reads: it has no ticket. */
  readonly agentClient: CooeeClient;
  readonly #acting: CooeeClient[] = [];
  /** Besides the environment of the tests, for the daemon and for commands. */
  env: NodeJS.ProcessEnv = {};
  /** The program that its daemon runs: another build of it, for tests of two versions. */
  main = MAIN;
  /** Words before the program's, such as those that put it into another network. */
  launcher: readonly string[] = [];
  /** What the daemon printed, over all its starts. */
  stdout = '';
  stderr = '';
  #daemon: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor(name: string, home: string) {
    this.name = name;
    this.home = home;
    this.client = new CooeeClient({ socketPath: join(home, 'cooee.sock') });
    this.agentClient = new CooeeClient({ socketPath: join(home, 'agent.sock') });
  }

  /** A client on the agent socket that acts as an agent of this host, with a new ticket. */
  async actAs(token: string): Promise<CooeeClient> {
    const { ticket } = await this.client.call('createSession', { params: { token } });
    const client = new CooeeClient({ socketPath: join(this.home, 'agent.sock'), ticket });
    this.#acting.push(client);
    return client;
  }

  /** Closes all its clients. */
  async closeClients(): Promise<void> {
    await Promise.all([this.client, this.agentClient, ...this.#acting].map((it) => it.close()));
  }

  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  /** Resolves with the exit code of the daemon; null after a signal. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** Starts the daemon and waits until it is a member; `args` go behind `up`. */
  async up(...args: readonly string[]): Promise<void> {
    this.spawn(...args);
    await this.ready();
  }

  /** Waits until the daemon is a member. */
  async ready(): Promise<void> {
    const isUp = async (): Promise<boolean | 'ended'> => {
      if (this.#daemon?.exitCode != null) return 'ended';
      return (await this.client.call('getStatus', {})).role !== 'joining';
    };
    const outcome = await until(`${this.name} is up`, isUp, 60_000).catch(String);
    if (outcome === true) return;
    // All that it printed has come when it is closed.
    const how = outcome === 'ended' ? `${this.name} ended: exit ${await this.#exited}` : outcome;
    throw new Error(`${how}\n${this.stderr.slice(-4000)}`);
  }

  /** Starts the daemon without waiting. */
  spawn(...args: readonly string[]): void {
    const number = (this.port % 200).toString(16).padStart(2, '0');
    const defaults: [string, string[]][] = [
      ['--listen', ['--listen', `/ip4/127.0.0.1/tcp/${this.port}`]],
      ['--hostname', ['--hostname', this.name, '--mac', `AA:BB:CC:DD:EE:${number}`]],
      ['--log-level', ['--log-level', 'debug']],
    ];
    const added = defaults.flatMap(([flag, words]) => (args.includes(flag) ? [] : words));
    this.run('up', '--home', this.home, '--no-mdns', ...added, ...args);
  }

  /** Starts the daemon with these words and no others. */
  run(...words: readonly string[]): void {
    const [program = process.execPath, ...rest] = [...this.launcher, process.execPath];
    const child = spawn(program, [...rest, this.main, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, OLLAMA_HOST: 'http://127.0.0.1:9', ...this.env },
    });
    child.stdout.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#daemon = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#exited = new Promise((done) => child.once('close', (code) => done(code)));
  }

  /** Ends the daemon; resolves when the process is gone. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#daemon?.exitCode === null && this.#daemon.signalCode === null) {
      this.#daemon.kill(signal);
    }
    return await this.#exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.#daemon?.kill(signal);
  }

  /** Runs the command line on this home. */
  async cli(...args: readonly string[]): Promise<CliResult> {
    return await runCli([...args, '--home', this.home], { env: this.env });
  }

  /** As {@link cli}, must succeed, and gives what `--json` printed. */
  async json<T = Record<string, unknown>>(...args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.cli(...args, '--json');
    if (code !== 0) throw new Error(`cooee ${args.join(' ')}: exit ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** An invite of this host's mesh. */
  async invite(...args: readonly string[]): Promise<string> {
    return (await this.json<{ invite: string }>('invite', ...args)).invite;
  }

  /**
   * Keeps the vote with this host, however many members come: for tests whose members go away
   * again.
   */
  async votesAlone(): Promise<void> {
    const query = { wait: 'committed', timeoutMs: 60_000 } as const;
    await this.client.call('setMesh', { query, body: { votersTarget: 1 } });
  }

  async peer(): Promise<string> {
    return (await this.client.call('getStatus', {})).node.peer;
  }

  /** The value of a counter in /metrics; the sum over its labels that contain `label`. */
  async counter(name: string, label = ''): Promise<number> {
    const text = await this.client.call('getMetrics', {});
    return text
      .split('\n')
      .filter((line) => line.startsWith(name) && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }
}

/** Runs the built command line. */
export async function runCli(
  args: readonly string[],
  options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<CliResult> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  // A program that refuses what it reads does not read to the end.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, stdout, stderr };
}

/** The hosts of one test file: made in a temporary folder, all gone when it is closed. */
export class TestMesh {
  readonly folder = mkdtempSync(join(tmpdir(), 'cooee-mesh-'));
  readonly hosts: TestHost[] = [];

  constructor() {
    if (!existsSync(MAIN)) throw new Error('dist is missing: run npm run build');
  }

  /** A host that is not started. */
  host(name: string): TestHost {
    const host = new TestHost(name, join(this.folder, name));
    this.hosts.push(host);
    return host;
  }

  /** A mesh of so many hosts, all started; the first one made it. */
  async start(...names: readonly string[]): Promise<TestHost[]> {
    const hosts = names.map((name) => this.host(name));
    const [first, ...others] = hosts;
    if (first === undefined) return hosts;
    await first.up();
    for (const other of others) await other.up('--join', await first.invite());
    return hosts;
  }

  async close(): Promise<void> {
    await Promise.all(
      this.hosts.map(async (host) => {
        host.signal('SIGCONT');
        await host.end('SIGKILL');
        await host.closeClients();
      }),
    );
    rmSync(this.folder, { recursive: true, force: true });
  }
}

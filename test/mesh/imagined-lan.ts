import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { until } from './harness.ts';

const run = promisify(execFile);

/**
 * Hosts in network namespaces of their own, joined by a switch that delays and loses frames: the
 * program that `COOEE_TAPNET` names, called with the number of hosts, the delay in ms and the loss
 * from 0 to 1. Host n is namespace `tn<n>` with address 10.78.0.<10 + n>.
 */
export class ImaginedLan {
  readonly #switch: ChildProcess;

  constructor(process: ChildProcess) {
    this.#switch = process;
  }

  /** Why there can be none here; undefined when there can. */
  static async obstacle(): Promise<string | undefined> {
    if (process.env['COOEE_TAPNET'] === undefined) return 'COOEE_TAPNET names no switch program';
    if (process.getuid?.() !== 0) return 'network namespaces need root';
    return await run('unshare', ['-mn', 'true']).then(
      () => undefined,
      () => 'this system gives no network namespaces',
    );
  }

  static async start(hosts: number, delayMs: number, loss: number): Promise<ImaginedLan> {
    const tool = process.env['COOEE_TAPNET'] ?? '';
    // Names of namespaces are files below /run/netns: on a file system of their own they meet
    // nobody's.
    const script =
      'mkdir -p /run/netns && mount -t tmpfs none /run/netns && exec python3 "$0" "$@"';
    const words = ['-mn', '--propagation', 'private', 'sh', '-c', script, tool];
    const child = spawn('unshare', [...words, ...[hosts, delayMs, loss].map(String)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    }
    const lan = new ImaginedLan(child);
    process.once('exit', () => child.kill('SIGKILL'));
    await until('the switch is there', () => {
      if (child.exitCode !== null) throw new Error(said);
      return said.includes('ready');
    });
    return lan;
  }

  /** Words that have a program run on a host. */
  on(host: number): readonly string[] {
    return [...this.#inside(), 'ip', 'netns', 'exec', `tn${host}`];
  }

  address(host: number): string {
    return `10.78.0.${10 + host}`;
  }

  /** Pulls the cable of a host, or puts it back. */
  async plug(host: number, state: 'up' | 'down'): Promise<void> {
    const [program = '', ...words] = this.#inside();
    await run(program, [...words, 'ip', '-n', `tn${host}`, 'link', 'set', 'eth0', state]);
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.#switch.once('close', done));
    this.#switch.kill('SIGKILL');
    await closed;
  }

  #inside(): readonly string[] {
    return ['nsenter', '-t', String(this.#switch.pid), '-m', '-n'];
  }
}

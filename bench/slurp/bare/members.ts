import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Target } from '../cluster/cluster.ts';

const MEMBER = new URL('./member.ts', import.meta.url);

/** Three processes of Node.js that do nothing but what no commit can do without. */
export class BareMembers {
  readonly #folder = mkdtempSync(join(tmpdir(), 'cooee-bench-bare-'));
  readonly #children: ChildProcess[] = [];

  /** Where writes go in. */
  async start(): Promise<Target> {
    const ports = [await this.#fork('m1'), await this.#fork('m2')];
    const socketPath = join(this.#folder, 'socket');
    await this.#fork('m0', socketPath, ...ports);
    return { api: 'ours', socketPath };
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null) return;
        const gone = new Promise((done) => child.once('exit', done));
        child.kill('SIGKILL');
        await gone;
      }),
    );
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What it says first. */
  async #fork(name: string, ...words: readonly string[]): Promise<string> {
    const child = fork(MEMBER, [join(this.#folder, name), ...words]);
    this.#children.push(child);
    return await new Promise((heard, fail) => {
      child.once('message', (message) => heard(String(message)));
      child.once('exit', (code) => fail(new Error(`a bare member ended with ${code}`)));
    });
  }
}

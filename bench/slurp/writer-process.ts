import { type ChildProcess, fork } from 'node:child_process';
import type { LoopResult, LoopTask, ProbeResult, ProbeTask, Task } from './writer.ts';

type Answer<T> = { readonly result: T } | { readonly error: string };

/** The process that writes; one task at a time. */
export class WriterProcess {
  readonly #child: ChildProcess = fork(new URL('./writer.ts', import.meta.url));

  async loop(task: Omit<LoopTask, 'task'>): Promise<LoopResult> {
    return await this.#ask<LoopResult>({ ...task, task: 'loop' });
  }

  async probe(task: Omit<ProbeTask, 'task'>): Promise<ProbeResult> {
    return await this.#ask<ProbeResult>({ ...task, task: 'probe' });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((done) => this.#child.once('exit', done));
    this.#child.disconnect();
    await gone;
  }

  async #ask<T>(task: Task): Promise<T> {
    const answer = await new Promise<Answer<T>>((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the writer ended: ${code}`));
      this.#child.once('exit', onExit);
      this.#child.once('message', (message) => {
        this.#child.off('exit', onExit);
        resolve(message as Answer<T>);
      });
      this.#child.send(task);
    });
    if ('error' in answer) throw new Error(answer.error);
    return answer.result;
  }
}

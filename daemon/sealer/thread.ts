import { Worker } from 'node:worker_threads';
import { CooeeError } from '../../protocols/interface/index.ts';
import type { SealAnswer, SealJob, SealWorkerData } from './jobs.ts';

/** Runs from the build (.js) and from the source (.ts, by Node's type stripping). */
const ENTRY = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';

/** Sealing needs little; a thread that wants more is ill and is replaced. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };

interface Waiting {
  readonly resolve: (answer: SealAnswer) => void;
  readonly reject: (error: CooeeError) => void;
}

/** One worker thread with at most one job. Once it has ended it is not used again. */
export class SealThread {
  readonly #worker: Worker;
  readonly #onEnd: () => void;
  #waiting: Waiting | undefined;
  #fault: unknown;
  #isEnding = false;

  /** @param onEnd - called once, after the job (when there was one) has been rejected */
  constructor(data: SealWorkerData, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#worker = new Worker(new URL(ENTRY, import.meta.url), {
      workerData: data,
      resourceLimits: RESOURCE_LIMITS,
    });
    this.#worker.on('message', (answer: SealAnswer) => this.#settle(answer));
    this.#worker.on('messageerror', (fault) => void this.#end(fault));
    this.#worker.on('error', (fault) => {
      this.#fault = fault;
    });
    this.#worker.on('exit', () => this.#ended());
    this.#worker.unref();
  }

  get isIdle(): boolean {
    return this.#waiting === undefined && !this.#isEnding;
  }

  /** @throws CooeeError ERR_API_INTERNAL when the thread ends before it has answered */
  run(job: SealJob): Promise<SealAnswer> {
    // Only a thread at work keeps the process alive.
    this.#worker.ref();
    // A copy of its own: the bytes may be a window on a large shared buffer, which would be cloned
    // whole.
    const bytes = new Uint8Array(job.bytes);
    return new Promise<SealAnswer>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#worker.postMessage({ ...job, bytes }, [bytes.buffer]);
    });
  }

  /** Ends the thread; a job at work is rejected. */
  async terminate(): Promise<void> {
    await this.#end(undefined);
  }

  async #end(fault: unknown): Promise<void> {
    this.#isEnding = true;
    this.#fault ??= fault;
    await this.#worker.terminate();
  }

  #settle(answer: SealAnswer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#worker.unref();
    waiting?.resolve(answer);
  }

  #ended(): void {
    this.#isEnding = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(
      new CooeeError('ERR_API_INTERNAL', 'the sealing thread ended', { cause: this.#fault }),
    );
    this.#onEnd();
  }
}

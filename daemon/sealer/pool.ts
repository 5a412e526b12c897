import { assertOneRecipient } from '../../protocols/enrolment/index.ts';
import {
  type Clock,
  CooeeError,
  LIMITS,
  type Logger,
  type Sealer,
  type Startable,
  type Timer,
  toError,
} from '../../protocols/interface/index.ts';
import type { SealAnswer, SealJob } from './jobs.ts';
import { SealThread } from './thread.ts';

/** What {@link createSealer} needs. */
export interface SealerInit {
  /** Age identities of this node (secret), tried in turn when opening. */
  readonly identities: readonly string[];
  /** @default 1: about 150 hybrid seals a second, while the other core serves */
  readonly threads?: 1 | 2;
  /** Jobs that may wait. More are refused, so that a flood costs no memory. @default 512 */
  readonly queueMax?: number;
  /** A pool without work for this long ends its threads: each holds about 20 MB. @default 5 s */
  readonly idleMs?: number;
  /** A job that takes longer is given up and its thread replaced. @default 20 s */
  readonly jobTimeoutMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Task {
  readonly job: SealJob;
  readonly resolve: (answer: SealAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A {@link Sealer} on worker threads. No thread runs before the first job, so a start costs
 * nothing. A stopped sealer refuses jobs with ERR_API_STARTING.
 */
export function createSealer(init: SealerInit): Sealer & Startable {
  return new SealerPool(init);
}

class SealerPool implements Sealer, Startable {
  readonly #init: Required<SealerInit>;
  readonly #logger: Logger;
  readonly #threads = new Set<SealThread>();
  readonly #queue: Task[] = [];
  #isStarted = false;
  #idle: Timer | undefined;

  constructor(init: SealerInit) {
    this.#init = { threads: 1, queueMax: 512, idleMs: 5_000, jobTimeoutMs: 20_000, ...init };
    this.#logger = init.logger.child('cooee:sealer');
  }

  async start(): Promise<void> {
    this.#isStarted = true;
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#idle?.cancel();
    const waiting = this.#queue.splice(0);
    for (const task of waiting) task.reject(new CooeeError('ERR_API_STARTING'));
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  async seal(recipient: string, plaintext: Uint8Array): Promise<Uint8Array> {
    // The age library seals to several kinds of recipients; these two are ours.
    if (!/^age1(pq1)?[02-9ac-hj-np-z]+$/.test(recipient)) throw notRecipient(recipient);
    const answer = await this.#run({ kind: 'seal', recipient, bytes: plaintext });
    if (!answer.ok) throw notRecipient(recipient);
    assertOneRecipient(answer.bytes);
    return answer.bytes;
  }

  async open(ciphertext: Uint8Array): Promise<Uint8Array> {
    if (ciphertext.length > LIMITS.enrolmentSealedBytesMax) {
      throw new CooeeError('ERR_ENROLMENT_TOO_LARGE', undefined, {
        details: { bytes: ciphertext.length, bytesMax: LIMITS.enrolmentSealedBytesMax },
      });
    }
    assertOneRecipient(ciphertext);
    const answer = await this.#run({ kind: 'open', bytes: ciphertext });
    if (!answer.ok) throw new CooeeError('ERR_ENROLMENT_CIPHERTEXT');
    return answer.bytes;
  }

  #run(job: SealJob): Promise<SealAnswer> {
    if (!this.#isStarted) return Promise.reject(new CooeeError('ERR_API_STARTING'));
    if (this.#queue.length >= this.#init.queueMax) {
      return Promise.reject(
        new CooeeError('ERR_API_BUSY', 'too many enrolments wait to be sealed or opened', {
          details: { queueMax: this.#init.queueMax },
        }),
      );
    }
    return new Promise<SealAnswer>((resolve, reject) => {
      this.#queue.push({ job, resolve, reject });
      this.#pump();
    });
  }

  /** Gives waiting jobs to idle threads, starting threads while there are fewer than allowed. */
  #pump(): void {
    while (this.#isStarted && this.#queue.length > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) return;
      const task = this.#queue.shift();
      if (task === undefined) return;
      if (thread === 'refused') {
        task.reject(new CooeeError('ERR_API_INTERNAL', 'no sealing thread could be started'));
        continue;
      }
      this.#idle?.cancel();
      void this.#work(thread, task);
    }
  }

  #freeThread(): SealThread | 'refused' | undefined {
    for (const thread of this.#threads) if (thread.isIdle) return thread;
    if (this.#threads.size >= this.#init.threads) return undefined;
    try {
      const thread: SealThread = new SealThread({ identities: this.#init.identities }, () => {
        this.#threads.delete(thread);
        this.#pump();
      });
      this.#threads.add(thread);
      return thread;
    } catch (error) {
      // No memory, or as many threads as a container may have. There may be one later.
      this.#logger.error({ err: toError(error) }, 'no sealing thread could be started');
      return 'refused';
    }
  }

  async #work(thread: SealThread, task: Task): Promise<void> {
    const timeout = this.#init.clock.schedule(this.#init.jobTimeoutMs, () => {
      this.#logger.warn({ timeoutMs: this.#init.jobTimeoutMs }, 'a sealing job took too long');
      void thread.terminate();
    });
    try {
      task.resolve(await thread.run(task.job));
    } catch (error) {
      if (this.#isStarted) this.#logger.error({ err: error }, 'a sealing thread ended');
      task.reject(error);
    } finally {
      timeout.cancel();
    }
    this.#pump();
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    this.#idle?.cancel();
    if (!this.#isStarted) return;
    this.#idle = this.#init.clock.schedule(this.#init.idleMs, () => {
      for (const thread of this.#threads) if (thread.isIdle) void thread.terminate();
    });
  }
}

function notRecipient(recipient: string): CooeeError {
  return new CooeeError('ERR_ENROLMENT_RECIPIENTS', 'not an age recipient', {
    details: { recipient: recipient.slice(0, 16) },
  });
}

import { type FileHandle, open } from 'node:fs/promises';
import type { Operation } from './operation.ts';

/** What may wait to be written: a disk that is so far behind is out of order. */
const WAITING_BYTES_MAX = 32 * 1024 * 1024;

/** Writes a history as JSON Lines: one operation a line, in the order in which they ended. */
export class HistoryWriter {
  readonly #file: FileHandle;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #isScheduled = false;
  #failure: unknown;
  #count = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Opens a file to append to; makes it when there is none. */
  static async open(path: string): Promise<HistoryWriter> {
    return new HistoryWriter(await open(path, 'a'));
  }

  /** How many operations were appended. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes an operation; it is written soon.
   *
   * @throws Error when more than 32 MiB wait, or what was taken before could not be written
   */
  append(operation: Operation): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { op, key, input, output, ok, startNs, endNs, client } = operation;
    const line = `${JSON.stringify({ op, key, input, output, ok, startNs, endNs, client })}\n`;
    if (this.#waitingBytes + line.length > WAITING_BYTES_MAX) {
      throw new Error('the history cannot be written as fast as it grows');
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#count += 1;
    this.#schedule();
  }

  /** Takes what happened at this moment: a fault, a remark. */
  record(
    op: string,
    key: string,
    value: { readonly input?: unknown; readonly output?: unknown; readonly client?: string } = {},
  ): void {
    const { input = null, output = null, client = 'testnet' } = value;
    const now = process.hrtime.bigint().toString();
    this.append({ op, key, input, output, ok: true, startNs: now, endNs: now, client });
  }

  /** Resolves once all that was appended is written. @throws Error when it could not be */
  async flush(): Promise<void> {
    this.#schedule();
    while (this.#isScheduled) await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Writes the rest, syncs it and closes the file. */
  async close(): Promise<void> {
    try {
      await this.flush();
      await this.#file.datasync();
    } finally {
      await this.#file.close();
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    this.#writing = this.#drain();
  }

  /** What comes while a piece is written goes with the next one. */
  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const text = this.#waiting.join('');
        this.#waiting = [];
        this.#waitingBytes = 0;
        await this.#file.appendFile(text);
      }
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#isScheduled = false;
    }
  }
}

import { connect, type Socket } from 'node:net';
import { quantile } from './figure.ts';

/** What a load came to. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * One kept-alive HTTP connection over a Unix socket that asks the same thing again and again. It
 * reads just enough of an answer to know where it ends, so that the caller costs little beside the
 * server that is measured.
 */
class Asker {
  readonly #socket: Socket;
  readonly #request: Buffer;
  #waiting: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #left = -1;
  #head = Buffer.alloc(0);

  constructor(socketPath: string, path: string) {
    this.#request = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    this.#socket = connect(socketPath);
    this.#socket.on('data', (chunk) => this.#onData(chunk));
    this.#socket.on('error', (error) => this.#waiting?.reject(error));
    this.#socket.on('close', () => this.#waiting?.reject(new Error('the connection ended')));
  }

  async ask(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(this.#request);
    });
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    let bytes = chunk.length;
    if (this.#left < 0) {
      this.#head = Buffer.concat([this.#head, chunk]);
      const end = this.#head.indexOf(HEAD_END);
      if (end < 0) return;
      const head = this.#head.toString('latin1', 0, end);
      const length = /^content-length: (\d+)$/im.exec(head)?.[1];
      if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
        this.#waiting?.reject(new Error(`unexpected answer: ${head}`));
        return;
      }
      this.#left = Number(length);
      bytes = this.#head.length - end - HEAD_END.length;
      this.#head = Buffer.alloc(0);
    }
    this.#left -= bytes;
    if (this.#left > 0) return;
    this.#left = -1;
    this.#waiting?.resolve();
  }
}

/** Asks `path` over so many connections for so long, each as soon as it was answered. */
export async function load(
  target: { readonly socketPath: string; readonly path: string },
  { connections, durationMs }: { readonly connections: number; readonly durationMs: number },
): Promise<LoadResult> {
  const askers = Array.from(
    { length: connections },
    () => new Asker(target.socketPath, target.path),
  );
  const times: number[] = [];
  const begin = performance.now();
  const run = async (asker: Asker): Promise<void> => {
    let at = performance.now();
    while (at - begin < durationMs) {
      await asker.ask();
      const now = performance.now();
      times.push(now - at);
      at = now;
    }
  };
  try {
    await Promise.all(askers.map(run));
  } finally {
    for (const asker of askers) asker.close();
  }
  const perSecond = (times.length / (performance.now() - begin)) * 1000;
  return { perSecond, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

import type { CliHost } from '../../context.ts';
import { type Key, KeyReader } from './keys.ts';

/** Other screen, no cursor, pasted text marked as such. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?2004h';
const LEAVE = '\u001b[?2004l\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE_END = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

const COLUMNS_DEFAULT = 80;
const ROWS_DEFAULT = 24;

/** A terminal that is taken for a live view, and given back as it was. */
export class Terminal {
  readonly #host: CliHost;
  #isOpen = false;
  #shown = '';

  constructor(host: CliHost) {
    this.#host = host;
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#host.stdout;
    return { columns: columns || COLUMNS_DEFAULT, rows: rows || ROWS_DEFAULT };
  }

  open(): void {
    this.#isOpen = true;
    this.#host.stdin.setRawMode?.(true);
    this.#host.stdout.write(ENTER);
  }

  /** Idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#host.stdout.write(LEAVE);
    this.#host.stdin.setRawMode?.(false);
  }

  draw(lines: readonly string[]): void {
    const text = lines.map((line) => line + CLEAR_LINE_END).join('\r\n');
    if (!this.#isOpen || text === this.#shown) return;
    this.#shown = text;
    this.#host.stdout.write(`${HOME}${text}${CLEAR_BELOW}`);
  }

  /** Keys until the end of the input. */
  async *keys(): AsyncGenerator<Key, void, undefined> {
    const reader = new KeyReader();
    const decoder = new TextDecoder();
    for await (const chunk of this.#host.stdin) {
      const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
      yield* reader.read(text);
    }
  }
}

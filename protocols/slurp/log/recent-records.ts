import type { LogRecord } from '../../interface/index.ts';

/** Records kept in memory: what is applied next, and what followers are sent, is not read again. */
const RECENT_BYTES_MAX = 8 * 1024 * 1024;
const RECENT_COUNT_MAX = 4_096;

/** The end of the log in memory, without holes, bounded. */
export class RecentRecords {
  #records: (LogRecord | undefined)[] = [];
  /** Position in {@link #records} of the oldest one kept. */
  #start = 0;
  #bytes = 0;

  /** Records that follow the last ones; anything else begins anew with them. */
  push(records: readonly LogRecord[]): void {
    const first = records[0];
    const last = this.#records.at(-1);
    if (first !== undefined && last !== undefined && first.index !== last.index + 1) this.clear();
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += record.bytes.length;
    }
    this.#trim();
  }

  truncateFrom(index: number): void {
    while (this.#records.length > this.#start) {
      const last = this.#records.at(-1);
      if (last === undefined || last.index < index) return;
      this.#records.pop();
      this.#bytes -= last.bytes.length;
    }
  }

  clear(): void {
    this.#records = [];
    this.#start = 0;
    this.#bytes = 0;
  }

  /**
   * Records from `from` on, at most `countMax` and about `bytesMax`, at least one; undefined when
   * `from` is not kept.
   */
  read(from: number, countMax: number, bytesMax: number): readonly LogRecord[] | undefined {
    const first = this.#records[this.#start];
    if (first === undefined || from < first.index) return undefined;
    const begin = this.#start + from - first.index;
    if (begin >= this.#records.length) return undefined;
    let end = begin;
    let bytes = 0;
    const limit = Math.min(this.#records.length, begin + countMax);
    while (end < limit) {
      bytes += this.#records[end]?.bytes.length ?? 0;
      if (end > begin && bytes > bytesMax) break;
      end++;
    }
    return this.#records.slice(begin, end) as LogRecord[];
  }

  #trim(): void {
    const kept = (): number => this.#records.length - this.#start;
    while (kept() > 1 && (this.#bytes > RECENT_BYTES_MAX || kept() > RECENT_COUNT_MAX)) {
      this.#bytes -= this.#records[this.#start]?.bytes.length ?? 0;
      this.#records[this.#start] = undefined;
      this.#start++;
    }
    // The places are moved up in one go now and then, so that a push stays cheap.
    if (this.#start > RECENT_COUNT_MAX) {
      this.#records = this.#records.slice(this.#start);
      this.#start = 0;
    }
  }
}

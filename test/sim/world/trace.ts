/** What a failed simulation shows of its last events. */
const KEPT = 4_000;

/** The last events of a simulation, and a digest of all of them. */
export class Trace {
  #lines: string[] = [];
  #digest = 0x811c9dc5;
  #count = 0;

  add(line: string): void {
    this.#count++;
    let digest = this.#digest;
    for (let i = 0; i < line.length; i++) {
      digest = Math.imul(digest ^ line.charCodeAt(i), 0x01000193);
    }
    this.#digest = digest;
    this.#lines.push(line);
    if (this.#lines.length > 2 * KEPT) this.#lines = this.#lines.slice(-KEPT);
  }

  /** FNV-1a over all lines: two runs with one seed must give the same. */
  digest(): string {
    return `${this.#count}:${(this.#digest >>> 0).toString(16).padStart(8, '0')}`;
  }

  /** The last lines. */
  tail(count = KEPT): readonly string[] {
    return this.#lines.slice(-count);
  }
}

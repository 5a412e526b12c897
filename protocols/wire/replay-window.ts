/**
 * Replay protection per origin: numbers `(boot, seq)` are accepted once. Gossip may reorder, so the
 * last `size` numbers of the present boot are remembered one by one (as in RFC 4303, section
 * 3.4.3); older ones are refused outright.
 */
export interface ReplayMark {
  readonly boot: number;
  readonly seq: number;
}

/** The window of one origin. */
export class ReplayWindow {
  #boot: number;
  #high: number;
  readonly #size: number;
  readonly #seen: Uint8Array;

  /** @param mark - the persisted high mark: everything up to it counts as seen */
  constructor(size: number, mark?: ReplayMark) {
    this.#size = size;
    this.#boot = mark?.boot ?? 0;
    this.#high = mark?.seq ?? 0;
    this.#seen = new Uint8Array(size).fill(1);
  }

  /** The highest number seen; what is persisted. */
  get mark(): ReplayMark {
    return { boot: this.#boot, seq: this.#high };
  }

  /**
   * Whether the number is new. Changes nothing: call {@link accept} once the message proved valid.
   */
  isNew(boot: number, seq: number): boolean {
    if (boot !== this.#boot) return boot > this.#boot;
    if (seq > this.#high) return true;
    if (this.#high - seq >= this.#size) return false;
    return this.#seen[seq % this.#size] === 0;
  }

  /** Marks the number as seen; false when it was not new. */
  accept(boot: number, seq: number): boolean {
    if (!this.isNew(boot, seq)) return false;
    if (boot > this.#boot) {
      this.#boot = boot;
      this.#high = 0;
      this.#seen.fill(0);
    }
    // Numbers that were jumped over have not been seen: their slots held older numbers.
    const from = Math.max(this.#high + 1, seq - this.#size + 1);
    for (let n = from; n < seq; n++) this.#seen[n % this.#size] = 0;
    this.#seen[seq % this.#size] = 1;
    this.#high = Math.max(this.#high, seq);
    return true;
  }
}

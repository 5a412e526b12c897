import { type Clock, CooeeError, delay } from '../../interface/index.ts';

const READ_TIMEOUT_MS = 5_000;

/** Reads that wait for a majority to confirm the leadership. */
export class PendingReads {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, (index: number) => void>();
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Asks, and waits for the answer.
   *
   * @param begin gives the read with this id to the core
   * @returns the index that must be applied before the read is answered
   * @throws CooeeError ERR_SLURP_NO_LEADER when leadership was not confirmed within five seconds
   */
  async ask(begin: (id: number) => void): Promise<number> {
    this.#last++;
    const id = this.#last;
    const done = new AbortController();
    const answered = new Promise<number>((resolve) => this.#waiting.set(id, resolve));
    const late = delay(this.#clock, READ_TIMEOUT_MS, done.signal).then(
      () => 0,
      () => 0,
    );
    begin(id);
    const index = await Promise.race([answered, late]);
    done.abort();
    this.#waiting.delete(id);
    if (index > 0) return index;
    throw new CooeeError('ERR_SLURP_NO_LEADER', 'leadership is not confirmed');
  }

  /** @param index 0 = refused */
  answer(id: number, index: number): void {
    this.#waiting.get(id)?.(index);
  }

  refuseAll(): void {
    for (const resolve of this.#waiting.values()) resolve(0);
  }
}

/**
 * Values by name that were set last. In two generations: when the young one is half of what may be
 * kept, it becomes the old one, and what that held is forgotten. So nothing is moved or deleted
 * for each value that comes.
 */
export class RecentValues<T> {
  readonly #halfMax: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  /** @param sizeMax - values that are kept at the most; half as many are kept for sure */
  constructor(sizeMax: number) {
    this.#halfMax = Math.ceil(sizeMax / 2);
  }

  get(name: string): T | undefined {
    return this.#young.get(name) ?? this.#old.get(name);
  }

  set(name: string, value: T): void {
    this.#young.set(name, value);
    if (this.#young.size < this.#halfMax) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }
}

/** Sets before the map is made anew: copying what is there costs little then. */
const RENEW_SETS_MIN = 128;

/**
 * A map whose entries come and go all the time, as those of what is under way. V8 keeps a map in a
 * table and makes another when it is full of deleted entries; the one before points to the next.
 * When the first one got old enough to be cleared seldom, all those after it stay until then, with
 * all that was in them: under load that was three quarters of what waited to be collected. So the
 * map is made anew, which nothing old points to, before that adds up.
 */
export class ChurnMap<K, V> {
  #map = new Map<K, V>();
  #sets = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    this.#sets++;
    if (this.#sets > RENEW_SETS_MIN && this.#sets > 2 * this.#map.size) {
      this.#map = new Map(this.#map);
      this.#sets = 0;
    }
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    return this.#map.delete(key);
  }

  /** In the order in which they were set first; what is set meanwhile may be left out. */
  values(): IterableIterator<V> {
    return this.#map.values();
  }

  clear(): void {
    this.#map = new Map();
    this.#sets = 0;
  }
}

/** Stale places that the heap may hold besides the live ones before it is made anew. */
const STALE_MAX = 64;

/** What is due, and when. */
interface Place {
  readonly id: string;
  readonly atMs: number;
}

/**
 * Ids by the time at which they are due: a binary heap. Each id has one time; what a later time
 * replaced stays in the heap for a while and is passed over.
 */
export class DueQueue {
  readonly #times = new Map<string, number>();
  #heap: Place[] = [];

  /** Ids that are waiting. */
  get size(): number {
    return this.#times.size;
  }

  /** Sets the time of an id, or replaces it. */
  set(id: string, atMs: number): void {
    if (this.#times.get(id) === atMs) return;
    this.#times.set(id, atMs);
    if (this.#heap.length > 2 * this.#times.size + STALE_MAX) this.#rebuild();
    else this.#push({ id, atMs });
  }

  /** Harmless when it does not wait. */
  delete(id: string): void {
    this.#times.delete(id);
  }

  clear(): void {
    this.#times.clear();
    this.#heap = [];
  }

  /** The time of the one that is due first; undefined when none waits. */
  firstMs(): number | undefined {
    return this.#first()?.atMs;
  }

  /** Takes the first one out, when it is due by then. */
  takeDue(nowMs: number): string | undefined {
    const first = this.#first();
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.#pop();
    this.#times.delete(first.id);
    return first.id;
  }

  #first(): Place | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || this.#times.get(first.id) === first.atMs) return first;
      this.#pop();
    }
  }

  #rebuild(): void {
    const places = [...this.#times].map(([id, atMs]) => ({ id, atMs }));
    // A sorted list is a heap.
    this.#heap = places.sort((a, b) => a.atMs - b.atMs);
  }

  #push(place: Place): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(place);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = heap[up];
      if (above === undefined || above.atMs <= place.atMs) break;
      heap[at] = above;
      at = up;
    }
    heap[at] = place;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let below = heap[down];
      if (below === undefined) break;
      const right = heap[down + 1];
      if (right !== undefined && right.atMs < below.atMs) {
        down++;
        below = right;
      }
      if (last.atMs <= below.atMs) break;
      heap[at] = below;
      at = down;
    }
    heap[at] = last;
  }
}

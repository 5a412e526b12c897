/** Something with a place in the order of a list. */
export interface Ordered {
  readonly ord: number;
}

/** Items in the order of `ord`, which is different for each. */
export class OrderedList<T extends Ordered> {
  readonly #items: T[] = [];

  get length(): number {
    return this.#items.length;
  }

  at(position: number): T | undefined {
    return this.#items[position];
  }

  /** How many items come before `ord`. */
  rank(ord: number): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#items[middle]?.ord ?? 0) < ord) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds an item, or replaces the one at its place. */
  put(item: T): void {
    const at = this.rank(item.ord);
    this.#items.splice(at, this.#items[at]?.ord === item.ord ? 1 : 0, item);
  }

  delete(ord: number): void {
    const at = this.rank(ord);
    if (this.#items[at]?.ord === ord) this.#items.splice(at, 1);
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.values();
  }
}

/** An inverted index: term -> the items that have it, in order. */
export class Postings<T extends Ordered> {
  readonly #lists = new Map<string, OrderedList<T>>();
  /** The terms in order, for prefixes; made when it is needed. */
  #terms: string[] | undefined;

  add(term: string, item: T): void {
    let list = this.#lists.get(term);
    if (list === undefined) {
      list = new OrderedList();
      this.#lists.set(term, list);
      this.#terms = undefined;
    }
    list.put(item);
  }

  remove(term: string, item: T): void {
    const list = this.#lists.get(term);
    list?.delete(item.ord);
    if (list?.length !== 0) return;
    this.#lists.delete(term);
    this.#terms = undefined;
  }

  /** Items with exactly that term. */
  exact(term: string): OrderedList<T> {
    return this.#lists.get(term) ?? new OrderedList();
  }

  /** Items with a term that begins so. */
  prefix(prefix: string): OrderedList<T> {
    this.#terms ??= [...this.#lists.keys()].sort();
    const terms = this.#terms;
    const lists: OrderedList<T>[] = [];
    for (let at = lowerBound(terms, prefix); terms[at]?.startsWith(prefix); at += 1) {
      lists.push(this.exact(terms[at] ?? ''));
    }
    const [only] = lists;
    if (lists.length === 1 && only !== undefined) return only;
    const merged = new OrderedList<T>();
    const items = new Set(lists.flatMap((list) => [...list]));
    for (const item of [...items].sort((a, b) => a.ord - b.ord)) merged.put(item);
    return merged;
  }
}

function lowerBound(terms: readonly string[], term: string): number {
  let low = 0;
  let high = terms.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((terms[middle] ?? '') < term) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A binary heap: the least of its items comes out first. Pure. */

export class Heap<T> {
  readonly #items: T[] = [];
  readonly #keyOf: (item: T) => number;

  /** @param keyOf what items are ordered by; of an item in the heap it must not change */
  constructor(keyOf: (item: T) => number) {
    this.#keyOf = keyOf;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The least item, left where it is. */
  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    const key = this.#keyOf(item);
    let at = items.push(item) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = items[above];
      if (parent === undefined || this.#keyOf(parent) <= key) break;
      items[at] = parent;
      at = above;
    }
    items[at] = item;
  }

  /** Takes the least item. */
  pop(): T | undefined {
    const items = this.#items;
    const least = items[0];
    const last = items.pop();
    if (last !== undefined && items.length > 0) this.#sink(last);
    return least;
  }

  /** Finds a place for an item, from the top down. */
  #sink(item: T): void {
    const items = this.#items;
    const key = this.#keyOf(item);
    let at = 0;
    for (;;) {
      const left = items[2 * at + 1];
      if (left === undefined) break;
      const right = items[2 * at + 2];
      const goRight = right !== undefined && this.#keyOf(right) < this.#keyOf(left);
      const child = goRight ? right : left;
      if (this.#keyOf(child) >= key) break;
      items[at] = child;
      at = 2 * at + (goRight ? 2 : 1);
    }
    items[at] = item;
  }
}
